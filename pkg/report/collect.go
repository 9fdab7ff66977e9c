package report

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Queue is a queue that knows roughly how many messages it holds.
type Queue interface {
	Depth(ctx context.Context) (int, error)
}

// Collector collects the data of a report.
type Collector struct {
	Ledger             progress.Source
	Spool, DeadLetters Queue
	Log                *slog.Logger
}

// Collect returns the progress as it is now. If the queues can't be asked, the progress and the log say so, and the other figures are
// there.
func (c Collector) Collect(ctx context.Context) (progress.Progress, error) {
	p, err := progress.Collect(ctx, c.Ledger, time.Now())
	if err != nil {
		return p, err
	}
	waiting, err := c.Spool.Depth(ctx)
	dead, deadErr := c.DeadLetters.Depth(ctx)
	if err := errors.Join(err, deadErr); err != nil {
		c.Log.LogAttrs(ctx, slog.LevelError, "the spool could not be asked", slog.String("fault", redact.Error(err)))
		return p, nil
	}
	p.Spool = &progress.Spool{Waiting: waiting, DeadLetters: dead}
	return p, nil
}
