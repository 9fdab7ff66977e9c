package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// ErrCursor says that no earlier page gave this cursor.
const ErrCursor = redact.Safe("\"next\" is not what an earlier page gave: start without it")

// trailDays is how many days a page looks at, at most: so a page of an empty past returns soon, with a cursor.
const trailDays = 100

// Trail returns up to limit events recorded in [from, until), in the order of their recording, and a cursor for the next page; no cursor
// after the last page. A page may be short or empty if there were no events for many days. The index that it reads lags a little behind
// the table: for a complete page, until has to be a minute or more in the past.
func (s *Store) Trail(ctx context.Context, from, until time.Time, cursor string, limit int) ([]migration.Event, string, error) {
	day, after := ledger.Day(from), from.UTC().Format(table.DaySort)
	if cursor != "" {
		var ok bool
		day, after, ok = strings.Cut(cursor, "|")
		if _, err := time.Parse(time.DateOnly, day); err != nil || !ok {
			return nil, "", ErrCursor
		}
	}
	last := ledger.Day(until)
	var events []migration.Event
	for range trailDays {
		if day > last {
			return events, "", nil
		}
		before := "~" // after every time of a day
		if day == last {
			before = until.UTC().Format(table.DaySort)
		}
		page, err := s.trailOfDay(ctx, day, after, before, limit-len(events))
		if err != nil {
			return nil, "", err
		}
		events = append(events, page...)
		if len(events) == limit {
			e := events[limit-1]
			return events, day + "|" + table.DaySortOf(e) + "!", nil
		}
		if day, err = table.AddDays(day, 1); err != nil {
			return nil, "", err
		}
		after = "!" // before every time of a day
	}
	return events, day + "|" + after, nil
}

// trailOfDay merges the index's shards of one day, from one sort key until before another.
func (s *Store) trailOfDay(ctx context.Context, day, from, before string, limit int) ([]migration.Event, error) {
	if from >= before {
		return nil, nil
	}
	items, err := s.merge(ctx, table.DayShards, limit, "day_sort", func(shard int) *dynamodb.QueryInput {
		return &dynamodb.QueryInput{
			TableName:              &s.tables.Audit,
			IndexName:              aws.String("by_day"),
			KeyConditionExpression: aws.String("day_shard = :shard AND day_sort BETWEEN :from AND :before"),
			ExpressionAttributeValues: table.Item{
				":shard": table.Text(fmt.Sprintf("%s#%d", day, shard)), ":from": table.Text(from), ":before": table.Text(before),
			},
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the trail of %s: %w", day, err)
	}
	var events []migration.Event
	for _, it := range items {
		event, err := table.UnmarshalEvent(it)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// merge runs a query on each shard and returns the first items of all shards together, by a sort key.
func (s *Store) merge(
	ctx context.Context, shards, limit int, sortKey string, query func(shard int) *dynamodb.QueryInput,
) ([]table.Item, error) {
	found := make([][]table.Item, shards)
	group, ctx := errgroup.WithContext(ctx)
	for i := range shards {
		group.Go(func() error {
			input := query(i)
			input.Limit = aws.Int32(int32(limit))
			pages := dynamodb.NewQueryPaginator(s.tables.Client, input)
			for pages.HasMorePages() && len(found[i]) < limit {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return err
				}
				found[i] = append(found[i], page.Items...)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b table.Item) int {
		return strings.Compare(table.Attribute(a, sortKey), table.Attribute(b, sortKey))
	})
	return all[:min(limit, len(all))], nil
}
