package fsck

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// walk goes through all streams, and then through the progress table. It may take several calls.
type walk struct {
	StartedAt time.Time
	Open      string // the first day that was not over when the walk began: its tallies, and later ones, still change
	Streams   [table.Segments]table.Cursor
	Items     [table.Segments]table.Cursor
	Recount   recount
}

func newWalk(now time.Time) walk {
	return walk{StartedAt: migration.Millis(now), Open: ledger.Day(now.Add(-table.ClosingDelay)), Recount: recount{}}
}

// visitor gets what a walk meets, from several goroutines at once. Once it has returned without an error for something, it does not get
// it again, even if the walk continues in a later call.
type visitor interface {
	// readsAll: what is visited is read consistently, at twice the price.
	readsAll() bool
	visitStreams(ctx context.Context, streams []*folded) error
	visitItems(ctx context.Context, items []table.Item) error // of the progress table: records, and whatever else there is
}

// walk continues w to its end, or until the given time, if that is not zero. It returns whether it reached the end.
func (c *Checker) walk(ctx context.Context, w *walk, until time.Time, v visitor) (bool, error) {
	walking, cancel := context.WithCancel(ctx)
	if !until.IsZero() {
		walking, cancel = context.WithDeadline(ctx, until)
	}
	defer cancel()

	group, groupCtx := errgroup.WithContext(walking)
	for i := range table.Segments {
		group.Go(func() error {
			return c.inBatches(groupCtx, c.tables.Audit, i, &w.Streams[i], v.readsAll(), func(ctx context.Context, events []table.Item) error {
				return c.visitEvents(ctx, v, events)
			})
		})
		group.Go(func() error {
			return c.inBatches(groupCtx, c.tables.Progress, i, &w.Items[i], v.readsAll(), v.visitItems)
		})
	}
	err := group.Wait()
	if err != nil && ctx.Err() == nil && errors.Is(walking.Err(), context.DeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// inBatches passes the items of a segment after the cursor to visit, in batches, and moves the cursor past each visited batch.
func (c *Checker) inBatches(
	ctx context.Context, name string, segment int, at *table.Cursor, consistent bool, visit func(context.Context, []table.Item) error,
) error {
	if at.Done {
		return nil
	}
	var batch []table.Item
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := visit(ctx, batch); err != nil {
			return err
		}
		*at = table.CursorAt(batch[len(batch)-1])
		clear(batch)
		batch = batch[:0]
		return nil
	}
	for it, err := range c.tables.Scan(ctx, name, segment, *at, consistent) {
		if err != nil {
			return err
		}
		if batch = append(batch, it); len(batch) == table.BatchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	at.Done = true
	return nil
}
