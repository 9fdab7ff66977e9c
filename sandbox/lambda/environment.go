package lambda

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// initTimeout is how long Lambda lets an environment initialise.
const initTimeout = 10 * time.Second

// errEnded says that an environment ended before it took an invocation, so that another may have it.
var errEnded = errors.New("the environment ended")

// environment is an execution environment: one process and the Runtime API that it, and it alone, talks to.
type environment struct {
	f       *function
	cmd     *exec.Cmd
	process *process.Process
	api     http.Server
	output  *output
	started time.Time

	// next hands over an invocation: a send succeeds when the process asks for work.
	next       chan *invocation
	current    atomic.Pointer[invocation] // the last that was handed over
	initFailed atomic.Pointer[answer]     // the error that was reported instead of asking for work
	ended      chan struct{}              // closed when the process has ended and all that it wrote is in the log
}

func startEnvironment(f *function) (*environment, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	e := &environment{
		f:       f,
		cmd:     exec.Command(f.Binary),
		started: time.Now(),
		next:    make(chan *invocation),
		ended:   make(chan struct{}),
	}
	if e.output, err = readOutput(r, f.write); err != nil {
		return nil, errors.Join(err, l.Close(), r.Close(), w.Close())
	}
	e.cmd.Dir = filepath.Dir(f.Binary)
	e.cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + e.started.UTC().Format("2006/01/02") + "/[$LATEST]" + strings.ReplaceAll(uuid.NewString(), "-", ""),
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=sandbox",
		"AWS_SECRET_ACCESS_KEY=sandbox",
		"AWS_SESSION_TOKEN=sandbox",
		"_HANDLER=bootstrap",
		"LAMBDA_TASK_ROOT=" + e.cmd.Dir,
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ=:UTC",
	}, f.Env...)
	e.cmd.Stdout, e.cmd.Stderr = w, w

	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.handleNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.handleAnswer(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.handleAnswer(true))
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.handleInitError)
	e.api.Handler = mux

	e.process, err = process.Start(f.Name, e.cmd)
	_ = w.Close()
	if err != nil {
		e.output.close()
		return nil, errors.Join(err, l.Close())
	}
	go func() { _ = e.api.Serve(l) }()
	return e, nil
}

// watch tidies up when the process has ended, however that came.
func (e *environment) watch() {
	<-e.process.Done()
	e.output.close()
	_ = e.api.Close()
	e.f.remove(e)
	close(e.ended)
}

func (e *environment) stop() {
	e.process.Stop()
	<-e.ended
}

// serve hands inv to the environment and waits for its answer. It returns errEnded if an environment that had been at work
// before ended without taking it; a cold one that fails to initialise answers with its failure.
func (e *environment) serve(inv *invocation, cold bool) (answer, error) {
	e.output.mark()
	select {
	case e.next <- inv:
	case <-e.ended:
		if !cold {
			return answer{}, errEnded
		}
		if a := e.initFailed.Load(); a != nil {
			return *a, nil
		}
		return e.exit(inv), nil
	case <-time.After(initTimeout):
		e.stop()
		if !cold {
			return answer{}, errEnded
		}
		return e.timeout(inv, initTimeout), nil
	}
	if cold {
		e.f.initialised(time.Since(e.started))
	}

	a := e.wait(inv)
	a.log = e.output.sync()
	return a, nil
}

func (e *environment) wait(inv *invocation) answer {
	timeout := time.NewTimer(e.f.Timeout)
	defer timeout.Stop()
	select {
	case a := <-inv.answer:
		return a
	case <-timeout.C:
		if inv.claim() {
			e.stop()
			return e.timeout(inv, e.f.Timeout)
		}
	case <-e.ended:
		if inv.claim() {
			return e.exit(inv)
		}
	}
	return <-inv.answer
}

func (e *environment) timeout(inv *invocation, limit time.Duration) answer {
	a := inv.failure("Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds()))
	a.timedOut = true
	return a
}

func (e *environment) exit(inv *invocation) answer {
	return inv.failure("Runtime.ExitError", "Runtime exited with error: "+e.cmd.ProcessState.String())
}

// handleNext freezes the process until there is work for it, as Lambda does: what it would do in the meantime does not
// happen.
func (e *environment) handleNext(w http.ResponseWriter, r *http.Request) {
	e.process.Signal(syscall.SIGSTOP)
	var inv *invocation
	select {
	case inv = <-e.next:
	case <-r.Context().Done():
		return
	}
	e.current.Store(inv)
	e.process.Signal(syscall.SIGCONT)
	hex := strings.ReplaceAll(inv.id, "-", "")
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(e.f.Timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", arn(e.f.Name))
	h.Set("Lambda-Runtime-Trace-Id", fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), hex[:24], hex[16:]))
	_, _ = w.Write(inv.payload)
}

func (e *environment) handleAnswer(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		inv := e.current.Load()
		if err != nil || inv == nil || inv.id != r.PathValue("id") || !inv.claim() {
			writeRuntimeError(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
			return
		}
		if len(payload) > maxPayload {
			message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload)
			inv.answer <- inv.failure("Function.ResponseSizeTooLarge", message)
			writeRuntimeError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", message)
			return
		}
		inv.answer <- answer{payload: payload, failed: failed}
		w.WriteHeader(http.StatusAccepted)
	}
}

func (e *environment) handleInitError(_ http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e.initFailed.Store(&answer{payload: payload, failed: true})
	e.process.Stop()
}

func writeRuntimeError(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorType":%q,"errorMessage":%q}`, errorType, message)
}
