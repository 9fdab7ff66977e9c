package report

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
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
	Census    *census.Result  `json:"census"`    // the last that came to its end; null before it
	Readiness Readiness       `json:"readiness"` // may the old pool be switched off?
	Probe     *probe.Latest   `json:"probe"`     // null if nothing is probed
	Remaining []journal.Count `json:"remaining"` // what the censuses counted, by day, as far as they are in the journal
}

// Source has what a report is made from.
type Source interface {
	progress.Source
	// LastCensus reads the result of the last census that came to its end, a census.Result; false before it.
	LastCensus(ctx context.Context, result any) (bool, error)
	// Probes returns the days with probes from a day (2006-01-02) on, in order.
	Probes(ctx context.Context, from string) ([]probe.Day, error)
	// Journal returns the state of the journal.
	Journal(ctx context.Context) (journal.State, error)
}

// Collector collects the data of a report.
type Collector struct {
	source             Source
	declared           Declared
	probe              probe.Config
	spool, deadLetters Queue
	log                *slog.Logger
}

// NewCollector returns a collector.
func NewCollector(source Source, declared Declared, probe probe.Config, spool, deadLetters Queue, log *slog.Logger) Collector {
	return Collector{source, declared, probe, spool, deadLetters, log}
}

// Collect returns the progress as it is now. If the queues can't be asked, the progress and the log say so, and the other figures are
// there.
func (c Collector) Collect(ctx context.Context) (Report, error) {
	var r Report
	var probes []probe.Day
	var kept journal.State
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { r.Progress, err = progress.Collect(groupCtx, c.source, time.Now()); return err })
	group.Go(func() error {
		var result census.Result
		ok, err := c.source.LastCensus(groupCtx, &result)
		if ok {
			r.Census = &result
		}
		return err
	})
	group.Go(func() (err error) { probes, err = c.source.Probes(groupCtx, firstDay); return err })
	group.Go(func() (err error) { kept, err = c.source.Journal(groupCtx); return err })
	if err := group.Wait(); err != nil {
		return Report{}, err
	}
	if c.probe.AppClientID != "" {
		latest := probe.LatestOf(probes, r.AsOf)
		r.Probe = &latest
	}
	r.Spool = c.queued(ctx)
	r.Remaining = append([]journal.Count{}, kept.Counts...)
	var err error
	r.Readiness, err = c.declared.judge(r.Progress, r.Census, probes, kept)
	return r, err
}

// queued counts what is in the queues; nil if they can't be asked.
func (c Collector) queued(ctx context.Context) *progress.Spool {
	waiting, err := c.spool.Depth(ctx)
	dead, deadErr := c.deadLetters.Depth(ctx)
	if err := errors.Join(err, deadErr); err != nil {
		c.log.LogAttrs(ctx, slog.LevelError, "the spool could not be asked", slog.String("fault", redact.Error(err)))
		return nil
	}
	return &progress.Spool{Waiting: waiting, DeadLetters: dead}
}
