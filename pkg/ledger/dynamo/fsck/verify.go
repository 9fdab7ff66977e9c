package fsck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// verifying is a walk that judges every stream and record.
type verifying struct {
	Run    string // tells runs apart
	Walk   walk
	Result ledger.Verification

	*Checker
	mu sync.Mutex // of Walk.Recount and Result
}

// Verify checks every event, every record, every entry of the index attention, and every tally of a day that ended an hour before the run
// began. Others may write meanwhile. It walks until the given time, if that is not zero, and then takes as long as the tallies need. If
// it is not complete then, the next call continues. If the progress table is rebuilt meanwhile, it finds nothing, and the next call
// starts over. Its memory does not depend on how many events there are.
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
		err = errors.Join(v.verifyJournal(ctx), v.compare(ctx, table.Lowest, table.Highest, now()))
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

// state returns the key under which the run is kept, and its identity.
func (v *verifying) state() table.Item {
	k := maps.Clone(table.VerifyState)
	k["run"] = table.Text(v.Run)
	return k
}

// The condition that a run is not over: no other call has ended or forgotten it.
const runUnchanged = "run = :run"

// pause stores how far the run is, unless it is over.
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

// end publishes the result of the run and forgets its state. It returns false if the run was over already.
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

// VerifyUser verifies one user's events and record; or the journal, by its key instead of a sub.
func (c *Checker) VerifyUser(ctx context.Context, sub string, now func() time.Time) (ledger.Verification, error) {
	v := verifying{Result: ledger.NewVerification(now()), Checker: c}
	if sub == journal.Stream {
		err := v.verifyJournal(ctx)
		v.Result.Complete, v.Result.FinishedAt = err == nil, migration.Millis(now())
		return v.Result, err
	}
	f, record, err := c.read(ctx, sub)
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
	v.Result.Add(f.judge(record))
	v.Result.Complete, v.Result.FinishedAt = true, migration.Millis(now())
	return v.Result, nil
}

// VerifyDay verifies one day (UTC, 2006-01-02): all events and records of its users, and its tally if the day ended an hour ago. It finds
// the users by the index by_day. If the index lacks an event, the tally shows it. It reads each user once.
func (c *Checker) VerifyDay(ctx context.Context, day string, now func() time.Time) (ledger.Verification, error) {
	v := verifying{Walk: newWalk(now()), Result: ledger.NewVerification(now()), Checker: c}
	group, groupCtx := errgroup.WithContext(ctx)
	for shard := range table.DayShards {
		group.Go(func() error {
			met := map[string]bool{} // all events of a user are in one shard
			for it, err := range c.recorded(groupCtx, day, shard) {
				sub := table.Attribute(it, "pk")
				if err == nil && !met[sub] {
					met[sub] = true
					err = v.visitUser(groupCtx, day, sub)
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

// visitUser verifies a user of a day.
func (v *verifying) visitUser(ctx context.Context, day, sub string) error {
	if sub == journal.Stream {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.verifyJournal(ctx)
	}
	f, record, err := v.read(ctx, sub)
	if err != nil {
		return err
	}
	v.add([]*folded{f}, f.judge(record), func(tally string) bool { return table.DayOf(tally) == day && v.isOver(tally) })
	return nil
}

// An eventually consistent read is enough: what looks wrong is read again, and the compared tallies have been over for an hour.
func (v *verifying) readsAll() bool { return false }

func (v *verifying) visitStreams(ctx context.Context, streams []*folded) error {
	records, err := v.recordsOf(ctx, streams, v.readsAll())
	if err != nil {
		return err
	}
	var found ledger.Found
	for i, f := range streams {
		if f.judge(records[table.UserKey(f.sub)]).FindingCount == 0 {
			continue
		}
		// The user may have signed in between the two reads.
		var record table.Item
		if streams[i], record, err = v.read(ctx, f.sub); err != nil {
			return err
		}
		found.Add(streams[i].judge(record))
	}
	v.add(streams, found, v.isOver)
	return nil
}

// isOver tells whether a tally's day was over when the walk began.
func (v *verifying) isOver(tally string) bool { return table.DayOf(tally) < v.Walk.Open }

func (v *verifying) visitItems(ctx context.Context, items []table.Item) error {
	var found ledger.Found
	streamless, records, err := v.streamless(ctx, items)
	if err != nil {
		return err
	}
	for sub, record := range streamless {
		found.Add(newFolded(sub).judge(record))
	}
	for _, it := range items {
		if stray(it) {
			found.Find(ledger.Finding{
				Kind: ledger.AttentionDiffers, Detail: "an entry that is no record's: " + table.Attribute(it, "pk") + ", " + table.Attribute(it, "sk"),
			})
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Result.Records += records
	v.Result.Add(found)
	return nil
}

// add adds the findings of streams, and those of their counts that are wanted.
func (v *verifying) add(streams []*folded, found ledger.Found, wanted func(tally string) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Result.Streams += len(streams)
	v.Result.Add(found)
	for _, f := range streams {
		v.Result.Events += f.events
		v.Walk.Recount.merge(f.counts, wanted)
	}
}
