package report

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Queue tells roughly how many messages are in it.
type Queue interface {
	Depth(ctx context.Context) (int, error)
}

// Report is how far a migration is: what was counted of the users who came, and of all who are in the pools. It names nobody.
type Report struct {
	progress.Progress
	Census *census.Result `json:"census"` // the last that came to its end; null before it
}

// Collector puts together what a report is about.
type Collector struct {
	Ledger             progress.Source
	Census             func(context.Context) (*census.Result, error) // the last that came to its end; nil before it
	Spool, DeadLetters Queue
	Log                *slog.Logger
}

// Collect returns how far it is now. It counts all the same if the queues can't be asked: that shows in it, and in the log.
func (c Collector) Collect(ctx context.Context) (Report, error) {
	p, err := progress.Collect(ctx, c.Ledger, time.Now())
	if err != nil {
		return Report{}, err
	}
	counted, err := c.Census(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{p, counted}
	waiting, err := c.Spool.Depth(ctx)
	dead, deadErr := c.DeadLetters.Depth(ctx)
	if err := errors.Join(err, deadErr); err != nil {
		c.Log.LogAttrs(ctx, slog.LevelError, "the spool could not be asked", slog.String("fault", redact.Error(err)))
		return report, nil
	}
	report.Spool = &progress.Spool{Waiting: waiting, DeadLetters: dead}
	return report, nil
}
