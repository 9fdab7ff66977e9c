package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/replay"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/signin"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/sqs"
)

// hangingStore is a ledger's store that hangs until it is well again; then it takes 20 ms for a write.
type hangingStore struct {
	*memory.Store
	well atomic.Bool
}

func (s *hangingStore) wait(ctx context.Context) error {
	for !s.well.Load() {
		<-ctx.Done()
		return fmt.Errorf("hung: %w", ctx.Err())
	}
	time.Sleep(20 * time.Millisecond)
	return nil
}

func (s *hangingStore) Commit(ctx context.Context, e ledger.Entry) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Commit(ctx, e)
}

func (s *hangingStore) Record(ctx context.Context, sub string) (migration.Record, error) {
	if err := s.wait(ctx); err != nil {
		return migration.Record{}, err
	}
	return s.Store.Record(ctx, sub)
}

// account counts what runs at once in an account of Lambda's.
type account struct {
	mu              sync.Mutex
	running, most   map[string]int
	limit, refusals int
}

// run runs a function, unless the account's concurrency is used up.
func (a *account) run(function string, work func()) bool {
	a.mu.Lock()
	if a.running["migrate"]+a.running["replay"] == a.limit {
		a.refusals++
		a.mu.Unlock()
		return false
	}
	a.running[function]++
	a.most[function] = max(a.most[function], a.running[function])
	a.mu.Unlock()
	work()
	a.mu.Lock()
	a.running[function]--
	a.mu.Unlock()
	return true
}

type oldPoolFunc func() migration.Answer

func (f oldPoolFunc) SignIn(context.Context, string, string, map[string]string) migration.Answer {
	return f()
}
func (f oldPoolFunc) Lookup(context.Context, string) migration.Answer { return f() }

type spoolFunc func(migration.Event) error

func (f spoolFunc) Send(_ context.Context, e migration.Event) error { return f(e) }

// The ledger hangs for ten minutes while 60 users a second sign in for the first time. Each of them is served, replaying leaves the
// account's concurrency to them, and in the end every event is in the ledger once. Time is simulated.
func TestAnOutageOfTheLedgerIsNoneOfSignIns(t *testing.T) {
	t.Parallel()
	server, err := sqs.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	synctest.Test(t, func(t *testing.T) {
		const perSecond, lasts = 60, 10 * time.Minute
		windows := migration.Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}
		store := &hangingStore{Store: memory.New()}
		l := ledger.New(store, windows, time.Now)
		log := slog.New(slog.NewJSONHandler(io.Discard, nil))
		lambda := &account{limit: 1000, running: map[string]int{}, most: map[string]int{}}
		queue := server.CreateQueue(t.Name(), sqs.Config{VisibilityTimeout: 6 * time.Minute})

		polling, stop := context.WithCancel(t.Context())
		var poller sync.WaitGroup
		replayer := replay.New(replay.Config{}, l, log, time.Now)
		poller.Go(func() {
			queue.Poll(polling, sqs.Mapping{BatchSize: 10, MaximumConcurrency: sandbox.ReplayConcurrency}, func(_ context.Context, payload []byte) (answer []byte, err error) {
				if !lambda.run("replay", func() { answer, err = replayBatch(t, replayer, payload) }) {
					err = fmt.Errorf("throttled")
				}
				return answer, err
			})
		})

		config := signin.Config{
			Budget: 4 * time.Second, OldPoolBudget: 2500 * time.Millisecond, AuditPolicy: signin.AuditSpool,
			Config: recorder.Config{LedgerBudget: time.Second, SpoolBudget: 400 * time.Millisecond},
		}
		spool := spoolFunc(func(e migration.Event) error {
			body, err := json.Marshal(e)
			queue.Send(string(body))
			return err
		})
		var users, refused atomic.Int32
		old := oldPoolFunc(func() migration.Answer {
			time.Sleep(300 * time.Millisecond)
			sub := fmt.Sprintf("user-%d", users.Add(1))
			return migration.Answer{
				Account:        &migration.Account{Sub: sub, Username: "ada", Enabled: true, Status: "CONFIRMED"},
				Authentication: migration.Authentication{Accepted: true},
			}
		})
		payload, err := json.Marshal(event(migration.SignIn, "ada", "Right-password-1"))
		if err != nil {
			t.Fatal(err)
		}
		var signIns sync.WaitGroup
		for range int(perSecond * lasts.Seconds()) {
			signIns.Go(func() {
				h := signin.New(config, migration.Policy{}, old, recorder.New(config.Config, l, spool), log, time.Now)
				if !lambda.run("migrate", func() {
					if answer, err := h.Invoke(t.Context(), payload); err != nil || len(answer) == 0 {
						refused.Add(1)
					}
				}) {
					refused.Add(1)
				}
			})
			time.Sleep(time.Second / perSecond)
		}
		store.well.Store(true)
		signIns.Wait()
		for start := time.Now(); len(queue.Messages()) > 0 && time.Since(start) < time.Hour; {
			time.Sleep(time.Second)
		}
		stop()
		poller.Wait()

		if refused.Load() > 0 || lambda.refusals > 0 {
			t.Errorf("%d sign-ins were refused, %d calls throttled", refused.Load(), lambda.refusals)
		}
		if lambda.most["replay"] > sandbox.ReplayConcurrency {
			t.Errorf("replay ran %d times at once", lambda.most["replay"])
		}
		for i := range users.Load() {
			stream, err := store.Stream(t.Context(), fmt.Sprintf("user-%d", i+1))
			if err != nil || len(stream) != 1 {
				t.Fatalf("user %d: %v, %d events, want one", i+1, err, len(stream))
			}
		}
		t.Logf("%d users; at once: migrate %d, replay %d; left in the queue %d", users.Load(), lambda.most["migrate"], lambda.most["replay"], len(queue.Messages()))
	})
}

func replayBatch(t *testing.T, h *replay.Handler, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, err
	}
	response, err := h.Handle(ctx, batch)
	if err != nil {
		return nil, err
	}
	return json.Marshal(response)
}
