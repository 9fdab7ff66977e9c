package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// Commit implements ledger.Store as one transaction of three items.
func (s *Store) Commit(ctx context.Context, e ledger.Entry) error {
	day := ledger.Day(e.Event.RecordedAt)
	for backoff := (table.Backoff{}); ; {
		generation, _ := s.generations.LoadOrStore(day, 0)
		input, err := s.transaction(e, generation.(int))
		if err != nil {
			return fmt.Errorf("write event %s: %w", e.Event.ID, err)
		}
		_, err = s.tables.Client.TransactWriteItems(ctx, input)
		var canceled *types.TransactionCanceledException
		if !errors.As(err, &canceled) {
			return table.Wrap(err, "write event %s", e.Event.ID)
		}
		if err := s.conflict(ctx, e, canceled.CancellationReasons); err != nil {
			return err
		}
		if table.Failed(canceled.CancellationReasons, tallyItem) {
			s.generations.CompareAndSwap(day, generation, generation.(int)+1)
			continue
		}
		if !table.Transient(canceled.CancellationReasons) {
			return table.Wrap(err, "write event %s", e.Event.ID)
		}
		// The SDK does not retry a transaction that conflicts with another one.
		if late := backoff.Pause(ctx); late != nil {
			return table.Wrap(errors.Join(late, err), "write event %s", e.Event.ID)
		}
	}
}

// The positions of the items in the transaction. The reasons for its cancellation come in the same order.
const (
	eventItem = iota
	recordItem
	tallyItem
)

func (s *Store) transaction(e ledger.Entry, generation int) (*dynamodb.TransactWriteItemsInput, error) {
	event, err := table.MarshalEvent(e.Event, generation)
	if err != nil {
		return nil, err
	}
	record, err := table.MarshalRecord(e.Record)
	if err != nil {
		return nil, err
	}
	putRecord := &types.Put{
		TableName:                           &s.tables.Progress,
		Item:                                record,
		ConditionExpression:                 aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if before := e.Event.Seq - 1; before > 0 {
		putRecord.ConditionExpression = aws.String("version = :version")
		putRecord.ExpressionAttributeValues = table.Item{":version": table.Number(before)}
	}
	items := make([]types.TransactWriteItem, 3)
	items[eventItem].Put = &types.Put{
		TableName:           &s.tables.Audit,
		Item:                event,
		ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}
	items[recordItem].Put = putRecord
	items[tallyItem].Update = s.count(e, generation)
	return &dynamodb.TransactWriteItemsInput{TransactItems: items}, nil
}

func (s *Store) count(e ledger.Entry, generation int) *types.Update {
	names := map[string]string{}
	values := table.Item{":recorded_at": table.Text(e.Event.RecordedAt.Format(time.RFC3339Nano))}
	var adds []string
	for i, name := range slices.Sorted(maps.Keys(e.Counters)) {
		names[fmt.Sprintf("#%d", i)] = name
		values[fmt.Sprintf(":%d", i)] = table.Number(e.Counters[name])
		adds = append(adds, fmt.Sprintf("#%d :%d", i, i))
	}
	return &types.Update{
		TableName:                 &s.tables.Progress,
		Key:                       table.Key(table.TallyShard(table.Shard(e.Event.Sub, table.TallyShards)), table.TallySort(ledger.Day(e.Event.RecordedAt), generation)),
		ConditionExpression:       aws.String("attribute_not_exists(sealed)"),
		UpdateExpression:          aws.String("SET recorded_at = :recorded_at ADD " + strings.Join(adds, ", ")),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
}

// conflict returns the error of the entry's condition that did not hold; nil if none of them failed.
//
// DynamoDB promises an ordered list of reasons, but not that each failed condition is in it: another transaction, or throttling, may hide
// the record's. So only the record itself tells whether it is behind its stream.
func (s *Store) conflict(ctx context.Context, e ledger.Entry, reasons []types.CancellationReason) error {
	switch {
	case table.Failed(reasons, recordItem):
		current, err := table.UnmarshalRecord(reasons[recordItem].Item)
		if err != nil {
			return err
		}
		return &ledger.ConflictError{Current: current}
	case table.Failed(reasons, eventItem):
		current, err := s.Record(ctx, e.Event.Sub)
		switch {
		case err != nil:
			return err
		case current.Version != e.Event.Seq-1:
			return &ledger.ConflictError{Current: current}
		default:
			return ledger.ErrBehind
		}
	default:
		return nil
	}
}
