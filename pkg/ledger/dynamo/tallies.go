package dynamo

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

// Tallies returns all that was counted, in order: closed months, then days. What is read grows with the months, and with the days
// that are not closed yet.
func (s *Store) Tallies(ctx context.Context) ([]ledger.Tally, error) {
	closed, lastDay, err := s.closed(ctx, false)
	if err != nil {
		return nil, err
	}
	open, err := s.shardedDays(ctx, lastDay)
	if err != nil {
		return nil, err
	}
	return append(closed, open...), nil
}

// beginning sorts before every day.
const beginning = "0000-00-00"

// closed returns the closed months, the closed days after them, and the last day that is closed.
func (s *Store) closed(ctx context.Context, consistent bool) (tallies []ledger.Tally, lastDay string, err error) {
	lastDay = beginning
	if tallies, err = s.tallies(ctx, closedMonths, lastDay, consistent); err != nil {
		return nil, "", err
	}
	if n := len(tallies); n > 0 {
		month, err := time.Parse("2006-01", tallies[n-1].Period)
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", closedMonths, err)
		}
		lastDay = month.AddDate(0, 1, -1).Format(time.DateOnly)
	}
	days, err := s.tallies(ctx, closedDays, lastDay, consistent)
	if err != nil {
		return nil, "", err
	}
	if n := len(days); n > 0 {
		lastDay = days[n-1].Period
	}
	return append(tallies, days...), lastDay, nil
}

// tallies reads the tallies of a partition whose period is later than the given day or month, in all generations.
func (s *Store) tallies(ctx context.Context, pk, after string, consistent bool) ([]ledger.Tally, error) {
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName:                 &s.config.ProgressTable,
		KeyConditionExpression:    aws.String("pk = :pk AND sk > :after"),
		ExpressionAttributeValues: item{":pk": text(pk), ":after": text(after + "~")},
		ConsistentRead:            &consistent,
	})
	var tallies []ledger.Tally
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap(err, "read %s", pk)
		}
		for _, it := range page.Items {
			tally, err := unmarshalTally(it)
			if err != nil {
				return nil, err
			}
			tallies = append(tallies, tally)
		}
	}
	return tallies, nil
}

// shardedDays adds the shards of each day after the given one up. What was committed before is in it.
func (s *Store) shardedDays(ctx context.Context, after string) ([]ledger.Tally, error) {
	var shards [tallyShards][]ledger.Tally
	group, ctx := errgroup.WithContext(ctx)
	for i := range shards {
		group.Go(func() (err error) {
			shards[i], err = s.tallies(ctx, tallyShard(i), after, true)
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
		days = append(days, sum(day, byDay[day]))
	}
	return days, nil
}

// sum adds tallies up to that of a day.
func sum(day string, tallies []ledger.Tally) ledger.Tally {
	counters, recordedAt := migration.Counters{}, time.Time{}
	for _, tally := range tallies {
		counters.Add(tally.Counters)
		if tally.RecordedAt.After(recordedAt) {
			recordedAt = tally.RecordedAt
		}
	}
	return ledger.DayTally(day, counters, recordedAt)
}

// closingDelay is how long after its end a day is closed: an event recorded in its last moment has long been written by then.
const closingDelay = time.Hour

// closedAgain is how many of the days that are closed already are counted once more, in case one was closed too early.
const closedAgain = 3

// Close puts each day that ended at least an hour ago into one item, and each month whose days are closed into another, so that
// what Tallies reads does not grow with the days. It returns the periods that it wrote. It may run late, twice or at the same time,
// and beside writers and rebuilds: it only ever writes what the shards of the day, which stay, add up to.
func (s *Store) Close(ctx context.Context, now time.Time) ([]string, error) {
	_, lastDay, err := s.closed(ctx, true)
	if err != nil {
		return nil, err
	}
	after := beginning
	if lastDay != beginning {
		if after, err = addDays(lastDay, -closedAgain); err != nil {
			return nil, err
		}
	}
	written, _, err := s.closeFrom(ctx, after, lastDay, now)
	return written, err
}

// closedPeriod is a day or a month that is closed, by where that stands.
type closedPeriod struct{ pk, period string }

// closeFrom closes the days after one, from the first that was counted or from another that is earlier, and the months that end with
// one of them, until nothing is left to write: whoever writes last has looked at the counts again afterwards, and so leaves nothing
// that came from older ones. It returns the periods that it wrote, and all that are to be closed.
func (s *Store) closeFrom(ctx context.Context, after, first string, now time.Time) (written []string, all map[closedPeriod]bool, err error) {
	for {
		var w []string
		if w, all, err = s.closeOnce(ctx, after, first, now); err != nil || len(w) == 0 {
			return written, all, err
		}
		written = append(written, w...)
	}
}

func (s *Store) closeOnce(ctx context.Context, after, first string, now time.Time) (written []string, all map[closedPeriod]bool, err error) {
	stored := map[closedPeriod]item{}
	for _, pk := range []string{closedMonths, closedDays} {
		for it, err := range s.partition(ctx, pk, after[:len("2006-01")], highest) {
			if err != nil {
				return nil, nil, err
			}
			stored[closedPeriod{pk, attribute(it, "sk")}] = it
		}
	}
	days, err := s.shardedDays(ctx, after)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range days {
		if first == beginning || t.Period < first {
			first = t.Period
		}
	}
	if first == beginning {
		return nil, nil, nil // there has never been an event
	}
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return nil, nil, fmt.Errorf("close from %q: %w", first, err)
	}
	all = map[closedPeriod]bool{}
	put := func(pk string, t ledger.Tally) error {
		all[closedPeriod{pk, t.Period}] = true
		it, err := marshalTally(pk, t)
		if old := stored[closedPeriod{pk, t.Period}]; err != nil || old != nil && len(differing(it, old)) == 0 {
			return err
		}
		written = append(written, t.Period)
		_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.config.ProgressTable, Item: it}, patient)
		return wrap(err, "close %s", t.Period)
	}
	for day := from; !now.Before(day.AddDate(0, 0, 1).Add(closingDelay)); day = day.AddDate(0, 0, 1) {
		// A day without events is closed as well: were there gaps, a month could be left out.
		tally := ledger.DayTally(day.Format(time.DateOnly), migration.Counters{}, time.Time{})
		if i := slices.IndexFunc(days, func(t ledger.Tally) bool { return t.Period == tally.Period }); i >= 0 {
			tally = days[i]
		}
		if err := put(closedDays, tally); err != nil {
			return written, all, err
		}
		if day.AddDate(0, 0, 1).Day() != 1 {
			continue
		}
		month, err := s.month(ctx, day.Format("2006-01"))
		if err == nil {
			err = put(closedMonths, month)
		}
		if err != nil {
			return written, all, err
		}
	}
	return written, all, nil
}

// month adds the closed days of a month up. It leaves out what is no day, or cannot be read: verify names that.
func (s *Store) month(ctx context.Context, month string) (ledger.Tally, error) {
	var days []ledger.Tally
	for it, err := range s.partition(ctx, closedDays, month+"-01", month+"-31") {
		if err != nil {
			return ledger.Tally{}, err
		}
		if t, err := unmarshalTally(it); err == nil && t.Period == attribute(it, "sk") && len(t.Period) == len(time.DateOnly) {
			days = append(days, t)
		}
	}
	tally := sum(month, days)
	tally.Days = map[string]ledger.Totals{}
	for _, day := range days {
		if day.Days[day.Period] != (ledger.Totals{}) {
			tally.Days[day.Period] = day.Days[day.Period]
		}
	}
	return tally, nil
}

func addDays(day string, n int) (string, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "", fmt.Errorf("%q is no day: %w", day, err)
	}
	return t.AddDate(0, 0, n).Format(time.DateOnly), nil
}
