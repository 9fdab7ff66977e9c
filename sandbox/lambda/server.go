// Package lambda runs compiled functions as AWS Lambda does: it serves the Invoke API to callers, and the Runtime API to the functions'
// own processes. Each execution environment is one process, works on one invocation at a time, and is frozen in between.
//
// It differs from AWS in this: memory is named but not limited; an asynchronous invocation is not tried again; a
// qualifier is ignored, as there is no version but $LATEST; an initialisation that takes too long is not given a second
// chance; the log holds the function's own lines alone, without START, END and REPORT.
package lambda

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	region  = "us-east-1"
	account = "123456789012"

	// maxPayload is Lambda's limit on what a synchronous invocation may carry, in either direction, in bytes.
	maxPayload = 6 << 20
)

// Function is a function's configuration.
type Function struct {
	Name   string
	Binary string   // the compiled bootstrap; its folder is the working directory
	Env    []string // "NAME=value", over what Lambda itself sets; nothing of the host's environment gets in
	// Timeout is how long one invocation may take, from when the environment has it: the cold start comes on top, as in
	// Lambda. Zero stands for 5 seconds.
	Timeout time.Duration
	// Concurrency is how many environments there may be at once: what Lambda calls reserved concurrency. Zero stands for 32.
	Concurrency int
	MemoryMB    int // told to the function, not enforced; zero stands for 512
	// Policy is the resource-based policy, as JSON, or "". It is told, not enforced.
	Policy string
}

// Stats is what has happened to a function since it was deployed. The counts mean what the CloudWatch metrics of the same
// names mean: an error is an invocation too, a throttle is not.
type Stats struct {
	Invocations, Errors, Timeouts, Throttles int

	Environments int             // alive now
	Inits        []time.Duration // one for each cold start: from the start of the process until it first asked for work
}

// Server is the Lambda service of one account in one Region.
type Server struct {
	log      *log.Logger
	http     http.Server
	endpoint string

	mu        sync.Mutex
	functions map[string]*function
}

// Start starts the service on a free port of the loopback interface. Every line that a function writes goes to w as well,
// after the function's name.
func Start(w io.Writer) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the Lambda service: %w", err)
	}
	s := &Server{
		log:       log.New(w, "", 0),
		endpoint:  "http://" + l.Addr().String(),
		functions: map[string]*function{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.invoke)
	mux.HandleFunc("GET /2015-03-31/functions/{name}/policy", s.getPolicy)
	mux.HandleFunc("GET /2015-03-31/functions/{name}/configuration", s.getFunctionConfiguration)
	s.http.Handler = mux
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Endpoint returns the URL that AWS clients are to use for Lambda.
func (s *Server) Endpoint() string { return s.endpoint }

// Close ends every environment, and returns when the last has ended.
func (s *Server) Close() {
	_ = s.http.Close()
	s.mu.Lock()
	functions := s.functions
	s.functions = nil
	s.mu.Unlock()
	for _, f := range functions {
		f.close()
	}
}

// Deploy adds a function or replaces the one of that name. Replacing kills the old environments, even busy ones, and resets logs and
// counts.
func (s *Server) Deploy(config Function) error {
	binary, err := filepath.Abs(config.Binary)
	if err != nil {
		return fmt.Errorf("deploy %s: %w", config.Name, err)
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("deploy %s: build its binary first: %w", config.Name, err)
	}
	config.Binary = binary
	config.Timeout = cmp.Or(config.Timeout, 5*time.Second)
	config.Concurrency = cmp.Or(config.Concurrency, 32)
	config.MemoryMB = cmp.Or(config.MemoryMB, 512)

	s.mu.Lock()
	old := s.functions[config.Name]
	s.functions[config.Name] = &function{Function: config, log: s.log, environments: map[*environment]struct{}{}}
	s.mu.Unlock()
	if old != nil {
		old.close()
	}
	return nil
}

// Revoke takes away the permission to call the named function, until it is deployed again.
// https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html
func (s *Server) Revoke(name string) {
	if f := s.function(name); f != nil {
		f.revoked.Store(true)
	}
}

// Logs returns the whole lines that the named function's environments have written to stdout and stderr, in the order in
// which they came. What an invocation wrote before its answer is there when the caller has that answer.
func (s *Server) Logs(name string) string {
	var logs strings.Builder
	for _, line := range s.Lines(name) {
		logs.WriteString(line.Text)
	}
	return logs.String()
}

// Line is one line of a function's log.
type Line struct {
	At   time.Time // when it came
	Text string    // with its end
}

// Lines returns the lines of Logs.
func (s *Server) Lines(name string) []Line {
	f := s.function(name)
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.logs)
}

// Stats returns the named function's counts.
func (s *Server) Stats(name string) Stats {
	if f := s.function(name); f != nil {
		return f.snapshot()
	}
	return Stats{}
}

// Kill kills one of the named function's environments in the middle of an invocation, whose caller then gets
// Runtime.ExitError. It returns false if none was at work.
func (s *Server) Kill(name string) bool {
	f := s.function(name)
	return f != nil && f.kill()
}

func (s *Server) function(name string) *function {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.functions[name]
}

// run hands inv to the named function. It goes on when the caller has gone, as in Lambda.
func (s *Server) run(name string, inv *invocation) (answer, error) {
	for {
		f := s.function(name)
		if f == nil {
			return answer{}, &apiError{http.StatusNotFound, "ResourceNotFoundException", "Function not found: " + arn(name)}
		}
		a, err := f.invoke(inv)
		if !errors.Is(err, errReplaced) {
			return a, err
		}
	}
}

func (s *Server) invoke(w http.ResponseWriter, r *http.Request) {
	inv := &invocation{id: uuid.NewString(), answer: make(chan answer, 1)}
	w.Header().Set("X-Amzn-RequestId", inv.id)
	var err error
	if inv.payload, err = payload(r); err != nil {
		writeError(w, err)
		return
	}
	name := functionName(r.PathValue("name"))
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		a, err := s.run(name, inv)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		if a.failed {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		if r.Header.Get("X-Amz-Log-Type") == "Tail" {
			w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(a.log))
		}
		_, _ = w.Write(a.payload)
	case "Event":
		go func() {
			if _, err := s.run(name, inv); err != nil {
				s.log.Printf("%s: asynchronous invocation dropped: %v", name, err)
			}
		}()
		w.WriteHeader(http.StatusAccepted)
	default:
		writeError(w, &apiError{http.StatusBadRequest, "InvalidParameterValueException", "Invocation type " + kind + " is not known here."})
	}
}

// payload reads an invocation's event: JSON, at most 6 MB; none counts as {}.
func payload(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return nil, &apiError{http.StatusBadRequest, "InvalidRequestContentException", err.Error()}
	case len(body) > maxPayload:
		return nil, &apiError{
			http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)", len(body), maxPayload),
		}
	case len(body) == 0:
		return []byte("{}"), nil
	case !json.Valid(body):
		return nil, &apiError{http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json."}
	}
	return body, nil
}

// functionName returns the name in a function's name, partial ARN or ARN, with or without a qualifier.
func functionName(id string) string {
	if _, after, ok := strings.Cut(id, "function:"); ok {
		id = after
	}
	name, _, _ := strings.Cut(id, ":")
	return name
}

func arn(name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

// apiError is an error of the Invoke API itself, not of the function.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func writeError(w http.ResponseWriter, err error) {
	e := &apiError{http.StatusInternalServerError, "ServiceException", err.Error()}
	errors.As(err, &e)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", e.code)
	w.WriteHeader(e.status)
	// Lambda spells the member either way, depending on the exception.
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "message": e.message, "Message": e.message})
}
