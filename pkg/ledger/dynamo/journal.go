package dynamo

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Journal implements journal.Store.
func (s *Store) Journal(ctx context.Context) (journal.State, error) {
	out, err := s.tables.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.tables.Progress, Key: table.JournalKey, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return journal.State{}, table.Wrap(err, "read the journal's state")
	}
	return table.UnmarshalJournal(out.Item)
}

// Write implements journal.Store as one transaction of two items.
func (s *Store) Write(ctx context.Context, entry migration.Event, after journal.State) error {
	event, err := table.MarshalEntry(entry)
	if err != nil {
		return err
	}
	state, err := table.MarshalJournal(after)
	if err != nil {
		return err
	}
	put := &types.Put{TableName: &s.tables.Progress, Item: state, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if before := entry.Seq - 1; before > 0 {
		put.ConditionExpression = aws.String("version = :version")
		put.ExpressionAttributeValues = table.Item{":version": table.Number(before)}
	}
	for backoff := (table.Backoff{}); ; {
		_, err = s.tables.Client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: &s.tables.Audit, Item: event, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
			{Put: put},
		}})
		var canceled *types.TransactionCanceledException
		switch {
		case !errors.As(err, &canceled):
			return table.Wrap(err, "write entry %s", entry.ID)
		case table.Failed(canceled.CancellationReasons, 0), table.Failed(canceled.CancellationReasons, 1):
			return journal.ErrConflict
		case !table.Transient(canceled.CancellationReasons):
			return table.Wrap(err, "write entry %s", entry.ID)
		}
		if late := backoff.Pause(ctx); late != nil {
			return table.Wrap(errors.Join(late, err), "write entry %s", entry.ID)
		}
	}
}

// Entries returns up to limit entries of the journal before a sequence number, the newest first. Zero stands for the end.
func (s *Store) Entries(ctx context.Context, before, limit int) ([]migration.Event, error) {
	key := table.Highest
	if before > 0 {
		key = table.Attribute(table.EventKey(journal.Stream, before), "sk")
	}
	var entries []migration.Event
	for it, err := range s.tables.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &s.tables.Audit,
		KeyConditionExpression:    aws.String("pk = :pk AND sk < :sk"),
		ExpressionAttributeValues: table.Item{":pk": table.Text(journal.Stream), ":sk": table.Text(key)},
		ScanIndexForward:          aws.Bool(false),
		Limit:                     aws.Int32(int32(limit)),
		ConsistentRead:            aws.Bool(true),
	}) {
		if err != nil {
			return nil, err
		}
		entry, err := table.UnmarshalEvent(it)
		if err != nil {
			return nil, err
		}
		if entries = append(entries, entry); len(entries) == limit {
			break
		}
	}
	return entries, nil
}
