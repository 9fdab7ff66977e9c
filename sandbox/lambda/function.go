package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errThrottled = &apiError{http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded."}
	errRevoked   = &apiError{http.StatusForbidden, "AccessDeniedException", "No resource-based policy allows the lambda:InvokeFunction action"}
	errReplaced  = errors.New("the function was replaced or the service closed")
)

// invocation is one event on its way to its answer.
type invocation struct {
	id      string
	payload []byte

	claimed atomic.Bool
	answer  chan answer // room for one
}

// claim gives the right to answer to the first who asks: the function itself, its time-out, its end, or a kill.
func (inv *invocation) claim() bool { return inv.claimed.CompareAndSwap(false, true) }

// failure is a function error in Lambda's form.
func (inv *invocation) failure(errorType, message string) answer {
	payload, _ := json.Marshal(map[string]string{
		"errorType":    errorType,
		"errorMessage": "RequestId: " + inv.id + " Error: " + message,
	})
	return answer{payload: payload, failed: true}
}

// answer is what the caller gets.
type answer struct {
	payload []byte
	log     []byte // the end of what the invocation wrote

	failed   bool // a function error
	timedOut bool // and its cause is the time-out
}

// function is one deployment of a function: its environments and what became of them.
type function struct {
	Function
	log     *log.Logger
	revoked atomic.Bool // nobody may call it

	mu           sync.Mutex
	closed       bool
	environments map[*environment]struct{}
	// idle holds the environments that have answered, the last one on top: Lambda keeps the set of warm environments
	// small. They may still be about to ask for work.
	idle  []*environment
	logs  []Line
	stats Stats
	// running counts the environments that have been started and not ended yet.
	running sync.WaitGroup
}

// invoke hands inv to an idle environment, else to a new one, and returns its answer.
func (f *function) invoke(inv *invocation) (answer, error) {
	if f.revoked.Load() {
		return answer{}, errRevoked
	}
	for {
		e, err := f.acquire()
		if err != nil {
			return answer{}, err
		}
		cold := e == nil
		if cold {
			if e, err = f.start(); errors.Is(err, errReplaced) {
				return answer{}, err
			}
		}
		var a answer
		if err != nil {
			a = inv.failure("Runtime.InvalidEntrypoint", err.Error())
		} else if a, err = e.serve(inv, cold); err != nil {
			continue
		}
		f.settle(e, a)
		if a.failed {
			f.log.Printf("%s: %s", f.Name, a.payload)
		}
		return a, nil
	}
}

// acquire takes an idle environment, or room for a new one if it returns none.
func (f *function) acquire() (*environment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errReplaced
	}
	if n := len(f.idle); n > 0 {
		e := f.idle[n-1]
		f.idle = f.idle[:n-1]
		return e, nil
	}
	if f.stats.Environments >= f.Concurrency {
		f.stats.Throttles++
		return nil, errThrottled
	}
	f.stats.Environments++
	f.running.Add(1)
	return nil, nil
}

// start starts an environment in the room that acquire made.
func (f *function) start() (*environment, error) {
	e, err := startEnvironment(f)
	if err != nil {
		f.remove(nil)
		return nil, err
	}
	f.mu.Lock()
	f.environments[e] = struct{}{}
	closed := f.closed
	f.mu.Unlock()
	go e.watch()
	if closed {
		e.stop()
		return nil, errReplaced
	}
	return e, nil
}

// settle counts an answer and lets the environment have other work.
func (f *function) settle(e *environment, a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Invocations++
	if a.failed {
		f.stats.Errors++
	}
	if a.timedOut {
		f.stats.Timeouts++
	}
	if _, alive := f.environments[e]; alive {
		f.idle = append(f.idle, e)
	}
}

// remove forgets an environment that has ended, or that could not be started.
func (f *function) remove(e *environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.environments, e)
	f.idle = slices.DeleteFunc(f.idle, func(other *environment) bool { return other == e })
	f.stats.Environments--
	f.running.Done()
}

func (f *function) kill() bool {
	for _, e := range f.alive() {
		if inv := e.current.Load(); inv != nil && inv.claim() {
			e.stop()
			inv.answer <- inv.failure("Runtime.ExitError", "Runtime exited with error: signal: killed")
			return true
		}
	}
	return false
}

// close ends every environment. Those being started end as soon as they have been.
func (f *function) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	for _, e := range f.alive() {
		e.stop()
	}
	f.running.Wait()
}

func (f *function) alive() []*environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]*environment, 0, len(f.environments))
	for e := range f.environments {
		all = append(all, e)
	}
	return all
}

func (f *function) snapshot() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	stats := f.stats
	stats.Inits = slices.Clone(stats.Inits)
	return stats
}

// write takes whole lines of one environment.
func (f *function) write(lines []byte) {
	now := time.Now()
	for line := range bytes.Lines(lines) {
		f.mu.Lock()
		f.logs = append(f.logs, Line{now, string(line)})
		f.mu.Unlock()
		f.log.Printf("%s: %s", f.Name, line)
	}
}

func (f *function) initialised(took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Inits = append(f.stats.Inits, took)
}
