package fsck

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
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// verifying is a walk that judges what it meets.
type verifying struct {
	Run    string // tells runs apart
	Walk   walk
	Result ledger.Verification

	*Checker
	mu sync.Mutex // of Walk.Recount and Result
}

// Verify holds every event, record and entry of the index attention to what was written, and every tally of a day that ended an hour
// before it began to the recount, whoever writes meanwhile. It works until the given time, if that is not zero, and for as long as
// the tallies take; if it is not complete then, the next call goes on. If the progress table is rebuilt meanwhile, it says nothing, and
// the next call begins anew. Its memory does not depend on how many events there are.
func (c *Checker) Verify(ctx context.Context, now func() time.Time, until time.Time) (ledger.Verification, error) {
	v := &verifying{Checker: c}
	ok, err := c.tables.Kept(ctx, table.VerifyState, v)
	if err == nil && (!ok || v.Run == "") {
		v = &verifying{Run: ulid.Make().String(), Walk: newWalk(now()), Result: ledger.NewVerification(now()), Checker: c}
		err = c.tables.Keep(ctx, v.state(), v)
	}
	if err != nil {
		return ledger.Verification{}, err
	}
	done, err := c.walk(ctx, &v.Walk, until, v)
	if err == nil && done {
		err = v.compare(ctx, table.Lowest, table.Highest, now())
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
func (v *verifying) state() table.Item {
	k := maps.Clone(table.VerifyState)
	k["run"] = table.Text(v.Run)
	return k
}

// The condition that a run is not over: nobody else has brought it to its end, or forgotten it.
const runUnchanged = "run = :run"

// pause keeps where the run is, unless it is over.
func (v *verifying) pause(ctx context.Context) error {
	it, err := table.Checkpoint(v.state(), v)
	if err != nil {
		return err
	}
	_, err = v.tables.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &v.tables.Progress, Item: it,
		ConditionExpression: aws.String(runUnchanged), ExpressionAttributeValues: table.Item{":run": table.Text(v.Run)},
	})
	var over *types.ConditionalCheckFailedException
	if errors.As(err, &over) {
		return nil
	}
	return table.Wrap(err, "keep a verification")
}

// end publishes the result of the run and forgets its state, unless it is over: then it returns false.
func (v *verifying) end(ctx context.Context) (bool, error) {
	result, err := table.Checkpoint(table.VerifyResult, v.Result)
	if err != nil {
		return false, err
	}
	_, err = v.tables.Client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Delete: &types.Delete{
			TableName: &v.tables.Progress, Key: table.VerifyState,
			ConditionExpression: aws.String(runUnchanged), ExpressionAttributeValues: table.Item{":run": table.Text(v.Run)},
		}},
		{Put: &types.Put{TableName: &v.tables.Progress, Item: result}},
	}})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && table.Failed(canceled.CancellationReasons, 0) {
		return false, nil
	}
	return err == nil, table.Wrap(err, "end a verification")
}

// VerifyUser verifies one user's events and record.
func (c *Checker) VerifyUser(ctx context.Context, sub string, now func() time.Time) (ledger.Verification, error) {
	v := verifying{Result: ledger.NewVerification(now()), Checker: c}
	f, record, err := c.snapshot(ctx, sub)
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
func (c *Checker) VerifyDay(ctx context.Context, day string, now func() time.Time) (ledger.Verification, error) {
	v := verifying{Walk: newWalk(now()), Result: ledger.NewVerification(now()), Checker: c}
	group, groupCtx := errgroup.WithContext(ctx)
	for shard := range table.DayShards {
		group.Go(func() error {
			for it, err := range c.recorded(groupCtx, day, shard) {
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
	if err := v.compare(ctx, day, day+table.Highest, now()); err != nil {
		return v.Result, err
	}
	v.Result.Complete, v.Result.FinishedAt = true, migration.Millis(now())
	return v.Result, nil
}

// recorded reads the events of a day that the index by_day lists in a shard.
func (c *Checker) recorded(ctx context.Context, day string, shard int) iter.Seq2[table.Item, error] {
	return c.tables.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &c.tables.Audit,
		IndexName:                 aws.String("by_day"),
		KeyConditionExpression:    aws.String("day_shard = :shard"),
		ExpressionAttributeValues: table.Item{":shard": table.Text(fmt.Sprintf("%s#%d", day, shard))},
	})
}

// visitDay verifies the user of an event, when it is the user's first of that day.
func (v *verifying) visitDay(ctx context.Context, day string, it table.Item) error {
	f, record, err := v.snapshot(ctx, table.Attribute(it, "pk"))
	if err != nil {
		return err
	}
	f.counts = slices.DeleteFunc(f.counts, func(c count) bool { return table.DayOf(c.tally) != day })
	if len(f.counts) > 0 && f.counts[0].seq != table.Sequence(it) {
		return nil
	}
	v.add([]folded{f}, judge(f, record))
	return nil
}

// What looks wrong is read again, and the tallies that are compared have been over for an hour.
func (v *verifying) readsAll() bool { return false }

func (v *verifying) visitStreams(ctx context.Context, streams []folded) error {
	keys := make([]table.Item, len(streams))
	for i, f := range streams {
		keys[i] = table.RecordKey(f.sub)
	}
	records, err := v.tables.BatchGet(ctx, v.tables.Progress, keys, v.readsAll())
	if err != nil {
		return err
	}
	var findings []ledger.Finding
	for i, f := range streams {
		if len(judge(f, records[table.UserKey(f.sub)])) == 0 {
			continue
		}
		// The user may have signed in between the two reads.
		var record table.Item
		if streams[i], record, err = v.snapshot(ctx, f.sub); err != nil {
			return err
		}
		findings = append(findings, judge(streams[i], record)...)
	}
	v.add(streams, findings)
	return nil
}

func (v *verifying) visitItems(ctx context.Context, items []table.Item) error {
	var findings []ledger.Finding
	streamless, records, err := v.streamless(ctx, items)
	if err != nil {
		return err
	}
	for sub, record := range streamless {
		findings = append(findings, judge(folded{sub: sub}, record)...)
	}
	for _, it := range items {
		if stray(it) {
			findings = append(findings, ledger.Finding{
				Kind: ledger.AttentionDiffers, Detail: "an entry that is no record's: " + table.Attribute(it, "pk") + ", " + table.Attribute(it, "sk"),
			})
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Result.Records += records
	v.Result.Find(findings...)
	return nil
}

func (v *verifying) add(streams []folded, findings []ledger.Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Result.Streams += len(streams)
	v.Result.Find(findings...)
	for _, f := range streams {
		v.Result.Events += f.events
		for _, c := range f.counts {
			if table.DayOf(c.tally) < v.Walk.Open {
				v.Walk.Recount.add(c)
			}
		}
	}
}
