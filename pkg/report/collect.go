package report

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Queue is a queue that knows roughly how many messages it holds.
type Queue interface {
	Depth(ctx context.Context) (int, error)
}

// Report is how far a migration is: what was counted of the users who came, and of all who are in the pools. It names nobody.
type Report struct {
	progress.Progress
	Census *census.Result `json:"census"` // the last that came to its end; null before it
	Probe  *probe.Latest  `json:"probe"`  // null if nothing is probed
}

// Collector collects the data of a report.
type Collector struct {
	Ledger             progress.Source
	Census             func(context.Context) (*census.Result, error)           // the last that came to its end; nil before it
	Probe              func(context.Context, time.Time) (*probe.Latest, error) // nil if nothing is probed
	Spool, DeadLetters Queue
	Log                *slog.Logger
}

// Collect returns the progress as it is now. If the queues can't be asked, the progress and the log say so, and the other figures are
// there.
func (c Collector) Collect(ctx context.Context) (Report, error) {
	now := time.Now()
	p, err := progress.Collect(ctx, c.Ledger, now)
	if err != nil {
		return Report{}, err
	}
	counted, err := c.Census(ctx)
	if err != nil {
		return Report{}, err
	}
	probed, err := c.Probe(ctx, now)
	if err != nil {
		return Report{}, err
	}
	report := Report{p, counted, probed}
	waiting, err := c.Spool.Depth(ctx)
	dead, deadErr := c.DeadLetters.Depth(ctx)
	if err := errors.Join(err, deadErr); err != nil {
		c.Log.LogAttrs(ctx, slog.LevelError, "the spool could not be asked", slog.String("fault", redact.Error(err)))
		return report, nil
	}
	report.Spool = &progress.Spool{Waiting: waiting, DeadLetters: dead}
	return report, nil
}
