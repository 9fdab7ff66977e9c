package confirm

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/invocation"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// writer records confirmations, and writes a log line about each user.
type writer struct {
	recorder  Recorder
	log       *slog.Logger
	namespace string // of the metrics
	now       func() time.Time
}

// record records that the new pool has the user. A user is confirmed once, however often this is done.
func (w writer) record(ctx context.Context, r *result) {
	event := migration.NewConfirmation(invocation.Origin(ctx, w.now()), r.sub)
	r.recorded = w.recorder.Record(ctx, r.sub, func(migration.Record) migration.Event { return event },
		func(decided migration.Event) migration.Event { return decided })
	if r.recorded.Lost {
		r.unreachable(r.recorded.Fault) // asking again does what an operator would have to do with the log line
	}
}

// report writes one line about one user. It holds no personal data but the sub, a pseudonym.
func (w writer) report(ctx context.Context, r result) {
	attrs := []slog.Attr{slog.String(DimensionWhy, cmp.Or(string(r.why), "none"))}
	if r.why != "" || r.before {
		attrs = append(attrs, slog.String("sub", r.sub))
	}
	if r.exception != "" {
		attrs = append(attrs, slog.String("exception", r.exception))
	}
	if len(r.missingGroups) > 0 {
		attrs = append(attrs, slog.Any("missing_groups", r.missingGroups))
	}
	attrs = append(attrs, r.recorded.Attrs()...)
	attrs = append(attrs, emf.Attrs(w.now(), w.namespace,
		emf.Directive{Dimensions: [][]string{{DimensionWhy}}, Metrics: count(MetricNotConfirmed, r.notConfirmed())},
		emf.Directive{Dimensions: [][]string{{}}, Metrics: r.metrics()},
	)...)
	level := slog.LevelInfo
	if r.why == Unreachable || r.recorded.Spooled || r.recorded.Lost {
		level = slog.LevelError
	}
	w.log.LogAttrs(ctx, level, "confirmation", attrs...)
}
