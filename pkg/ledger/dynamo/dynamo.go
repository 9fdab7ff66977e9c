// Package dynamo keeps a ledger in two DynamoDB tables: the audit table holds the streams and is only ever added to; the
// progress table holds records and tallies, and can be rebuilt from it. docs/record-format.md describes every item.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Config names the tables.
type Config struct {
	AuditTable    string `env:"AUDIT_TABLE,required,notEmpty"`
	ProgressTable string `env:"PROGRESS_TABLE,required,notEmpty"`
}

// Validate names the variables that do not fit together.
func (c Config) Validate() error {
	if c.AuditTable == c.ProgressTable {
		return fmt.Errorf("PROGRESS_TABLE and AUDIT_TABLE are both %q: allowed are two tables that are not the same", c.AuditTable)
	}
	return nil
}

// How items are spread, so that no partition takes all the writes. The numbers are part of the stored format.
const (
	tallyShards     = 32 // tally items a day
	dayShards       = 8  // partitions of the index by_day, a day
	attentionShards = 4  // partitions of the index attention, a standing
)

// Store is a ledger.Store over DynamoDB.
type Store struct {
	client *dynamodb.Client
	config Config

	generations sync.Map // by day: the generation of its tallies that takes counts, as far as known here
}

// New returns a store over the two tables. A try of a call takes at most the given time, and the caller's deadline ends the
// tries. All tries of one transaction carry one idempotency token, so that a lost answer does not write twice.
func New(cfg aws.Config, config Config, try time.Duration) *Store {
	return &Store{config: config, client: dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// The SDK's check of the CRC-32 header trips over refused transactions, and drops their connections. TLS checks as well.
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(try)
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 10 // the deadline ends them sooner
			o.MaxBackoff = longestWait
			o.RateLimiter = ratelimit.None
		})
	})}
}

// Commit implements ledger.Store as one transaction of three items.
func (s *Store) Commit(ctx context.Context, e ledger.Entry) error {
	day := ledger.Day(e.Event.RecordedAt)
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		generation, _ := s.generations.LoadOrStore(day, 0)
		input, err := s.transaction(e, generation.(int))
		if err != nil {
			return fmt.Errorf("write event %s: %w", e.Event.ID, err)
		}
		_, err = s.client.TransactWriteItems(ctx, input)
		var canceled *types.TransactionCanceledException
		if !errors.As(err, &canceled) {
			return wrap(err, "write event %s", e.Event.ID)
		}
		if err := refusal(canceled.CancellationReasons); err != nil {
			return err
		}
		if failed(canceled.CancellationReasons, tallyItem) {
			s.generations.CompareAndSwap(day, generation, generation.(int)+1)
			continue
		}
		if !transient(canceled.CancellationReasons) {
			return wrap(err, "write event %s", e.Event.ID)
		}
		// The SDK does not retry a transaction that another one was in the way of.
		if late := pause(ctx, wait); late != nil {
			return wrap(errors.Join(late, err), "write event %s", e.Event.ID)
		}
	}
}

// How long to wait before a call is repeated, the first time and at most; each time twice as long as before.
const firstWait, longestWait = 5 * time.Millisecond, 100 * time.Millisecond

// pause waits for about that long, or until ctx is done: then it returns its error.
func pause(ctx context.Context, wait time.Duration) error {
	return smithytime.SleepWithContext(ctx, wait/2+rand.N(wait))
}

// The transaction's items, by their place in it and so in the reasons for which it was cancelled.
const (
	eventItem = iota
	recordItem
	tallyItem
)

func (s *Store) transaction(e ledger.Entry, generation int) (*dynamodb.TransactWriteItemsInput, error) {
	event, err := marshalEvent(e.Event, generation)
	if err != nil {
		return nil, err
	}
	record, err := marshalRecord(e.Record)
	if err != nil {
		return nil, err
	}
	putRecord := &types.Put{
		TableName:                           &s.config.ProgressTable,
		Item:                                record,
		ConditionExpression:                 aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if before := e.Event.Seq - 1; before > 0 {
		putRecord.ConditionExpression = aws.String("version = :version")
		putRecord.ExpressionAttributeValues = item{":version": number(before)}
	}
	items := make([]types.TransactWriteItem, 3)
	items[eventItem].Put = &types.Put{
		TableName:           &s.config.AuditTable,
		Item:                event,
		ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}
	items[recordItem].Put = putRecord
	items[tallyItem].Update = s.count(e, generation)
	return &dynamodb.TransactWriteItemsInput{TransactItems: items}, nil
}

func (s *Store) count(e ledger.Entry, generation int) *types.Update {
	names := map[string]string{}
	values := item{":recorded_at": text(e.Event.RecordedAt.Format(time.RFC3339Nano))}
	var adds []string
	for i, name := range slices.Sorted(maps.Keys(e.Counters)) {
		names[fmt.Sprintf("#%d", i)] = name
		values[fmt.Sprintf(":%d", i)] = number(e.Counters[name])
		adds = append(adds, fmt.Sprintf("#%d :%d", i, i))
	}
	return &types.Update{
		TableName:                 &s.config.ProgressTable,
		Key:                       key(tallyShard(shard(e.Event.Sub, tallyShards)), tallySort(ledger.Day(e.Event.RecordedAt), generation)),
		ConditionExpression:       aws.String("attribute_not_exists(sealed)"),
		UpdateExpression:          aws.String("SET recorded_at = :recorded_at ADD " + strings.Join(adds, ", ")),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
}

// failed tells whether an item's condition did not hold.
func failed(reasons []types.CancellationReason, i int) bool {
	return i < len(reasons) && aws.ToString(reasons[i].Code) == "ConditionalCheckFailed"
}

// refusal tells which of the entry's conditions did not hold; nil if none of them failed.
func refusal(reasons []types.CancellationReason) error {
	switch {
	case failed(reasons, recordItem):
		current, err := unmarshalRecord(reasons[recordItem].Item)
		if err != nil {
			return err
		}
		return &ledger.ConflictError{Current: current}
	case failed(reasons, eventItem):
		return ledger.ErrBehind
	default:
		return nil
	}
}

// transient: the transaction met another one, or a partition that was busy, and nothing else was wrong with it.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
func transient(reasons []types.CancellationReason) bool {
	return !slices.ContainsFunc(reasons, func(r types.CancellationReason) bool {
		switch aws.ToString(r.Code) {
		case "None", "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError":
			return false
		default:
			return true
		}
	})
}

// Record implements ledger.Store.
func (s *Store) Record(ctx context.Context, sub string) (migration.Record, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.config.ProgressTable,
		Key:            key(userKey(sub), "record"),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return migration.Record{}, wrap(err, "read record %s", sub)
	}
	return unmarshalRecord(out.Item)
}

// Stream implements ledger.Store.
func (s *Store) Stream(ctx context.Context, sub string) ([]migration.Event, error) {
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName:                 &s.config.AuditTable,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: item{":pk": text(sub)},
		ConsistentRead:            aws.Bool(true),
	})
	var stream []migration.Event
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap(err, "read stream %s", sub)
		}
		for _, item := range page.Items {
			event, err := unmarshalEvent(item)
			if err != nil {
				return nil, err
			}
			stream = append(stream, event)
		}
	}
	return stream, nil
}

func shard(sub string, n uint32) int {
	h := fnv.New32a()
	h.Write([]byte(sub))
	return int(h.Sum32() % n)
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
