package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

const (
	eventsEach = 4  // of a user
	days       = 60 // over which they are spread
)

// measureHot makes one user of so many events, and measures what is done with them: verify, verify of a day, rebuild and the replay of
// one more event.
func measureHot(ctx context.Context, sb *sandbox.Sandbox, events int) error {
	stack, err := sb.Deploy(ctx, "hot", nil)
	if err != nil {
		return err
	}
	subs, err := load(ctx, sb, stack, 1, events)
	if err != nil {
		return err
	}
	timed := func(what string, work func() error) error {
		start := time.Now()
		if err := work(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Printf("%-40s %s\n", what, time.Since(start).Round(10*time.Millisecond))
		return nil
	}
	ask := func(request string) func() error {
		return func() error {
			a, err := complete(ctx, stack, request)
			if err == nil && (a.FindingCount > 0 || a.Events != events) {
				err = fmt.Errorf("%+v, of %d events", a, events)
			}
			return err
		}
	}
	day := ledger.Day(time.Now().AddDate(0, 0, -days))
	err = errors.Join(
		timed("rebuild", ask(`{"view":"rebuild"}`)),
		timed("verify", ask(`{"view":"verify"}`)),
		timed("verify of a day", ask(fmt.Sprintf(`{"view":"verify","day":%q}`, day))),
		timed("verify of the user", ask(fmt.Sprintf(`{"view":"verify","sub":%q}`, subs[0]))),
		timed("replay of another kind of event", func() error {
			return replayOne(ctx, sb, stack, subs[0], migration.Disabled, func(r migration.Record) time.Time { return r.FirstAt })
		}),
		timed("replay of one more of the same kind", func() error {
			return replayOne(ctx, sb, stack, subs[0], migration.Disabled, func(r migration.Record) time.Time { return r.LastAt.Add(2 * time.Hour) })
		}),
	)
	if err != nil {
		return err
	}
	memory, err := process.PeakMemory("maintain")
	fmt.Printf("%-40s %s\n", "peak memory of maintain", memory)
	return err
}

// replayOne replays an event of the user that was decided at a time. The earlier that was, the more is read.
func replayOne(
	ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, sub string, reason migration.Reason,
	at func(migration.Record) time.Time,
) error {
	s := dynamo.New(sandbox.Config(sb.DynamoDB.Endpoint()), stack.Tables, 10*time.Second)
	before, err := s.Record(ctx, sub)
	if err != nil {
		return err
	}
	e := migration.NewAttempt(migration.Origin{ID: ulid.Make().String(), At: at(before), FunctionVersion: "chaos"},
		migration.ForgotPassword, migration.Account{Sub: sub}, migration.Decision{Outcome: migration.Rejected, Reason: reason})
	queue := spool.New(sandbox.Config(sb.SQS.Endpoint()), spool.Config{QueueURL: stack.Spool.URL()}, time.Second)
	if err := errors.Join(queue.Send(ctx, e), stack.Replay(ctx)); err != nil {
		return err
	}
	after, err := s.Record(ctx, sub)
	if err == nil && (after.Version != before.Version+1 || after.ID != e.ID) {
		err = fmt.Errorf("the event was not written: %+v", after)
	}
	return err
}

// measure rebuilds lost progress tables of several sizes, while the trigger writes, and verifies them.
func measure(ctx context.Context, sb *sandbox.Sandbox, sizes string) error {
	t := newTable()
	t.AppendHeader(table.Row{"events", "rebuild", "events a second", "verify", "events a second", "peak memory", "signed in meanwhile"})
	for size := range strings.SplitSeq(sizes, ",") {
		events, err := strconv.Atoi(size)
		if err != nil {
			return fmt.Errorf("-rebuild %q: allowed are numbers of events, as 20000,200000", sizes)
		}
		row, err := measureSize(ctx, sb, events)
		if err != nil {
			return err
		}
		t.AppendRow(row)
	}
	t.Render()
	return nil
}

func measureSize(ctx context.Context, sb *sandbox.Sandbox, events int) (table.Row, error) {
	stack, err := sb.Deploy(ctx, fmt.Sprintf("rebuild-%d", events), nil)
	if err != nil {
		return nil, err
	}
	if _, err := load(ctx, sb, stack, events/eventsEach, eventsEach); err != nil {
		return nil, err
	}
	signIns, stop := context.WithCancel(ctx)
	var signedIn atomic.Int32
	var group errgroup.Group
	group.Go(func() error { return signIn(signIns, sb, stack, &signedIn) })

	rebuilt, err := complete(ctx, stack, `{"view":"rebuild"}`)
	stop()
	if err := errors.Join(err, group.Wait(), stack.Replay(ctx)); err != nil {
		return nil, err
	}
	verified, err := complete(ctx, stack, `{"view":"verify"}`)
	if err != nil {
		return nil, err
	}
	if verified.FindingCount > 0 || verified.Events != events+int(signedIn.Load()) {
		return nil, fmt.Errorf("after the rebuild of %d events and %d sign-ins: %+v", events, signedIn.Load(), verified)
	}
	memory, err := process.PeakMemory("maintain")
	if err != nil {
		return nil, err
	}
	rate := func(a answer) (time.Duration, string) {
		took := a.FinishedAt.Sub(a.StartedAt)
		return took.Round(10 * time.Millisecond), fmt.Sprintf("%.0f", float64(a.Events)/took.Seconds())
	}
	rebuildTook, rebuildRate := rate(rebuilt)
	verifyTook, verifyRate := rate(verified)
	return table.Row{events, rebuildTook, rebuildRate, verifyTook, verifyRate, memory, signedIn.Load()}, nil
}

// answer is what rebuild and verify have in common.
type answer struct {
	StartedAt    time.Time `json:"started_at"`
	FinishedAt   time.Time `json:"finished_at"`
	Complete     bool      `json:"complete"`
	Events       int       `json:"events"`
	FindingCount int       `json:"finding_count"`
}

// complete asks until the answer is complete.
func complete(ctx context.Context, stack *sandbox.Stack, request string) (a answer, err error) {
	for !a.Complete {
		raw, err := stack.Invoke(ctx, "maintain", []byte(request))
		if err == nil {
			err = json.Unmarshal(raw, &a)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// signIn signs in one new user after the other, until ctx is done.
func signIn(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, count *atomic.Int32) error {
	for ctx.Err() == nil {
		name := fmt.Sprintf("%s-%06d", stack.Name, count.Load())
		u := cognito.User{
			Username: name, Password: "Right-password-1", Sub: uuid.NewString(),
			Attributes: map[string]string{"email": name + "@example.com", "email_verified": "true"},
		}
		event, err := json.Marshal(map[string]any{
			"version": "1", "triggerSource": migration.SignIn, "region": sandbox.Region, "userPoolId": sandbox.NewPoolID,
			"userName": u.Username, "callerContext": map[string]string{"clientId": sandbox.NewClientID},
			"request": map[string]any{"password": u.Password}, "response": map[string]any{},
		})
		if err != nil {
			return err
		}
		whole := context.WithoutCancel(ctx)
		if err := sb.Old.Put(whole, u); err != nil {
			return err
		}
		if _, err := stack.Invoke(whole, "migrate", event); err != nil {
			return err
		}
		count.Add(1)
	}
	return nil
}

// load writes events of the past days, so many each of so many users, but neither records nor tallies: to this stack they are lost. It
// returns the users.
func load(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, users, each int) ([]string, error) {
	subs := make([]string, users)
	writer := &eventWriter{client: sb.DynamoDBClient(), table: stack.Tables.AuditTable}
	cfg := sandbox.Config(sb.DynamoDB.Endpoint())
	cfg.APIOptions = append(cfg.APIOptions, writer.intercept)
	events := dynamo.New(cfg, stack.Tables, 10*time.Second)
	bar := newBar(users*each, fmt.Sprintf("Loading %d events", users*each))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range users {
		group.Go(func() error {
			subs[i] = uuid.NewString()
			sub, now := subs[i], time.Now().AddDate(0, 0, i%days-days)
			l := ledger.New(both{memory.New(), events}, migration.Windows{}, func() time.Time { return now })
			for n := range each {
				now = now.Add(100 * time.Millisecond)
				e := migration.Event{
					Schema: migration.Schema, ID: ulid.Make().String(), Sub: sub, Kind: migration.Attempt, At: migration.Millis(now),
					Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.WrongPassword, RequestID: uuid.NewString(),
				}
				if n == each-1 {
					e.Outcome, e.Reason = migration.Migrated, ""
				}
				if _, err := l.Append(groupCtx, sub, func(migration.Record) migration.Event { return e }); err != nil {
					return err
				}
				_ = bar.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return subs, writer.flush(ctx)
}

// both commits to memory, where conflicts are found, and then to a second store.
type both struct {
	*memory.Store
	second ledger.Store
}

func (b both) Commit(ctx context.Context, e ledger.Entry) error {
	if err := b.Store.Commit(ctx, e); err != nil {
		return err
	}
	return b.second.Commit(ctx, e)
}

// eventWriter takes the events out of transactions and writes them in batches, which is ten times as fast.
type eventWriter struct {
	client *dynamodb.Client
	table  string

	mu    sync.Mutex
	batch []types.WriteRequest
}

// batchSize is what BatchWriteItem takes.
const batchSize = 25

// intercept is one of a client configuration's APIOptions.
func (w *eventWriter) intercept(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("EventsOnly", func(
		ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler,
	) (out middleware.InitializeOutput, _ middleware.Metadata, _ error) {
		event := in.Parameters.(*dynamodb.TransactWriteItemsInput).TransactItems[0].Put.Item
		w.mu.Lock()
		defer w.mu.Unlock()
		w.batch = append(w.batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: event}})
		out.Result = &dynamodb.TransactWriteItemsOutput{}
		if len(w.batch) < batchSize {
			return out, middleware.Metadata{}, nil
		}
		return out, middleware.Metadata{}, w.flush(ctx)
	}), middleware.Before)
}

func (w *eventWriter) flush(ctx context.Context) error {
	for len(w.batch) > 0 {
		out, err := w.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{w.table: w.batch},
		})
		if err != nil {
			return err
		}
		w.batch = out.UnprocessedItems[w.table]
	}
	return nil
}
