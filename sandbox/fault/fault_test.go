package fault_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// backend is a service that counts what reaches it.
type backend struct {
	*httptest.Server
	served atomic.Int32
	last   atomic.Pointer[http.Request]
}

func start(t testing.TB) (*fault.Proxy, *backend, *dynamodb.Client) {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.last.Store(r)
		b.served.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(b.Close)
	p, err := fault.Start(b.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, b, dynamodb.New(dynamodb.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(p.Endpoint()),
		Credentials:      credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: 1,
	})
}

func get(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("t"),
		Key:       map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "k"}},
	})
	return err
}

func put(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{
		TableName: aws.String("t"),
		Item:      map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "k"}},
	}}}})
	return err
}

func TestWithoutRulesARequestPassesUnchanged(t *testing.T) {
	p, b, client := start(t)
	if err := get(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	r := b.last.Load()
	if "http://"+r.Host != p.Endpoint() {
		t.Errorf("the service sees host %s", r.Host)
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Signature=") {
		t.Error("the signature is gone")
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		t.Error("the proxy shows")
	}
	if counts := p.Counts(); len(counts) != 0 {
		t.Errorf("faults without rules: %v", counts)
	}
}

func TestFaults(t *testing.T) {
	const delay = 30 * time.Millisecond
	reset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
	for name, tt := range map[string]struct {
		rule    fault.Rule
		timeout time.Duration // of the client; none if zero
		fails   func(error) bool
		served  int32         // what reaches the service
		atLeast time.Duration // what the client waits
	}{
		"a delay": {
			rule:   fault.Rule{Kind: fault.Delay, Delay: delay},
			served: 1, atLeast: delay,
		},
		"a late answer": {
			rule:   fault.Rule{Kind: fault.Late, Delay: delay},
			served: 1, atLeast: delay,
		},
		"a late answer that the client does not wait for": {
			rule:    fault.Rule{Kind: fault.Late, Delay: time.Minute},
			timeout: delay,
			fails:   func(err error) bool { return errors.Is(err, context.DeadlineExceeded) },
			served:  1, atLeast: delay,
		},
		"no answer": {
			rule:    fault.Rule{Kind: fault.Hang},
			timeout: delay,
			fails:   func(err error) bool { return errors.Is(err, context.DeadlineExceeded) },
			atLeast: delay,
		},
		"a reset before the request is carried out": {
			rule:  fault.Rule{Kind: fault.Reset},
			fails: reset,
		},
		"a reset after the request was carried out": {
			rule:   fault.Rule{Kind: fault.DropAnswer},
			fails:  reset,
			served: 1,
		},
		"throttling": {
			rule:  fault.Rule{Kind: fault.Throttle},
			fails: func(err error) bool { _, ok := errors.AsType[*types.ThrottlingException](err); return ok },
		},
		"throttling by the exception named": {
			rule: fault.Rule{Kind: fault.Throttle, Exception: fault.Exception{Type: "ProvisionedThroughputExceededException", Message: "slower"}},
			fails: func(err error) bool {
				e, ok := errors.AsType[*types.ProvisionedThroughputExceededException](err)
				return ok && e.ErrorMessage() == "slower"
			},
		},
		"an error of the service": {
			rule:  fault.Rule{Kind: fault.Error},
			fails: func(err error) bool { _, ok := errors.AsType[*types.InternalServerError](err); return ok },
		},
		"an exception with members of its own": {
			rule: fault.Rule{Kind: fault.Error, Exception: fault.Exception{
				Status: http.StatusBadRequest, Type: "TransactionCanceledException",
				Members: map[string]any{"CancellationReasons": []map[string]string{{"Code": "TransactionConflict"}}},
			}},
			fails: func(err error) bool {
				e, ok := errors.AsType[*types.TransactionCanceledException](err)
				return ok && len(e.CancellationReasons) == 1 && aws.ToString(e.CancellationReasons[0].Code) == "TransactionConflict"
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, b, client := start(t)
			tt.rule.Operation, tt.rule.Probability = "TransactWriteItems", 1
			p.Set(tt.rule)
			ctx := t.Context()
			if tt.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.timeout)
				defer cancel()
			}
			begin := time.Now()
			err := put(ctx, client)
			if took := time.Since(begin); took < tt.atLeast {
				t.Errorf("answered in %v", took)
			}
			if tt.fails == nil && err != nil || tt.fails != nil && !tt.fails(err) {
				t.Errorf("the client got: %v", err)
			}
			if got := b.served.Load(); got != tt.served {
				t.Errorf("the service was asked %d times, want %d", got, tt.served)
			}
			want := map[fault.Kind]int{tt.rule.Kind: 1}
			if tt.rule.Delay == time.Minute {
				want = map[fault.Kind]int{} // it has not taken effect yet
			}
			if tt.rule.Kind == fault.DropAnswer {
				want[fault.DroppedSuccess] = 1
			}
			if diff := cmp.Diff(want, p.Counts()); diff != "" {
				t.Error(diff)
			}

			if err := get(t.Context(), client); err != nil {
				t.Errorf("another operation: %v", err)
			}
			p.Set()
			if err := put(t.Context(), client); err != nil {
				t.Errorf("without the rule: %v", err)
			}
		})
	}
}

func TestADelayedRequestArrivesThoughTheClientHasGone(t *testing.T) {
	p, b, client := start(t)
	p.Set(fault.Rule{Kind: fault.Delay, Delay: 40 * time.Millisecond, Probability: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := put(ctx, client); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if n := b.served.Load(); n != 0 {
		t.Fatalf("the request was not delayed")
	}
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.served.Load() == 0 {
		select {
		case <-deadline:
			t.Fatal("the request never arrived")
		case <-tick.C:
		}
	}
}

func TestDelaysAddUpAndTheFirstOtherKindDecides(t *testing.T) {
	p, b, client := start(t)
	p.Set(
		fault.Rule{Kind: fault.Delay, Delay: 10 * time.Millisecond, Probability: 1},
		fault.Rule{Kind: fault.Reset, Probability: 0},
		fault.Rule{Kind: fault.Delay, Delay: 10 * time.Millisecond, Probability: 1},
		fault.Rule{Kind: fault.Throttle, Probability: 1},
		fault.Rule{Kind: fault.Reset, Probability: 1},
	)
	begin := time.Now()
	err := put(t.Context(), client)
	if _, ok := errors.AsType[*types.ThrottlingException](err); !ok {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("answered in %v", took)
	}
	if diff := cmp.Diff(map[fault.Kind]int{fault.Delay: 2, fault.Throttle: 1}, p.Counts()); diff != "" || b.served.Load() != 0 {
		t.Error(diff)
	}
}

func TestARuleEndsAfterItsTimes(t *testing.T) {
	p, _, client := start(t)
	p.Set(fault.Rule{Kind: fault.Throttle, Probability: 1, Times: 2})
	failed := 0
	for range 5 {
		if put(t.Context(), client) != nil {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d of 5 failed, want 2", failed)
	}
}

func TestTheSeedDecides(t *testing.T) {
	const requests = 200
	run := func() (pattern string) {
		p, _, client := start(t)
		p.Set(fault.Rule{Kind: fault.Throttle, Probability: 0.25})
		for range requests {
			if put(t.Context(), client) != nil {
				pattern += "x"
			} else {
				pattern += "."
			}
		}
		return pattern
	}
	first, second := run(), run()
	if first != second {
		t.Errorf("two runs differ:\n%s\n%s", first, second)
	}
	if hit := strings.Count(first, "x"); hit < requests/8 || hit > requests*3/8 {
		t.Errorf("hit %d of %d, want about a quarter", hit, requests)
	}
}

func TestRefusedConnections(t *testing.T) {
	p, b, client := start(t)
	if err := put(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := p.Refuse(true); err != nil {
			t.Fatal(err)
		}
		if put(t.Context(), client) == nil {
			t.Error("a connection from before went on")
		}
		if _, err := net.Dial("tcp", strings.TrimPrefix(p.Endpoint(), "http://")); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v", err)
		}
		if err := p.Refuse(false); err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), client); err != nil {
			t.Errorf("listening again: %v", err)
		}
	}
	if n := b.served.Load(); n != 4 {
		t.Errorf("the service was asked %d times", n)
	}
}

func TestAServiceThatIsDownResetsTheConnection(t *testing.T) {
	_, b, client := start(t)
	b.Close()
	if err := put(t.Context(), client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkForward(b *testing.B) {
	p, service, _ := start(b)
	const delay = 8 * time.Millisecond
	for name, tt := range map[string]struct {
		url   string
		rules []fault.Rule
	}{
		"straight":             {url: service.URL},
		"through the proxy":    {url: p.Endpoint()},
		"with a delay of 8 ms": {url: p.Endpoint(), rules: []fault.Rule{{Kind: fault.Delay, Delay: delay, Probability: 1}}},
	} {
		b.Run(name, func(b *testing.B) {
			p.Set(tt.rules...)
			for b.Loop() {
				response, err := http.Post(tt.url, "application/x-amz-json-1.0", strings.NewReader("{}"))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					b.Fatal(err)
				}
				if err := response.Body.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
