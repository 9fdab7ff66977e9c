package fsck

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// closedAgain is how many closed days are checked again, in case one was closed too early.
const closedAgain = 3

// Close puts each day that ended at least an hour ago into one item, and each month whose days are closed into another, so that what
// Tallies reads does not grow with the days. It returns the periods that it wrote. It may run late, twice or concurrently, and beside
// writers and rebuilds: it only ever writes the sum of the day's shards, which stay.
func (c *Checker) Close(ctx context.Context, now time.Time) ([]string, error) {
	_, lastDay, err := c.tables.Closed(ctx, true)
	if err != nil {
		return nil, err
	}
	earlier, err := c.closedEarlier(ctx)
	if err != nil {
		return nil, err
	}
	after := table.Beginning
	if lastDay != table.Beginning && !earlier {
		if after, err = table.AddDays(lastDay, -closedAgain); err != nil {
			return nil, err
		}
	}
	written, _, err := c.closeFrom(ctx, after, lastDay, now)
	return written, err
}

// closedEarlier tells whether a month was closed by a version that did not know all the figures of a day.
func (c *Checker) closedEarlier(ctx context.Context) (bool, error) {
	for it, err := range c.tables.Partition(ctx, table.ClosedMonths, table.Lowest, table.Highest) {
		if err != nil || lacksFigures(it) {
			return err == nil, err
		}
	}
	return false, nil
}

// lacksFigures tells whether a closed month is of a version that did not know all the figures of a day.
func lacksFigures(month table.Item) bool { return len(table.DaysWithoutCame(month)) > 0 }

// closedPeriod is the key of a closed day or month.
type closedPeriod struct{ pk, period string }

// closeFrom closes the days later than after, starting with first or the earliest counted day, and the months that end with one of them.
// It repeats until there is nothing left to write: so the last of several concurrent calls has read the counts after its last write, and
// no older counts stay. It returns the periods that it wrote, and all periods that are due.
func (c *Checker) closeFrom(ctx context.Context, after, first string, now time.Time) (written []string, all map[closedPeriod]bool, err error) {
	for {
		var w []string
		if w, all, err = c.closeOnce(ctx, after, first, now); err != nil || len(w) == 0 {
			return written, all, err
		}
		written = append(written, w...)
	}
}

func (c *Checker) closeOnce(ctx context.Context, after, first string, now time.Time) (written []string, all map[closedPeriod]bool, err error) {
	stored, err := c.closedFrom(ctx, after[:len("2006-01")])
	if err != nil {
		return nil, nil, err
	}
	days, err := c.tables.ShardedDays(ctx, after)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range days {
		if first == table.Beginning || t.Period < first {
			first = t.Period
		}
	}
	if first == table.Beginning {
		return nil, nil, nil // there has never been an event
	}
	from, err := time.Parse(time.DateOnly, first)
	if err != nil {
		return nil, nil, fmt.Errorf("close from %q: %w", first, err)
	}
	all = map[closedPeriod]bool{}
	put := func(pk string, t ledger.Tally) error {
		all[closedPeriod{pk, t.Period}] = true
		it, err := table.MarshalTally(pk, t)
		if old := stored[closedPeriod{pk, t.Period}]; err != nil || old != nil && len(table.Differing(it, old)) == 0 {
			return err
		}
		written = append(written, t.Period)
		_, err = c.tables.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.tables.Progress, Item: it}, table.Patient)
		return table.Wrap(err, "close %s", t.Period)
	}
	for day := from; !now.Before(day.AddDate(0, 0, 1).Add(table.ClosingDelay)); day = day.AddDate(0, 0, 1) {
		// A day without events is closed as well: a gap could leave a month out.
		tally := ledger.DayTally(day.Format(time.DateOnly), migration.Counters{}, time.Time{})
		if i := slices.IndexFunc(days, func(t ledger.Tally) bool { return t.Period == tally.Period }); i >= 0 {
			tally = days[i]
		}
		if err := put(table.ClosedDays, tally); err != nil {
			return written, all, err
		}
		if day.AddDate(0, 0, 1).Day() != 1 {
			continue
		}
		month, err := c.month(ctx, day.Format("2006-01"))
		if err == nil {
			err = put(table.ClosedMonths, month)
		}
		if err != nil {
			return written, all, err
		}
	}
	return written, all, nil
}

// closedFrom reads the closed days and months from a month on.
func (c *Checker) closedFrom(ctx context.Context, month string) (map[closedPeriod]table.Item, error) {
	stored := map[closedPeriod]table.Item{}
	for _, pk := range []string{table.ClosedMonths, table.ClosedDays} {
		for it, err := range c.tables.Partition(ctx, pk, month, table.Highest) {
			if err != nil {
				return nil, err
			}
			stored[closedPeriod{pk, table.Attribute(it, "sk")}] = it
		}
	}
	return stored, nil
}

// month adds up the closed days of a month. It skips an item that is not a day, or cannot be read: verify names it.
func (c *Checker) month(ctx context.Context, month string) (ledger.Tally, error) {
	var days []ledger.Tally
	for it, err := range c.tables.Partition(ctx, table.ClosedDays, month+"-01", month+"-31") {
		if err != nil {
			return ledger.Tally{}, err
		}
		if t, err := table.UnmarshalTally(it); err == nil && t.Period == table.Attribute(it, "sk") && len(t.Period) == len(time.DateOnly) {
			days = append(days, t)
		}
	}
	tally := table.Sum(month, days)
	tally.Days = map[string]ledger.Totals{}
	for _, day := range days {
		if day.Days[day.Period] != (ledger.Totals{}) {
			tally.Days[day.Period] = day.Days[day.Period]
		}
	}
	return tally, nil
}

// closeAgain closes all days and months that are due, and removes all others that are closed.
func (c *Checker) closeAgain(ctx context.Context, now time.Time) error {
	_, all, err := c.closeFrom(ctx, table.Beginning, table.Beginning, now)
	if err != nil {
		return err
	}
	for _, pk := range []string{table.ClosedMonths, table.ClosedDays} {
		for it, err := range c.tables.Partition(ctx, pk, table.Lowest, table.Highest) {
			if err == nil && !all[closedPeriod{pk, table.Attribute(it, "sk")}] {
				err = c.tables.Forget(ctx, table.Key(pk, table.Attribute(it, "sk")))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
