package dynamo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Where a verification that is under way, and the result of the last, are kept.
var (
	verifyState  = key("verify", "state")
	verifyResult = key("verify", "result")
)

// verifying is a walk that judges what it meets.
type verifying struct {
	Run    string // tells runs apart
	Walk   walk
	Result ledger.Verification

	store *Store
	mu    sync.Mutex // of Walk.Recount and Result
}

// Verify holds every event, record and entry of the index attention to what was written, and every tally of a day that ended an hour
// before it began to the recount, whoever writes meanwhile. It works until the given time, if that is not zero, and for as long as
// the tallies take; if it is not complete then, the next call goes on. If the progress table is rebuilt meanwhile, it says nothing, and
// the next call begins anew. Its memory does not depend on how many events there are.
func (s *Store) Verify(ctx context.Context, now func() time.Time, until time.Time) (ledger.Verification, error) {
	v := &verifying{store: s}
	ok, err := s.kept(ctx, verifyState, v)
	if err == nil && (!ok || v.Run == "") {
		v = &verifying{Run: ulid.Make().String(), Walk: newWalk(now()), Result: ledger.NewVerification(now()), store: s}
		err = s.keep(ctx, v.state(), v)
	}
	if err != nil {
		return ledger.Verification{}, err
	}
	done, err := s.walk(ctx, &v.Walk, until, v)
	if err == nil && done {
		err = v.compare(ctx, lowest, highest, now())
	}
	if err != nil || !done {
		return v.Result, errors.Join(err, v.pause(ctx))
	}
	v.Result.Complete, v.Result.FinishedAt = true, migration.Millis(now())
	if ended, err := v.end(ctx); err != nil || !ended {
		return ledger.NewVerification(now()), err
	}
	return v.Result, nil
}

// state is where the run is kept, and that it is this one.
func (v *verifying) state() item {
	k := maps.Clone(verifyState)
	k["run"] = text(v.Run)
	return k
}

// The condition that a run is not over: nobody else has brought it to its end, or forgotten it.
const runStands = "run = :run"

// pause keeps where the run is, unless it is over.
func (v *verifying) pause(ctx context.Context) error {
	it, err := toKeep(v.state(), v)
	if err != nil {
		return err
	}
	_, err = v.store.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &v.store.config.ProgressTable, Item: it,
		ConditionExpression: aws.String(runStands), ExpressionAttributeValues: item{":run": text(v.Run)},
	})
	var over *types.ConditionalCheckFailedException
	if errors.As(err, &over) {
		return nil
	}
	return wrap(err, "keep a verification")
}

// end publishes the result of the run and forgets its state, unless it is over: then it returns false.
func (v *verifying) end(ctx context.Context) (bool, error) {
	result, err := toKeep(verifyResult, v.Result)
	if err != nil {
		return false, err
	}
	_, err = v.store.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Delete: &types.Delete{
			TableName: &v.store.config.ProgressTable, Key: verifyState,
			ConditionExpression: aws.String(runStands), ExpressionAttributeValues: item{":run": text(v.Run)},
		}},
		{Put: &types.Put{TableName: &v.store.config.ProgressTable, Item: result}},
	}})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && failed(canceled.CancellationReasons, 0) {
		return false, nil
	}
	return err == nil, wrap(err, "end a verification")
}

// Verification returns what the last complete Verify came to; if there was none yet, how far the first is; the zero Verification
// before it.
func (s *Store) Verification(ctx context.Context) (ledger.Verification, error) {
	var result ledger.Verification
	if ok, err := s.kept(ctx, verifyResult, &result); ok || err != nil {
		return result, err
	}
	var v verifying
	_, err := s.kept(ctx, verifyState, &v)
	return v.Result, err
}

// VerifyUser verifies one user's events and record.
func (s *Store) VerifyUser(ctx context.Context, sub string, now func() time.Time) (ledger.Verification, error) {
	v := verifying{Result: ledger.NewVerification(now()), store: s}
	f, record, err := s.snapshot(ctx, sub)
	if err != nil {
		return v.Result, err
	}
	if f.events > 0 {
		v.Result.Streams = 1
	}
	if record != nil {
		v.Result.Records = 1
	}
	v.Result.Events = f.events
	v.Result.Find(judge(f, record)...)
	v.Result.Complete, v.Result.FinishedAt = true, migration.Millis(now())
	return v.Result, nil
}

// VerifyDay verifies all events and records of the users of one day (UTC, 2006-01-02), and the day's tally if the day ended an hour
// ago. It finds the users by the index by_day: an event that the index does not list shows in the tally.
func (s *Store) VerifyDay(ctx context.Context, day string, now func() time.Time) (ledger.Verification, error) {
	v := verifying{Walk: newWalk(now()), Result: ledger.NewVerification(now()), store: s}
	group, groupCtx := errgroup.WithContext(ctx)
	for shard := range dayShards {
		group.Go(func() error {
			for it, err := range s.recorded(groupCtx, day, shard) {
				if err == nil {
					err = v.visitDay(groupCtx, day, it)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return v.Result, err
	}
	if err := v.compare(ctx, day, day+highest, now()); err != nil {
		return v.Result, err
	}
	v.Result.Complete, v.Result.FinishedAt = true, migration.Millis(now())
	return v.Result, nil
}

// recorded reads the events of a day that the index by_day lists in a shard.
func (s *Store) recorded(ctx context.Context, day string, shard int) iter.Seq2[item, error] {
	return s.query(ctx, &dynamodb.QueryInput{
		TableName:                 &s.config.AuditTable,
		IndexName:                 aws.String("by_day"),
		KeyConditionExpression:    aws.String("day_shard = :shard"),
		ExpressionAttributeValues: item{":shard": text(fmt.Sprintf("%s#%d", day, shard))},
	})
}

// visitDay verifies the user of an event, when it is the user's first of that day.
func (v *verifying) visitDay(ctx context.Context, day string, it item) error {
	f, record, err := v.store.snapshot(ctx, attribute(it, "pk"))
	if err != nil {
		return err
	}
	f.counts = slices.DeleteFunc(f.counts, func(c count) bool { return dayOf(c.tally) != day })
	if len(f.counts) > 0 && f.counts[0].seq != sequence(it) {
		return nil
	}
	v.add([]folded{f}, judge(f, record))
	return nil
}

// What looks wrong is read again, and the tallies that are compared have been over for an hour.
func (v *verifying) readsAll() bool { return false }

func (v *verifying) visitStreams(ctx context.Context, streams []folded) error {
	keys := make([]item, len(streams))
	for i, f := range streams {
		keys[i] = recordKey(f.sub)
	}
	records, err := v.store.batchGet(ctx, v.store.config.ProgressTable, keys, v.readsAll())
	if err != nil {
		return err
	}
	var findings []ledger.Finding
	for i, f := range streams {
		if len(judge(f, records[userKey(f.sub)])) == 0 {
			continue
		}
		// The user may have signed in between the two reads.
		var record item
		if streams[i], record, err = v.store.snapshot(ctx, f.sub); err != nil {
			return err
		}
		findings = append(findings, judge(streams[i], record)...)
	}
	v.add(streams, findings)
	return nil
}

func (v *verifying) visitItems(ctx context.Context, items []item) error {
	var findings []ledger.Finding
	streamless, records, err := v.store.streamless(ctx, items)
	if err != nil {
		return err
	}
	for sub, record := range streamless {
		findings = append(findings, judge(folded{sub: sub}, record)...)
	}
	for _, it := range items {
		if stray(it) {
			findings = append(findings, ledger.Finding{
				Kind: ledger.AttentionDiffers, Detail: "an entry that is no record's: " + attribute(it, "pk") + ", " + attribute(it, "sk"),
			})
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Result.Records += records
	v.Result.Find(findings...)
	return nil
}

// streamless returns those of the items that are records of users without any event, by user, and how many records there are.
// Whoever has events is met in the walk through the streams.
func (s *Store) streamless(ctx context.Context, items []item) (orphans map[string]item, records int, err error) {
	var subs []string
	var keys []item
	for _, it := range items {
		if sub, ok := recordOf(it); ok {
			subs, keys = append(subs, sub), append(keys, eventKey(sub, 1))
		}
	}
	firsts, err := s.batchGet(ctx, s.config.AuditTable, keys, false) // whoever seems to have none is looked at again
	if err != nil {
		return nil, 0, err
	}
	orphans = map[string]item{}
	for _, sub := range subs {
		if firsts[sub] != nil {
			continue
		}
		f, record, err := s.snapshot(ctx, sub)
		if err != nil {
			return nil, 0, err
		}
		if f.events == 0 && record != nil {
			orphans[sub] = record
		}
	}
	return orphans, len(keys), nil
}

// stray tells whether an item stands in the index attention and is no record.
func stray(it item) bool {
	_, isRecord := recordOf(it)
	return !isRecord && (it["attention"] != nil || it["attention_sort"] != nil)
}

func (v *verifying) add(streams []folded, findings []ledger.Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Result.Streams += len(streams)
	v.Result.Find(findings...)
	for _, f := range streams {
		v.Result.Events += f.events
		for _, c := range f.counts {
			if dayOf(c.tally) < v.Walk.Open {
				v.Walk.Recount.add(c)
			}
		}
	}
}
