package table

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Closed returns the closed months, the closed days after them, and the last day that is closed.
func (t *Tables) Closed(ctx context.Context, consistent bool) (tallies []ledger.Tally, lastDay string, err error) {
	lastDay = Beginning
	if tallies, err = t.Tallies(ctx, ClosedMonths, lastDay, consistent); err != nil {
		return nil, "", err
	}
	if n := len(tallies); n > 0 {
		month, err := time.Parse("2006-01", tallies[n-1].Period)
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", ClosedMonths, err)
		}
		lastDay = month.AddDate(0, 1, -1).Format(time.DateOnly)
	}
	days, err := t.Tallies(ctx, ClosedDays, lastDay, consistent)
	if err != nil {
		return nil, "", err
	}
	if n := len(days); n > 0 {
		lastDay = days[n-1].Period
	}
	return append(tallies, days...), lastDay, nil
}

// Tallies reads the tallies of a partition whose period is later than the given day or month, in all generations.
func (t *Tables) Tallies(ctx context.Context, pk, after string, consistent bool) ([]ledger.Tally, error) {
	pages := dynamodb.NewQueryPaginator(t.Client, &dynamodb.QueryInput{
		TableName:                 &t.Progress,
		KeyConditionExpression:    aws.String("pk = :pk AND sk > :after"),
		ExpressionAttributeValues: Item{":pk": Text(pk), ":after": Text(after + "~")},
		ConsistentRead:            &consistent,
	})
	var tallies []ledger.Tally
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Wrap(err, "read %s", pk)
		}
		for _, it := range page.Items {
			tally, err := UnmarshalTally(it)
			if err != nil {
				return nil, err
			}
			tallies = append(tallies, tally)
		}
	}
	return tallies, nil
}

// ShardedDays sums the shards of each day after the given one. It includes everything that was committed before the call.
func (t *Tables) ShardedDays(ctx context.Context, after string) ([]ledger.Tally, error) {
	var shards [TallyShards][]ledger.Tally
	group, ctx := errgroup.WithContext(ctx)
	for i := range shards {
		group.Go(func() (err error) {
			shards[i], err = t.Tallies(ctx, TallyShard(i), after, true)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byDay := map[string][]ledger.Tally{}
	for _, tally := range slices.Concat(shards[:]...) {
		byDay[tally.Period] = append(byDay[tally.Period], tally)
	}
	var days []ledger.Tally
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		days = append(days, Sum(day, byDay[day]))
	}
	return days, nil
}

// Sum adds tallies into that of a day.
func Sum(day string, tallies []ledger.Tally) ledger.Tally {
	counters, recordedAt := migration.Counters{}, time.Time{}
	for _, tally := range tallies {
		counters.Add(tally.Counters)
		if tally.RecordedAt.After(recordedAt) {
			recordedAt = tally.RecordedAt
		}
	}
	return ledger.DayTally(day, counters, recordedAt)
}

// ClosingDelay is how long after its end a day is closed: an event recorded in its last moment has long been written by then.
const ClosingDelay = time.Hour
