// Package dynamo keeps a ledger in two DynamoDB tables: the audit table holds the streams and is only ever added to; the
// progress table holds records and tallies, and can be rebuilt from it. docs/record-format.md describes every item.
package dynamo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
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

// Store is a ledger.Store over DynamoDB.
type Store struct {
	tables *table.Tables

	generations sync.Map // by day: the generation of its tallies that takes counts, as far as known here
}

// New returns a store over the two tables. A try of a call takes at most the given time, and the caller's deadline ends the
// tries. All tries of one transaction carry one idempotency token, so that a lost answer does not write twice.
func New(cfg aws.Config, config Config, try time.Duration) *Store {
	return &Store{tables: table.Open(cfg, config.AuditTable, config.ProgressTable, try)}
}

// Tables are the store's tables, for the packages below this one.
func (s *Store) Tables() *table.Tables { return s.tables }

// Record implements ledger.Store.
func (s *Store) Record(ctx context.Context, sub string) (migration.Record, error) {
	out, err := s.tables.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.tables.Progress,
		Key:            table.RecordKey(sub),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return migration.Record{}, table.Wrap(err, "read record %s", sub)
	}
	return table.UnmarshalRecord(out.Item)
}

// Stream implements ledger.Store.
func (s *Store) Stream(ctx context.Context, sub string) ([]migration.Event, error) {
	var stream []migration.Event
	for it, err := range s.tables.StreamAfter(ctx, sub, "") {
		if err != nil {
			return nil, err
		}
		event, err := table.UnmarshalEvent(it)
		if err != nil {
			return nil, err
		}
		stream = append(stream, event)
	}
	return stream, nil
}

// Find implements ledger.Store. It reads the stream from its end.
func (s *Store) Find(ctx context.Context, sub, id string, since time.Time) (bool, error) {
	for it, err := range s.tables.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &s.tables.Audit,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: table.Item{":pk": table.Text(sub)},
		ProjectionExpression:      aws.String("id, recorded_at"),
		ConsistentRead:            aws.Bool(true),
		ScanIndexForward:          aws.Bool(false),
	}) {
		if err != nil {
			return false, err
		}
		recordedAt, err := time.Parse(time.RFC3339Nano, table.Attribute(it, "recorded_at"))
		switch {
		case table.Attribute(it, "id") == id:
			return true, nil
		case err == nil && recordedAt.Before(since):
			return false, nil
		}
	}
	return false, nil
}
