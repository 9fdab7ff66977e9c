package fsck

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithytime "github.com/aws/smithy-go/time"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Rebuilt is what a rebuild found and wrote.
type Rebuilt struct {
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Complete   bool      `json:"complete"` // if not, the next call goes on

	Streams        int `json:"streams"`
	Events         int `json:"events"`
	RecordsWritten int `json:"records_written"` // records that were missing or differed, and those without any event, removed
	TalliesWritten int `json:"tallies_written"`
	BrokenStreams  int `json:"broken_streams"` // left as they are, with their records: verify names them
}

var rebuildState = table.Key("rebuild", "state")

// resumable is how long after a pause a rebuild may continue. It does not see what has changed in the part that it has walked.
const resumable = time.Hour

// writers is how many records a segment writes at once.
const writers = 16

// rebuilding is a walk that writes the folds of the streams.
type rebuilding struct {
	Walk   walk
	Result Rebuilt
	Sealed map[string]bool // the tallies of days that were not over, which took no more counts from then on
	LeftAt time.Time

	*Checker
	mu sync.Mutex // of Walk.Recount and Result
}

// settling is longer than all items of a transaction take to become visible after the first.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation
const settling = time.Second

// Rebuild rebuilds the progress table from the audit table, even while others write: records, the index attention, tallies, closed days
// and months. It writes only what differs. It walks until the given time, if that is not zero. If it is not complete then, the next call
// continues, unless it is told to start over. If it fails or is killed, the next call continues or starts over, with the same result. Its
// memory does not depend on how many events there are.
//
// Between its first and its last call events may be added, but not removed: after a removal, start over.
//
// Tallies: an event names the tally that counted it. Rebuild first seals the tallies that writers may still add to. Writers go on in the
// next generation, which is therefore exact from its beginning. Sealed tallies, and those of days that are over, are recounted from the
// events.
func (c *Checker) Rebuild(ctx context.Context, now func() time.Time, until time.Time, startOver bool) (Rebuilt, error) {
	r := &rebuilding{Checker: c}
	ok, err := c.tables.Kept(ctx, rebuildState, r)
	if err == nil && (!ok || startOver || now().Sub(r.LeftAt) > resumable) {
		r, err = c.startRebuild(ctx, now())
	}
	if err != nil {
		return Rebuilt{}, err
	}
	done, err := c.walk(ctx, &r.Walk, until, r)
	if err == nil && done {
		err = r.restoreJournal(ctx)
	}
	if err == nil && done {
		err = r.writeTallies(ctx, now())
	}
	if err == nil && done {
		err = c.closeAgain(ctx, now())
	}
	if err != nil || !done {
		r.LeftAt = now()
		return r.Result, errors.Join(err, c.tables.Keep(ctx, rebuildState, r))
	}
	r.Result.Complete, r.Result.FinishedAt = true, migration.Millis(now())
	// A verification that is under way may already hold findings that this rebuild mends. It has to start over.
	return r.Result, errors.Join(c.tables.Forget(ctx, rebuildState), c.tables.Forget(ctx, table.VerifyState))
}

func (c *Checker) startRebuild(ctx context.Context, now time.Time) (*rebuilding, error) {
	r := &rebuilding{Walk: newWalk(now), Result: Rebuilt{StartedAt: migration.Millis(now)}, Checker: c}
	var err error
	if r.Sealed, err = c.seal(ctx, now); err != nil {
		return nil, err
	}
	// The walk has to find every event that a sealed tally has counted.
	return r, smithytime.SleepWithContext(ctx, settling)
}

// Reads consistently, so that every event counted before the seal is seen.
func (r *rebuilding) readsAll() bool { return true }

func (r *rebuilding) visitStreams(ctx context.Context, streams []*folded) error {
	records, err := r.recordsOf(ctx, streams, r.readsAll())
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i, f := range streams {
		if record := records[table.UserKey(f.sub)]; f.judge(record).FindingCount > 0 {
			group.Go(func() (err error) {
				streams[i], err = r.restore(groupCtx, f, record)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Result.Streams += len(streams)
	for _, f := range streams {
		if f.found.FindingCount > 0 {
			r.Result.BrokenStreams++
		}
		r.Result.Events += f.events
		r.Walk.Recount.merge(f.counts, r.recounts)
	}
	return nil
}

// recounts tells whether a tally is recounted: only if no writer can still add to it.
func (r *rebuilding) recounts(tally string) bool {
	return table.DayOf(tally) < r.Walk.Open || r.Sealed[tally]
}

func (r *rebuilding) visitItems(ctx context.Context, items []table.Item) error {
	streamless, _, err := r.streamless(ctx, items)
	if err != nil {
		return err
	}
	for sub, record := range streamless {
		if _, err := r.restore(ctx, newFolded(sub), record); err != nil {
			return err
		}
	}
	for _, it := range items {
		if stray(it) {
			if err := r.conceal(ctx, table.Key(table.Attribute(it, "pk"), table.Attribute(it, "sk"))); err != nil {
				return err
			}
		}
	}
	return nil
}

// conceal takes an item out of the index attention.
func (c *Checker) conceal(ctx context.Context, k table.Item) error {
	_, err := c.tables.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.tables.Progress, Key: k, UpdateExpression: aws.String("REMOVE attention, attention_sort"),
	}, table.Patient)
	return table.Wrap(err, "take %s out of the index attention", table.Attribute(k, "pk"))
}

// restore replaces a user's record with the fold of the stream, or removes a record without a stream. It is given both as they were read,
// the stream first, and returns the fold of the stream as it was read last.
func (r *rebuilding) restore(ctx context.Context, f *folded, record table.Item) (*folded, error) {
	// A record that is ahead of the stream that was read may be right. Then both are read again, at one moment.
	ahead := version(record) > f.record.Version
	for {
		if ahead {
			var err error
			if f, record, err = r.read(ctx, f.sub); err != nil {
				return f, err
			}
		}
		if f.found.FindingCount > 0 || f.judge(record).FindingCount == 0 {
			return f, nil
		}
		err := r.replace(ctx, f, record)
		var changed *types.ConditionalCheckFailedException
		switch {
		case errors.As(err, &changed):
			ahead = true
		case err != nil:
			return f, table.Wrap(err, "write record %s", f.sub)
		default:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.Result.RecordsWritten++
			return f, nil
		}
	}
}

func version(record table.Item) int {
	var version int
	_ = attributevalue.Unmarshal(record["version"], &version) // what is no number is not ahead of anything
	return version
}

// unchanged returns the condition that a record is as it was read: every event changes its version.
func unchanged(record table.Item) (condition string, values table.Item) {
	switch {
	case record["version"] != nil:
		return "version = :version", table.Item{":version": record["version"]}
	case record != nil:
		return "attribute_exists(pk) AND attribute_not_exists(version)", nil
	}
	return "attribute_not_exists(pk)", nil
}

// replace puts the fold in the place of the record that was read, on condition that the record has not changed.
func (c *Checker) replace(ctx context.Context, f *folded, record table.Item) error {
	condition, values := unchanged(record)
	if f.events == 0 {
		_, err := c.tables.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &c.tables.Progress, Key: table.RecordKey(f.sub),
			ConditionExpression: &condition, ExpressionAttributeValues: values,
		}, table.Patient)
		return err
	}
	it, err := table.MarshalRecord(f.record)
	if err != nil {
		return err
	}
	_, err = c.tables.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &c.tables.Progress, Item: it, ConditionExpression: &condition, ExpressionAttributeValues: values,
	}, table.Patient)
	return err
}
