package lambda_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/lambda"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambda")
	if err != nil {
		log.Fatal(err)
	}
	binary = filepath.Join(dir, "bootstrap")
	if out, err := exec.Command("go", "build", "-o", binary, "./testdata/function").CombinedOutput(); err != nil {
		log.Fatalf("build the function under test: %v\n%s", err, out)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

type event struct{ Do, URL, File, Text string }

type result struct {
	PID       int
	RequestID string
	Remaining time.Duration
	Text      string
	Env       []string
	Dir       string

	ErrorType, ErrorMessage string
}

// service is a Lambda service with the function "f".
type service struct {
	*lambda.Server
	client *api.Client
}

func start(t testing.TB, f lambda.Function) service {
	t.Helper()
	server, err := lambda.Start(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	f.Name, f.Binary = "f", binary
	if err := server.Deploy(f); err != nil {
		t.Fatal(err)
	}
	return service{server, api.New(api.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server.Endpoint()),
		Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: 1,
		HTTPClient:       &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	})}
}

// call returns the function's answer, and the function error as the SDK gives it.
func (s service) call(t testing.TB, e event) (r result, functionError string) {
	t.Helper()
	r, functionError, err := s.invoke(t, e)
	if err != nil {
		t.Fatal(err)
	}
	return r, functionError
}

func (s service) invoke(t testing.TB, e event) (r result, functionError string, err error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return r, "", err
	}
	out, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("f"), Payload: payload})
	if err != nil {
		return r, "", err
	}
	return r, aws.ToString(out.FunctionError), json.Unmarshal(out.Payload, &r)
}

// gate is a backend that lets a function's request through when the test says so.
type gate struct {
	url     string
	waiting atomic.Int32
	open    func()
}

func newGate(t *testing.T) *gate {
	opened := make(chan struct{})
	g := &gate{open: sync.OnceFunc(func() { close(opened) })}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g.waiting.Add(1)
		select {
		case <-opened:
		case <-r.Context().Done():
		}
	}))
	g.url = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(g.open)
	return g
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in 5 s: %s", what)
		case <-tick.C:
		}
	}
}

func TestAnEnvironmentIsUsedAgain(t *testing.T) {
	s := start(t, lambda.Function{})
	first, _ := s.call(t, event{})
	for range 20 {
		if next, _ := s.call(t, event{}); next.PID != first.PID {
			t.Fatalf("another process answered: %d after %d", next.PID, first.PID)
		}
	}
	stats := s.Stats("f")
	if len(stats.Inits) != 1 || stats.Inits[0] <= 0 {
		t.Errorf("got cold starts %v, want one", stats.Inits)
	}
	stats.Inits = nil
	if diff := cmp.Diff(lambda.Stats{Invocations: 21, Environments: 1}, stats); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheFunctionIsGiven(t *testing.T) {
	t.Setenv("HOST_SECRET", "x")
	s := start(t, lambda.Function{Timeout: 3 * time.Second, MemoryMB: 256, Env: []string{"TABLE=audit", "AWS_ACCESS_KEY_ID=own"}})
	r, _ := s.call(t, event{})
	for _, want := range []string{
		"TABLE=audit", "AWS_ACCESS_KEY_ID=own", "AWS_REGION=us-east-1", "AWS_LAMBDA_FUNCTION_NAME=f",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "_HANDLER=bootstrap", "TZ=:UTC",
	} {
		if !slices.Contains(r.Env, want) {
			t.Errorf("%s is missing from its environment", want)
		}
	}
	for _, name := range []string{"HOST_SECRET=", "HOME="} {
		if slices.ContainsFunc(r.Env, func(v string) bool { return strings.HasPrefix(v, name) }) {
			t.Errorf("the host's %s got in", name)
		}
	}
	if r.Dir != filepath.Dir(binary) {
		t.Errorf("it works in %s, not in its binary's folder", r.Dir)
	}
	if r.Remaining <= 2*time.Second || r.Remaining > 3*time.Second {
		t.Errorf("it has %v left of 3 s", r.Remaining)
	}
}

func TestTheInvokeAPI(t *testing.T) {
	s := start(t, lambda.Function{})
	t.Run("an ARN names a function too", func(t *testing.T) {
		out, err := s.client.Invoke(t.Context(), &api.InvokeInput{
			FunctionName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.StatusCode != http.StatusOK || aws.ToString(out.ExecutedVersion) != "$LATEST" {
			t.Errorf("got status %d, version %s", out.StatusCode, aws.ToString(out.ExecutedVersion))
		}
	})
	t.Run("an unknown function", func(t *testing.T) {
		_, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("g")})
		if notFound, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || !strings.Contains(notFound.ErrorMessage(), "function:g") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an event over 6 MB", func(t *testing.T) {
		payload := `"` + strings.Repeat("x", 6<<20) + `"`
		_, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(payload)})
		if _, ok := errors.AsType[*types.RequestTooLargeException](err); !ok {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an event that is not JSON", func(t *testing.T) {
		_, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("f"), Payload: []byte("{")})
		if _, ok := errors.AsType[*types.InvalidRequestContentException](err); !ok {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the end of the log on request", func(t *testing.T) {
		long := strings.Repeat("line of ten\n", 1000)
		payload, err := json.Marshal(event{Do: "print", Text: long})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("f"), Payload: payload, LogType: types.LogTypeTail})
		if err != nil {
			t.Fatal(err)
		}
		tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		if err != nil {
			t.Fatal(err)
		}
		if want := long[len(long)-4096:]; string(tail) != want {
			t.Errorf("got %d bytes, %.40q…; want the last 4 KB of what was printed", len(tail), tail)
		}
	})
	t.Run("asynchronously", func(t *testing.T) {
		out, err := s.client.Invoke(t.Context(), &api.InvokeInput{
			FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent,
			Payload: []byte(`{"Do":"print","Text":"asynchronous\n"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.StatusCode != http.StatusAccepted {
			t.Errorf("got status %d", out.StatusCode)
		}
		eventually(t, "its line in the log", func() bool { return strings.Contains(s.Logs("f"), "asynchronous\n") })
	})
	t.Run("without permission", func(t *testing.T) { // https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
		s.Revoke("f")
		_, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("f")})
		if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != "AccessDeniedException" {
			t.Errorf("got %v", err)
		}
		if err := s.Deploy(lambda.Function{Name: "f", Binary: binary}); err != nil {
			t.Fatal(err)
		}
		s.call(t, event{})
	})
}

func TestConcurrentInvocationsHaveEnvironmentsOfTheirOwnUpToTheLimit(t *testing.T) {
	const limit = 4
	s := start(t, lambda.Function{Concurrency: limit})
	gate := newGate(t)
	var group errgroup.Group
	var pids sync.Map
	for range limit {
		group.Go(func() error {
			r, _, err := s.invoke(t, event{Do: "get", URL: gate.url})
			pids.Store(r.PID, true)
			return err
		})
	}
	eventually(t, "all are at work", func() bool { return gate.waiting.Load() == limit })

	_, _, err := s.invoke(t, event{})
	if _, ok := errors.AsType[*types.TooManyRequestsException](err); !ok {
		t.Errorf("one more got %v, want TooManyRequestsException", err)
	}
	gate.open()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	processes := 0
	pids.Range(func(any, any) bool { processes++; return true })
	if stats := s.Stats("f"); processes != limit || stats.Environments != limit || stats.Throttles != 1 || stats.Invocations != limit {
		t.Errorf("%d processes answered; %+v", processes, stats)
	}
}

func TestFunctionErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		function lambda.Function
		event    event
		want     result
		after    lambda.Stats
	}{
		"an error that the function returns": {
			event: event{Do: "fail"},
			want:  result{ErrorType: "errorString", ErrorMessage: "told to fail"},
			after: lambda.Stats{Invocations: 1, Errors: 1, Environments: 1},
		},
		"a panic": {
			event: event{Do: "panic"},
			want:  result{ErrorType: "string", ErrorMessage: "told to panic"},
			after: lambda.Stats{Invocations: 1, Errors: 1},
		},
		"the process exits": {
			event: event{Do: "exit"},
			want:  result{ErrorType: "Runtime.ExitError", ErrorMessage: "RequestId: ID Error: Runtime exited with error: exit status 3"},
			after: lambda.Stats{Invocations: 1, Errors: 1},
		},
		"the time-out": {
			function: lambda.Function{Timeout: 100 * time.Millisecond},
			event:    event{Do: "block"},
			want:     result{ErrorType: "Sandbox.Timedout", ErrorMessage: "RequestId: ID Error: Task timed out after 0.10 seconds"},
			after:    lambda.Stats{Invocations: 1, Errors: 1, Timeouts: 1},
		},
		"the process exits before it asks for work": {
			function: lambda.Function{Env: []string{"INIT=exit"}},
			want:     result{ErrorType: "Runtime.ExitError", ErrorMessage: "RequestId: ID Error: Runtime exited with error: exit status 1"},
			after:    lambda.Stats{Invocations: 1, Errors: 1},
		},
		"an initialisation error that the function reports": {
			function: lambda.Function{Env: []string{"INIT=error"}},
			want:     result{ErrorType: "Config", ErrorMessage: "no configuration"},
			after:    lambda.Stats{Invocations: 1, Errors: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, tt.function)
			payload, err := json.Marshal(tt.event)
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.client.Invoke(t.Context(), &api.InvokeInput{FunctionName: aws.String("f"), Payload: payload})
			if err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(out.FunctionError); got != "Unhandled" {
				t.Errorf("got function error %q", got)
			}
			var got result
			if err := json.Unmarshal(out.Payload, &got); err != nil {
				t.Fatal(err)
			}
			if id, rest, ok := strings.Cut(strings.TrimPrefix(got.ErrorMessage, "RequestId: "), " "); ok && len(id) == 36 {
				got.ErrorMessage = "RequestId: ID " + rest
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			eventually(t, fmt.Sprintf("%+v", tt.after), func() bool {
				stats := s.Stats("f")
				stats.Inits = nil
				return cmp.Equal(tt.after, stats)
			})
		})
	}
}

func TestAFreshEnvironmentFollowsOneThatEnded(t *testing.T) {
	s := start(t, lambda.Function{Concurrency: 1})
	first, _ := s.call(t, event{})
	for _, do := range []string{"panic", "exit"} {
		if _, functionError := s.call(t, event{Do: do}); functionError == "" {
			t.Fatalf("%s: no function error", do)
		}
		if next, functionError := s.call(t, event{}); functionError != "" || next.PID == first.PID {
			t.Errorf("after %s: %q from process %d", do, functionError, next.PID)
		}
	}
}

func TestKillEndsAnInvocationHalfWay(t *testing.T) {
	s := start(t, lambda.Function{})
	if s.Kill("f") {
		t.Error("killed an environment when there was none")
	}
	s.call(t, event{})
	if s.Kill("f") {
		t.Error("killed an environment that was not at work")
	}
	gate := newGate(t)
	var group errgroup.Group
	var r result
	group.Go(func() (err error) {
		r, _, err = s.invoke(t, event{Do: "get", URL: gate.url})
		return err
	})
	eventually(t, "it is at work", func() bool { return gate.waiting.Load() == 1 })
	if !s.Kill("f") {
		t.Error("found no environment at work")
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if r.ErrorType != "Runtime.ExitError" || !strings.HasSuffix(r.ErrorMessage, "signal: killed") {
		t.Errorf("the caller got %s: %s", r.ErrorType, r.ErrorMessage)
	}
	if n := s.Stats("f").Environments; n != 0 {
		t.Errorf("%d environments are left", n)
	}
}

func TestAnInvocationGoesOnWhenItsCallerHasGone(t *testing.T) {
	s := start(t, lambda.Function{})
	gate := newGate(t)
	client := &http.Client{}
	var group errgroup.Group
	group.Go(func() error {
		body := fmt.Sprintf(`{"Do":"get","URL":%q}`, gate.url)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint()+"/2015-03-31/functions/f/invocations", strings.NewReader(body))
		if err != nil {
			return err
		}
		client.Timeout = 200 * time.Millisecond
		if response, err := client.Do(request); err == nil {
			return errors.Join(errors.New("the caller was answered"), response.Body.Close())
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	gate.open()
	eventually(t, "the invocation is complete", func() bool { return s.Stats("f").Invocations == 1 })
	if stats := s.Stats("f"); stats.Errors != 0 || stats.Environments != 1 {
		t.Errorf("got %+v", stats)
	}
}

func TestTheLogHoldsWholeLines(t *testing.T) {
	s := start(t, lambda.Function{})
	const writers, lines = 4, 200
	var group errgroup.Group
	for i := range writers {
		text := strings.Repeat(strings.Repeat(string(rune('a'+i)), 99)+"\n", lines)
		group.Go(func() error {
			_, _, err := s.invoke(t, event{Do: "print", Text: text})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(s.Logs("f")) {
		count++
		if line != strings.Repeat(line[:1], 99)+"\n" {
			t.Errorf("a mixed line: %s", line)
		}
	}
	if count != writers*lines {
		t.Errorf("%d lines, want %d", count, writers*lines)
	}

	s.call(t, event{Do: "print", Text: "half a line"})
	if strings.Contains(s.Logs("f"), "half") {
		t.Error("half a line is in the log")
	}
	s.call(t, event{Do: "exit"})
	if !strings.HasSuffix(s.Logs("f"), "half a line\n") {
		t.Error("the last line was lost with its process")
	}
}

func TestAnEnvironmentIsFrozenBetweenInvocations(t *testing.T) {
	s := start(t, lambda.Function{})
	file := filepath.Join(t.TempDir(), "ticks")
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	r, _ := s.call(t, event{Do: "tick", File: file})
	eventually(t, "the process is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.PID))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(stat, []byte(") T "))
	})
	frozen := size()
	for watch := time.After(50 * time.Millisecond); watch != nil; {
		select {
		case <-watch:
			watch = nil
		default:
			if now := size(); now != frozen {
				t.Fatalf("it went on in the freeze: %d bytes, then %d", frozen, now)
			}
		}
	}

	gate := newGate(t)
	var group errgroup.Group
	group.Go(func() error {
		_, _, err := s.invoke(t, event{Do: "get", URL: gate.url})
		return err
	})
	eventually(t, "it goes on while there is an invocation", func() bool { return size() > frozen })
	gate.open()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestReplacingAndClosingEndTheProcesses(t *testing.T) {
	s := start(t, lambda.Function{})
	old, _ := s.call(t, event{})
	if err := s.Deploy(lambda.Function{Name: "f", Binary: binary}); err != nil {
		t.Fatal(err)
	}
	replacement, _ := s.call(t, event{})
	s.Close()
	for _, pid := range []int{old.PID, replacement.PID} {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d: %v", pid, err)
		}
	}
}

func TestDeployNeedsABinary(t *testing.T) {
	s := start(t, lambda.Function{})
	if err := s.Deploy(lambda.Function{Name: "g", Binary: "nowhere/bootstrap"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWarmInvocation(b *testing.B) {
	s := start(b, lambda.Function{})
	s.call(b, event{})
	for b.Loop() {
		s.call(b, event{})
	}
}
