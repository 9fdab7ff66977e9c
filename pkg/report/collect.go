package report

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Queue tells roughly how many messages are in it.
type Queue interface {
	Depth(ctx context.Context) (int, error)
}

// Collector puts together what a report is about.
type Collector struct {
	Ledger             progress.Source
	Spool, DeadLetters Queue
	Log                *slog.Logger
}

// Collect returns the progress as it is now. It counts all the same if the queues can't be asked: that shows in it, and in the log.
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
