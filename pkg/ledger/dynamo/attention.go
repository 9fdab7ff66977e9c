package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Oldest returns since when the user who has been longest in a standing (see migration.Record.Standing) has been in it; the zero time if
// there is no such user. It finds only users who are blocked, or migrated and not confirmed.
func (s *Store) Oldest(ctx context.Context, standing string) (time.Time, error) {
	var oldest [table.AttentionShards]time.Time
	group, ctx := errgroup.WithContext(ctx)
	for i := range oldest {
		group.Go(func() error {
			out, err := s.tables.Client.Query(ctx, &dynamodb.QueryInput{
				TableName:                 &s.tables.Progress,
				IndexName:                 aws.String("attention"),
				KeyConditionExpression:    aws.String("attention = :attention"),
				ExpressionAttributeValues: table.Item{":attention": table.Text(table.AttentionKey(standing, i))},
				ProjectionExpression:      aws.String("attention_sort"),
				Limit:                     aws.Int32(1),
			})
			if err != nil || len(out.Items) == 0 {
				return table.Wrap(err, "read who is %s", standing)
			}
			since, _, _ := strings.Cut(table.Attribute(out.Items[0], "attention_sort"), "#")
			if oldest[i], err = time.Parse(time.RFC3339Nano, since); err != nil {
				return fmt.Errorf("read who is %s: %w", standing, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return time.Time{}, err
	}
	var first time.Time
	for _, t := range oldest {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first, nil
}

// StandingSince is Standing, of those who have stood there no longer than since a time.
func (s *Store) StandingSince(
	ctx context.Context, standing string, since time.Time, cursor string, limit int,
) ([]migration.Record, string, error) {
	return s.Standing(ctx, standing, cmp.Or(cursor, since.UTC().Format(table.AttentionSort)), limit)
}

// Standing returns up to limit records of users in a standing (see migration.Record.Standing), those who have been in it longest first,
// and a cursor for the next page; no cursor after the last page. It finds only users who are blocked, or migrated and not confirmed. The
// index that it reads lags a little behind the table.
func (s *Store) Standing(ctx context.Context, standing, cursor string, limit int) ([]migration.Record, string, error) {
	items, err := s.merge(ctx, table.AttentionShards, limit, "attention_sort", func(shard int) *dynamodb.QueryInput {
		return &dynamodb.QueryInput{
			TableName:                 &s.tables.Progress,
			IndexName:                 aws.String("attention"),
			KeyConditionExpression:    aws.String("attention = :standing AND attention_sort > :after"),
			ExpressionAttributeValues: table.Item{":standing": table.Text(table.AttentionKey(standing, shard)), ":after": table.Text(cmp.Or(cursor, "!"))},
		}
	})
	if err != nil {
		return nil, "", fmt.Errorf("read who is %s: %w", standing, err)
	}
	var records []migration.Record
	for _, it := range items {
		record, err := table.UnmarshalRecord(it)
		if err != nil {
			return nil, "", err
		}
		records = append(records, record)
	}
	if len(items) < limit {
		return records, "", nil
	}
	return records, table.Attribute(items[limit-1], "attention_sort"), nil
}
