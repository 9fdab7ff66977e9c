// Package fault simulates a faulty network: a reverse proxy before one AWS endpoint.
//
// A request passes unchanged, Host and signature included. Once the whole request has arrived, it is carried out even if the client no
// longer waits for the answer, as by a real service.
package fault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is what happens to a request. For connections that are refused, see [Proxy.Refuse].
type Kind string

// The kinds of fault.
const (
	Delay      Kind = "Delay"      // it reaches the service later, by Rule.Delay
	Late       Kind = "Late"       // it reaches the service at once; the answer is held back for Rule.Delay
	Hang       Kind = "Hang"       // it never reaches the service; there is no answer, until the client gives up
	Reset      Kind = "Reset"      // it never reaches the service; the connection is reset
	DropAnswer Kind = "DropAnswer" // the service carries it out; the connection is reset instead of an answer
	Throttle   Kind = "Throttle"   // it never reaches the service; the answer is an exception, by default ThrottlingException
	Error      Kind = "Error"      // it never reaches the service; the answer is an exception, by default InternalServerError
)

// DroppedSuccess is not a fault of its own: it counts the answers dropped by DropAnswer that reported success.
const DroppedSuccess Kind = "DroppedSuccess"

// Rule says which requests a fault hits.
type Rule struct {
	Kind Kind
	// Operation is the API operation, as X-Amz-Target names it after the dot ("TransactWriteItems"). Empty stands for
	// every request, also one without X-Amz-Target.
	Operation   string
	Probability float64       // from 0, never, to 1, always
	Times       int           // how many requests it hits at most; zero stands for no limit
	Delay       time.Duration // of Delay and Late

	// Exception is the answer of Throttle and Error, in the form of the AWS JSON protocols.
	Exception Exception
}

// Exception is an AWS exception. What is zero is as its fault's kind has it by default.
type Exception struct {
	Status  int
	Type    string // "ProvisionedThroughputExceededException"
	Message string
	Members map[string]any // what it carries besides, as CancellationReasons
}

// Proxy is a reverse proxy, safe for concurrent use.
type Proxy struct {
	target    *url.URL
	transport *http.Transport
	port      *port
	ctx       context.Context // ends with the proxy
	cancel    context.CancelFunc

	mu     sync.Mutex
	server *http.Server // nil while connections are refused
	idle   time.Duration
	random *rand.Rand
	rules  []Rule
	hits   []int // by rule
	counts map[Kind]int
}

// Start starts a proxy before the target, a URL without a path, on a free port of the loopback interface. It forwards everything until
// Set or Refuse. The seed decides which requests a rule with a probability below 1 hits.
func Start(target string, seed uint64) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("start a fault proxy: %w", err)
	}
	port, err := reservePort()
	if err != nil {
		return nil, fmt.Errorf("start a fault proxy: %w", err)
	}
	p := &Proxy{
		target: u,
		transport: &http.Transport{
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     4 * time.Second, // less than Node's 5, so as not to write to a connection that it is closing
		},
		port:   port,
		random: rand.New(rand.NewPCG(seed, 0)),
		counts: map[Kind]int{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.Refuse(false); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Endpoint returns the URL that clients are to use instead of the target's.
func (p *Proxy) Endpoint() string { return "http://" + p.port.address }

// Close ends the proxy and every connection to it.
func (p *Proxy) Close() {
	p.cancel()
	_ = p.Refuse(true)
	p.port.release()
	p.transport.CloseIdleConnections()
}

// Set replaces the rules; without any it clears them. Each request is compared with the rules in their order: delays add up, and the
// first rule of another kind that hits decides.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = slices.Clone(rules)
	p.hits = make([]int, len(rules))
}

// Counts returns how many requests each kind of fault has hit since Start.
func (p *Proxy) Counts() map[Kind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Refuse makes the port refuse connections, as when a service is down, and ends the open ones; or makes it listen again.
func (p *Proxy) Refuse(refuse bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case refuse && p.server != nil:
		err := p.server.Close()
		p.server = nil
		return err
	case !refuse && p.server == nil:
		l, err := p.port.listen()
		if err != nil {
			return fmt.Errorf("listen again: %w", err)
		}
		server := &http.Server{Handler: http.HandlerFunc(p.handle), IdleTimeout: p.idle}
		p.server = server
		go func() { _ = server.Serve(l) }()
	}
	return nil
}

// CloseIdle closes every connection that has been idle so long, without notice, as servers and load balancers do; zero keeps them open.
// It ends all open connections, and applies to new ones.
func (p *Proxy) CloseIdle(after time.Duration) error {
	if err := p.Refuse(true); err != nil {
		return err
	}
	p.mu.Lock()
	p.idle = after
	p.mu.Unlock()
	return p.Refuse(false)
}

// draw returns the rules that hit a request, in order: delays, and at the end at most one that decides.
func (p *Proxy) draw(operation string) []Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	var hit []Rule
	for i, rule := range p.rules {
		if rule.Operation != "" && rule.Operation != operation ||
			rule.Times > 0 && p.hits[i] == rule.Times ||
			p.random.Float64() >= rule.Probability {
			continue
		}
		p.hits[i]++
		hit = append(hit, rule)
		if rule.Kind != Delay && rule.Kind != Late {
			break
		}
	}
	return hit
}

func (p *Proxy) count(kind Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[kind]++
}

func (p *Proxy) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	target := r.Header.Get("X-Amz-Target")
	deliver := func(response *http.Response) { answer(w, response) }
	for _, rule := range p.draw(target[strings.LastIndexByte(target, '.')+1:]) {
		switch rule.Kind {
		case Delay:
			if sleep(p.ctx, rule.Delay) != nil {
				panic(http.ErrAbortHandler)
			}
			p.count(Delay)
		case Late:
			next := deliver
			deliver = func(response *http.Response) {
				if sleep(p.ctx, rule.Delay) != nil {
					panic(http.ErrAbortHandler)
				}
				p.count(Late)
				next(response)
			}
		case DropAnswer:
			deliver = func(response *http.Response) {
				p.count(DropAnswer)
				if response.StatusCode == http.StatusOK {
					p.count(DroppedSuccess)
				}
				reset(w)
			}
		case Hang:
			p.count(Hang)
			select {
			case <-r.Context().Done():
			case <-p.ctx.Done():
			}
			panic(http.ErrAbortHandler)
		case Reset:
			p.count(Reset)
			reset(w)
			return
		case Throttle:
			p.count(Throttle)
			rule.Exception.write(w, r, Exception{http.StatusBadRequest, "ThrottlingException", "Rate exceeded", nil})
			return
		case Error:
			p.count(Error)
			rule.Exception.write(w, r, Exception{http.StatusInternalServerError, "InternalServerError", "Internal server error", nil})
			return
		}
	}
	response, err := p.forward(r, body)
	if err != nil {
		reset(w)
		return
	}
	defer func() { _ = response.Body.Close() }()
	deliver(response)
}

// forward sends a request on to the target, even if the client does not wait for the answer any more.
func (p *Proxy) forward(r *http.Request, body []byte) (*http.Response, error) {
	forwarded := r.Clone(context.WithoutCancel(r.Context()))
	forwarded.URL.Scheme, forwarded.URL.Host = p.target.Scheme, p.target.Host
	forwarded.Body, forwarded.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return p.transport.RoundTrip(forwarded)
}

func answer(w http.ResponseWriter, response *http.Response) {
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// reset ends the connection as a crash does: with a TCP RST.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (e Exception) write(w http.ResponseWriter, r *http.Request, defaults Exception) {
	body := map[string]any{
		"__type":  cmp.Or(e.Type, defaults.Type),
		"message": cmp.Or(e.Message, defaults.Message),
	}
	maps.Copy(body, e.Members)
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	w.WriteHeader(cmp.Or(e.Status, defaults.Status))
	_ = json.NewEncoder(w).Encode(body)
}
