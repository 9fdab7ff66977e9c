package confirm

import (
	"context"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// SweepBack is how long ago users may have been handed over whom the sweep asks about, and puts into their groups.
const SweepBack = 24 * time.Hour

const (
	sweepUntil  = time.Minute      // users who were handed over since are the stream's
	arrivedBy   = 15 * time.Minute // by then the new pool has made a user, or never will
	sweptAtOnce = 100              // users a page
)

// Swept is what a sweep came to.
type Swept struct {
	Measured     bool        `json:"measured"` // false: no rule keeps the old sub, so nobody can be confirmed
	Complete     bool        `json:"complete"` // false: there was not enough time for everyone
	Confirmed    int         `json:"confirmed"`
	NotConfirmed map[Why]int `json:"not_confirmed"`
	NotArrived   int         `json:"not_arrived"` // handed over over 15 minutes ago, and the new pool does not have them
	// ResetUnfinished: handed over over 15 minutes ago by a forgotten password, and without a new password since.
	ResetUnfinished int `json:"reset_unfinished"`
}

// Sweep asks about the users who were handed over within a day and are not confirmed, those first who have waited longest, as far as the
// function's time goes.
func (c *Confirmer) Sweep(ctx context.Context, _ struct{}) (any, error) {
	swept := Swept{Measured: c.config.Link() != "", NotConfirmed: map[Why]int{}}
	if !swept.Measured {
		return swept, nil
	}
	asking, cancel := within(ctx)
	defer cancel()
	start := c.now()
	waiting := migration.Record{Status: migration.StatusMigrated}.Standing()
	for cursor := ""; ; {
		records, next, err := c.records.StandingSince(asking, waiting, start.Add(-SweepBack), cursor, sweptAtOnce)
		if err != nil {
			return nil, err
		}
		if !c.sweep(asking, records, start, &swept) {
			break
		}
		if cursor = next; next == "" || records[len(records)-1].Since.After(start.Add(-sweepUntil)) {
			swept.Complete = true
			break
		}
	}
	gauges := []emf.Metric{ // a zero is worth knowing
		{Name: MetricNotArrived, Unit: emf.Count, Value: float64(swept.NotArrived)},
		{Name: MetricResetUnfinished, Unit: emf.Count, Value: float64(swept.ResetUnfinished)},
	}
	c.log.LogAttrs(ctx, slog.LevelInfo, "sweep", append([]slog.Attr{slog.Any("swept", swept)}, emf.Attrs(c.now(), c.config.Namespace,
		emf.Directive{Dimensions: [][]string{{}}, Metrics: gauges})...)...)
	return swept, nil
}

// sweep asks about a page of users, and tells whether there was time for all.
func (c *Confirmer) sweep(ctx context.Context, records []migration.Record, start time.Time, swept *Swept) bool {
	for _, record := range records {
		if record.Since.After(start.Add(-sweepUntil)) {
			return true
		}
		c.pause(ctx, time.Time{})
		if ctx.Err() != nil {
			return false
		}
		r := c.confirm(ctx, record.Sub, record.Since)
		if r.before {
			continue // the index that lists users lags a little
		}
		c.report(ctx, r)
		if r.why == "" {
			swept.Confirmed++
			continue
		}
		swept.NotConfirmed[r.why]++
		switch {
		case record.Since.After(start.Add(-arrivedBy)):
		case r.why.notArrived():
			swept.NotArrived++
		case r.why == ResetRequired:
			swept.ResetUnfinished++
		}
	}
	return true
}
