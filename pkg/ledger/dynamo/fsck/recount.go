package fsck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// recount is what tallies must hold, by their sort key.
type recount map[string]ledger.Tally

func (r recount) add(tally string, counters migration.Counters, at time.Time) {
	t, ok := r[tally]
	if !ok {
		t = ledger.Tally{Period: tally, Counters: migration.Counters{}}
	}
	t.Counters.Add(counters)
	if at.After(t.RecordedAt) {
		t.RecordedAt = at
	}
	r[tally] = t
}

// merge adds the wanted tallies of another recount.
func (r recount) merge(other recount, wanted func(tally string) bool) {
	for tally, t := range other {
		if wanted(tally) {
			r.add(tally, t.Counters, t.RecordedAt)
		}
	}
}

// periods sums the recount by day and by month.
func (r recount) periods() (days, months map[string]ledger.Tally) {
	byDay, byMonth := map[string][]ledger.Tally{}, map[string][]ledger.Tally{}
	for tally, t := range r {
		day := table.DayOf(tally)
		byDay[day] = append(byDay[day], t)
	}
	days, months = map[string]ledger.Tally{}, map[string]ledger.Tally{}
	for day, tallies := range byDay {
		days[day] = table.Sum(day, tallies)
		month := day[:len("2006-01")]
		byMonth[month] = append(byMonth[month], days[day])
	}
	for month, tallies := range byMonth {
		t := table.Sum(month, tallies)
		t.Days = map[string]ledger.Totals{}
		for _, day := range tallies {
			maps.Copy(t.Days, day.Days)
		}
		months[month] = t
	}
	return days, months
}

// union returns the keys of both, in order.
func union[A, B any](a map[string]A, b map[string]B) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// stored is the sum of a tally's shards.
type stored struct {
	tally   ledger.Tally
	altered bool // one of them is not as it is written
}

// readTally reads a tally, and tells whether it is as a writer leaves it: with nothing but its counts, and the time of an event in its
// period.
func readTally(it table.Item) (tally ledger.Tally, ok bool) {
	tally, err := table.UnmarshalTally(it)
	if err != nil {
		return tally, false
	}
	want, err := table.MarshalTally(table.Attribute(it, "pk"), tally)
	if err != nil {
		return tally, false
	}
	want["sk"] = it["sk"] // with the generation
	if isSealed, _ := it["sealed"].(*types.AttributeValueMemberBOOL); isSealed != nil && isSealed.Value {
		want["sealed"] = isSealed
	}
	dated := tally.RecordedAt.IsZero() || strings.HasPrefix(ledger.Day(tally.RecordedAt), tally.Period)
	return tally, dated && len(table.Differing(want, it)) == 0
}

// differs tells how two tallies differ; it is empty if they don't. If two events are written at the same time, the earlier may be counted
// last. So the time of the last event is compared only roughly.
func differs(got, recounted ledger.Tally) string {
	var differences []string
	for _, name := range union(got.Counters, recounted.Counters) {
		if a, b := got.Counters[name], recounted.Counters[name]; a != b {
			differences = append(differences, fmt.Sprintf("%s is %d, recounted %d", name, a, b))
		}
	}
	if got.RecordedAt.Sub(recounted.RecordedAt).Abs() >= table.ClosingDelay {
		differences = append(differences, "recorded_at is not that of the last event")
	}
	return strings.Join(differences, "; ")
}

// differs tells how the shards differ from the recount; it is empty if they don't.
func (st stored) differs(recounted ledger.Tally) string {
	if st.altered {
		return "a shard is not as it was written"
	}
	return differs(st.tally, recounted)
}

// counted adds the shards up, for each tally between two sort keys.
func (c *Checker) counted(ctx context.Context, from, to string) (map[string]stored, error) {
	var shards [table.TallyShards]map[string]stored
	group, ctx := errgroup.WithContext(ctx)
	for i := range shards {
		group.Go(func() error {
			shards[i] = map[string]stored{}
			for it, err := range c.tables.Partition(ctx, table.TallyShard(i), from, to) {
				if err != nil {
					return err
				}
				tally, ok := readTally(it)
				shards[i][table.Attribute(it, "sk")] = stored{tally, !ok}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	total := map[string]stored{}
	for _, shard := range shards {
		for name, st := range shard {
			before := total[name]
			total[name] = stored{table.Sum(name, []ledger.Tally{before.tally, st.tally}), before.altered || st.altered}
		}
	}
	return total, nil
}

// compare compares the tallies between two sort keys with the recount, if their days were over when the walk began: those of the shards,
// and those of the closed days and months.
func (v *verifying) compare(ctx context.Context, from, to string, now time.Time) error {
	counted, err := v.counted(ctx, from, to)
	if err != nil {
		return err
	}
	var findings []ledger.Finding
	compared := 0
	for _, tally := range union(counted, v.Walk.Recount) {
		day := table.DayOf(tally)
		if begun := day <= ledger.Day(now.Add(table.ClosingDelay)); begun && day >= v.Walk.Open {
			continue
		}
		compared++
		if how := counted[tally].differs(v.Walk.Recount[tally]); how != "" {
			findings = append(findings, tallyDiffers(day, "tally "+tally+": "+how))
		}
	}
	days, months := v.Walk.Recount.periods()
	for pk, want := range map[string]map[string]ledger.Tally{table.ClosedDays: days, table.ClosedMonths: months} {
		n, found, err := v.compareClosed(ctx, pk, from, to, want, now)
		if err != nil {
			return err
		}
		compared += n
		findings = append(findings, found...)
	}
	v.Result.Tallies += compared
	v.Result.Find(findings...)
	return nil
}

func tallyDiffers(period, how string) ledger.Finding {
	return ledger.Finding{Kind: ledger.TallyDiffers, Day: period, Detail: how}
}

// compareClosed compares closed days, or months, with the recount. Periods after the newest closed one need not be closed yet. An open
// one before it is a finding: reports would miss it.
func (v *verifying) compareClosed(
	ctx context.Context, pk, from, to string, recount map[string]ledger.Tally, now time.Time,
) (compared int, findings []ledger.Finding, err error) {
	closed, earlier := map[string]ledger.Tally{}, map[string]bool{}
	newest := ""
	for it, err := range v.tables.Partition(ctx, pk, from, to) {
		if err != nil {
			return 0, nil, err
		}
		newest = table.Attribute(it, "sk")
		tally, ok := readTally(it)
		earlier[newest] = lacksFigures(it)
		if !ok && !earlier[newest] {
			findings = append(findings, tallyDiffers(newest, pk+" is not as it was written"))
		}
		closed[newest] = tally
	}
	cut := func(day, period string) string { return day[:min(len(day), len(period))] }
	for _, period := range union(closed, recount) {
		tally, isClosed := closed[period]
		how := differs(tally, recount[period])
		switch {
		case isClosed && period >= cut(ledger.Day(now), period):
			how = "closed before its end"
		case period >= cut(v.Walk.Open, period), !isClosed && period > newest:
			continue
		case !isClosed:
			how = "not there"
		case how == "" && !earlier[period] && slices.ContainsFunc(union(tally.Days, recount[period].Days), func(day string) bool {
			return tally.Days[day] != recount[period].Days[day]
		}):
			how = "days are not what they came to"
		}
		compared++
		if how != "" {
			findings = append(findings, tallyDiffers(period, pk+": "+how))
		}
	}
	return compared, findings, nil
}
