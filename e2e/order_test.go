package e2e

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
)

// shuffled is a store whose scans give a segment's items in any order, a few at a time: DynamoDB promises no other.
func shuffled(stack *sandbox.Stack, seed uint64, page int) *dynamo.Store {
	cfg := sandbox.Config(local.DynamoDB.Endpoint())
	client := local.DynamoDBClient()
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("Shuffle", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
			if scan, ok := in.Parameters.(*dynamodb.ScanInput); ok {
				out.Result, err = shuffledPage(ctx, client, scan, seed, page)
				return out, meta, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	})
	return dynamo.New(cfg, stack.Tables, 10*time.Second)
}

// shuffledPage is the page of a segment's items, in an order that the seed decides, behind the one that the input names.
func shuffledPage(ctx context.Context, client *dynamodb.Client, in *dynamodb.ScanInput, seed uint64, page int) (*dynamodb.ScanOutput, error) {
	whole := *in
	whole.ExclusiveStartKey, whole.Limit = nil, nil
	var items []item
	for pages := dynamodb.NewScanPaginator(client, &whole); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		items = append(items, out.Items...)
	}
	random := rand.New(rand.NewPCG(seed, uint64(aws.ToInt32(in.Segment))))
	random.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	from := 1 + slices.IndexFunc(items, func(it item) bool {
		return in.ExclusiveStartKey != nil && value(it, "pk") == value(in.ExclusiveStartKey, "pk") && value(it, "sk") == value(in.ExclusiveStartKey, "sk")
	})
	to := min(from+page, len(items))
	out := &dynamodb.ScanOutput{Items: items[from:to]}
	if to < len(items) {
		out.LastEvaluatedKey = item{"pk": items[to-1]["pk"], "sk": items[to-1]["sk"]}
	}
	return out, nil
}

// A user's events need not come together, nor in order: what verify counts and finds, and what a rebuild writes, is the same.
func TestVerifyAndRebuildInAnyOrder(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	subs := attempts(t, store(stack), older, 12)
	for seed := range uint64(3) {
		v, err := fsck.New(shuffled(stack, seed, 3)).Verify(t.Context(), time.Now, time.Time{})
		if err != nil || v.FindingCount != 0 || v.Streams != 12 || v.Events != 30 || v.Records != 12 {
			t.Errorf("seed %d: %v, %+v; want 30 events of 12 users, and no finding", seed, err, v)
		}
	}
	want := report(t, stack)
	audit, progress := tablesOf(stack)
	progress.restore(t, nil)
	rebuilt, err := fsck.New(shuffled(stack, 7, 3)).Rebuild(t.Context(), time.Now, time.Time{}, true)
	if err != nil || rebuilt.Streams != 12 || rebuilt.Events != 30 || rebuilt.RecordsWritten != 12 {
		t.Errorf("%v, %+v", err, rebuilt)
	}
	isStill(t, stack, want)

	// A gap in the middle is found, however the pages fall, and a rebuild leaves such a stream alone.
	middle := audit.get(t, subs[5], "0000000002")
	audit.remove(t, subs[5], "0000000002")
	for seed := range uint64(3) {
		v, err := fsck.New(shuffled(stack, seed, 1)).Verify(t.Context(), time.Now, time.Time{})
		if err != nil || v.Kinds[ledger.Gap] != 1 || v.Streams != 12 || v.Events != 29 {
			t.Errorf("seed %d: %v, %+v; want one gap among 29 events of 12 users", seed, err, v)
		}
	}
	record := progress.get(t, "user#"+subs[5], "record")
	progress.remove(t, "user#"+subs[5], "record")
	rebuilt, err = fsck.New(shuffled(stack, 3, 1)).Rebuild(t.Context(), time.Now, time.Time{}, true)
	if err != nil || rebuilt.BrokenStreams != 1 || rebuilt.RecordsWritten != 0 {
		t.Errorf("%v, %+v; want the broken stream left alone", err, rebuilt)
	}
	audit.put(t, middle)
	progress.put(t, record)

	// A stream without its first event, and a record that is older than its stream, are found once each.
	audit.remove(t, subs[1], "0000000001")
	progress.put(t, with(progress.get(t, "user#"+subs[3], "record"), item{"version": &types.AttributeValueMemberN{Value: "2"}}))
	for seed := range uint64(3) {
		v, err := fsck.New(shuffled(stack, seed, 2)).Verify(t.Context(), time.Now, time.Time{})
		if err != nil || v.Kinds[ledger.Gap] != 1 || v.Kinds[ledger.RecordDiffers] != 1 || v.Streams != 12 || v.Events != 29 {
			t.Errorf("seed %d: %v, %+v; want one gap and one record that differs, among 29 events of 12 users", seed, err, v)
		}
	}
}

// hotUser writes so many events of one user, a second apart, and returns the sub and when the last one was recorded.
func hotUser(t *testing.T, stack *sandbox.Stack, events int) (sub string, last time.Time) {
	t.Helper()
	sub, last = uuid.NewString(), older
	l := ledger.New(store(stack), migration.Windows{}, func() time.Time { last = last.Add(time.Second); return last })
	for range events {
		e := migration.Event{At: last, Outcome: migration.Rejected, Reason: migration.WrongPassword}
		if err := appendEvent(t.Context(), l, sub, e); err != nil {
			t.Fatal(err)
		}
	}
	return sub, last
}

// The events of a hot user come in several batches, in any order: each counts once, and the user is looked at once.
func TestAHotUserInAnyOrder(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	const events, page = 250, 70
	sub, _ := hotUser(t, stack, events)
	audit, progress := tablesOf(stack)
	verify := func(lost, gaps int) {
		t.Helper()
		for seed := range uint64(3) {
			v, err := fsck.New(shuffled(stack, seed, page)).Verify(t.Context(), time.Now, time.Time{})
			if err != nil || v.Streams != 1 || v.Events != events-lost || v.Kinds[ledger.Gap] != gaps || lost == 0 && v.FindingCount != 0 {
				t.Errorf("seed %d: %v, %+v; want %d events of one user, and %d gaps", seed, err, v, events-lost, gaps)
			}
		}
	}
	verify(0, 0)
	want := report(t, stack)
	progress.restore(t, nil)
	r, err := fsck.New(shuffled(stack, 7, page)).Rebuild(t.Context(), time.Now, time.Time{}, true)
	if err != nil || r.Streams != 1 || r.Events != events || r.RecordsWritten != 1 {
		t.Errorf("%v, %+v; want %d events of one user", err, r, events)
	}
	isStill(t, stack, want)
	audit.remove(t, sub, "0000000101")
	verify(1, 1)
	audit.remove(t, sub, "0000000001")
	verify(2, 2)
}

// A replay reads what was recorded since the event was decided, from the stream's end; of a kind that the record has not seen, nothing.
func TestAReplayReadsWhatCameSince(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	const events, page = 250, 10
	sub, last := hotUser(t, stack, events)
	var queries atomic.Int32
	s := intercepted(stack, func(_ context.Context, input any) {
		if q, ok := input.(*dynamodb.QueryInput); ok {
			queries.Add(1)
			q.Limit = aws.Int32(page)
		}
	})
	for name, tt := range map[string]struct {
		reason migration.Reason
		most   int32
	}{
		"a kind that the record has seen": {migration.WrongPassword, 60/page + 2}, // of a minute, by which clocks may differ
		"a kind that it has not seen":     {migration.Throttled, 0},
	} {
		queries.Store(0)
		e := migration.NewAttempt(migration.Origin{ID: ulid.Make().String(), At: last}, migration.SignIn, migration.Account{Sub: sub},
			migration.Decision{Outcome: tt.reason.Outcome(), Reason: tt.reason})
		appended, err := ledger.New(s, migration.Windows{}, func() time.Time { return last }).Replay(t.Context(), e)
		if err != nil || appended.Repeat || queries.Load() > tt.most {
			t.Errorf("%s: %v, repeat %t, %d pages of %d events; want at most %d", name, err, appended.Repeat, queries.Load(), page, tt.most)
		}
	}
}

// The work on a user grows with the user's events, and not with their square: the stream is read once, whatever asks for it.
func TestTheStreamOfAHotUserIsReadOnce(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	const events = 250
	sub, _ := hotUser(t, stack, events)
	var queries atomic.Int32
	s := intercepted(stack, func(_ context.Context, input any) {
		if q, ok := input.(*dynamodb.QueryInput); ok && q.IndexName == nil && *q.TableName == stack.Tables.AuditTable && q.ExpressionAttributeValues[":pk"].(*types.AttributeValueMemberS).Value == sub {
			queries.Add(1)
		}
	})
	for name, work := range map[string]func() (found, read int, err error){
		"verify": func() (int, int, error) {
			v, err := fsck.New(s).Verify(t.Context(), time.Now, time.Time{})
			return v.FindingCount, v.Events, err
		},
		"verify of the day": func() (int, int, error) {
			v, err := fsck.New(s).VerifyDay(t.Context(), olderDay, time.Now)
			return v.FindingCount, v.Events, err
		},
		"rebuild": func() (int, int, error) {
			r, err := fsck.New(s).Rebuild(t.Context(), time.Now, time.Time{}, true)
			return r.BrokenStreams, r.Events, err
		},
	} {
		queries.Store(0)
		if found, read, err := work(); err != nil || found != 0 || read != events || queries.Load() > 2 {
			t.Errorf("%s: %v, %d found, %d events, %d queries; want %d events by a count and one query", name, err, found, read, queries.Load(), events)
		}
	}
	// A gap where a batch of the walk ends is found as well, and a rebuild leaves the stream alone.
	audit, progress := tablesOf(stack)
	audit.remove(t, sub, "0000000101")
	if v, err := fsck.New(s).Verify(t.Context(), time.Now, time.Time{}); err != nil || v.Kinds[ledger.Gap] != 1 || v.Events != events-1 {
		t.Errorf("%v, %+v; want one gap among %d events", err, v, events-1)
	}
	progress.remove(t, "user#"+sub, "record")
	r, err := fsck.New(s).Rebuild(t.Context(), time.Now, time.Time{}, true)
	if err != nil || r.BrokenStreams != 1 || r.RecordsWritten != 0 || r.Events != events-1 {
		t.Errorf("%v, %+v; want the broken stream left alone", err, r)
	}
}
