package dynamo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const (
	segments  = 4    // of a table, walked at the same time
	pageSize  = 1000 // items of each that are in memory, of at most 1 MB together
	batchSize = 100  // what BatchGetItem takes
)

// walk is a way through all streams, and then through the progress table. It may be taken in several goes.
type walk struct {
	StartedAt time.Time
	Open      string // the first day that was not over when the walk began: its tallies, and later ones, still change
	Streams   [segments]cursor
	Items     [segments]cursor
	Recount   recount
}

// cursor is how far a segment of a table has been walked: the key of the last item.
type cursor struct {
	PK, SK string
	Done   bool
}

func newWalk(now time.Time) walk {
	return walk{StartedAt: migration.Millis(now), Open: ledger.Day(now.Add(-closingDelay)), Recount: recount{}}
}

// visitor is told, by several goroutines at once, what a walk meets. What it was told and returned no error for it is not told
// again, also if the walk goes on later.
type visitor interface {
	// readsAll: what is visited is read consistently, at twice the price.
	readsAll() bool
	visitStreams(ctx context.Context, streams []folded) error
	visitItems(ctx context.Context, items []item) error // of the progress table: records, and whatever else there is
}

// walk goes on with w until all is walked, or until the given time, if it is not zero. It returns whether all is.
func (s *Store) walk(ctx context.Context, w *walk, until time.Time, v visitor) (bool, error) {
	walking, cancel := context.WithCancel(ctx)
	if !until.IsZero() {
		walking, cancel = context.WithDeadline(ctx, until)
	}
	defer cancel()

	group, groupCtx := errgroup.WithContext(walking)
	for i := range segments {
		group.Go(func() error {
			streams := streams(s.scan(groupCtx, s.config.AuditTable, i, w.Streams[i], v.readsAll()))
			return inBatches(groupCtx, &w.Streams[i], streams, v.visitStreams, behind)
		})
		group.Go(func() error {
			items := s.scan(groupCtx, s.config.ProgressTable, i, w.Items[i], v.readsAll())
			return inBatches(groupCtx, &w.Items[i], items, v.visitItems, cursorAt)
		})
	}
	err := group.Wait()
	if err != nil && ctx.Err() == nil && errors.Is(walking.Err(), context.DeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// inBatches hands what comes to visit, and moves the cursor behind what was visited.
func inBatches[T any](
	ctx context.Context, c *cursor, all iter.Seq2[T, error], visit func(context.Context, []T) error, last func(T) cursor,
) error {
	if c.Done {
		return nil
	}
	var batch []T
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := visit(ctx, batch); err != nil {
			return err
		}
		*c = last(batch[len(batch)-1])
		clear(batch)
		batch = batch[:0]
		return nil
	}
	for one, err := range all {
		if err != nil {
			return err
		}
		if batch = append(batch, one); len(batch) == batchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	c.Done = true
	return nil
}

// behind is the place behind a stream, and behind all that will yet be added to it: nobody's stream is visited twice.
func behind(f folded) cursor { return cursor{PK: f.sub, SK: highest} }

func cursorAt(it item) cursor { return cursor{PK: attribute(it, "pk"), SK: attribute(it, "sk")} }

// patient waits for a table that is busy, and for a transaction that is in the way (which the SDK takes for a failure), as long as the
// context lets it. A walk reads as fast as it is let.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
func patient(o *dynamodb.Options) {
	o.Retryer = retry.AddWithMaxAttempts(retry.AddWithErrorCodes(o.Retryer, "TransactionConflictException"), 0)
}

// scan reads a segment of a table behind the cursor. Items of one partition key come together, in the order of their sort keys.
func (s *Store) scan(ctx context.Context, table string, segment int, after cursor, consistent bool) iter.Seq2[item, error] {
	input := &dynamodb.ScanInput{
		TableName: &table, Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(segments), Limit: aws.Int32(pageSize),
		ConsistentRead: &consistent,
	}
	if after.PK != "" {
		input.ExclusiveStartKey = key(after.PK, after.SK)
	}
	return func(yield func(item, error) bool) {
		for pages := dynamodb.NewScanPaginator(s.client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx, patient)
			if err != nil {
				yield(nil, wrap(err, "walk through %s", table))
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// query reads what a Query finds.
func (s *Store) query(ctx context.Context, input *dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for pages := dynamodb.NewQueryPaginator(s.client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx, patient)
			if err != nil {
				yield(nil, wrap(err, "read %s", *input.TableName))
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// batchGet reads at most batchSize items and returns those that are there by their partition keys.
func (s *Store) batchGet(ctx context.Context, table string, keys []item, consistent bool) (map[string]item, error) {
	found := make(map[string]item, len(keys))
	request := map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: &consistent}}
	for wait := firstWait; len(keys) > 0 && len(request) > 0; wait = min(2*wait, longestWait) {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request}, patient)
		if err == nil && len(out.UnprocessedKeys) > 0 {
			// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html asks for a pause.
			err = pause(ctx, wait)
		}
		if err != nil {
			return nil, wrap(err, "read %s", table)
		}
		for _, it := range out.Responses[table] {
			found[attribute(it, "pk")] = it
		}
		request = out.UnprocessedKeys
	}
	return found, nil
}

// toKeep is the item that keeps a value under a key.
func toKeep(k item, value any) (item, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(zip).Encode(value), zip.Close()); err != nil {
		return nil, wrap(err, "keep %s", attribute(k, "pk"))
	}
	it := maps.Clone(k)
	it["value"] = &types.AttributeValueMemberB{Value: b.Bytes()}
	return it, nil
}

// keep puts a value into the progress table.
func (s *Store) keep(ctx context.Context, k item, value any) error {
	it, err := toKeep(k, value)
	if err != nil {
		return err
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.config.ProgressTable, Item: it})
	return wrap(err, "keep %s", attribute(k, "pk"))
}

// kept reads a value that was kept. It returns false if there is none, or none that this code can read.
func (s *Store) kept(ctx context.Context, k item, value any) (bool, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.config.ProgressTable, Key: k, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return false, wrap(err, "read %s", attribute(k, "pk"))
	}
	b, ok := out.Item["value"].(*types.AttributeValueMemberB)
	return ok && unzip(b.Value, value) == nil, nil
}

func unzip(b []byte, value any) error {
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return json.NewDecoder(zip).Decode(value)
}

func (s *Store) forget(ctx context.Context, k item) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.config.ProgressTable, Key: k})
	return wrap(err, "forget %s", attribute(k, "pk"))
}
