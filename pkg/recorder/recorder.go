// Package recorder records an event before Cognito gets its answer: in the ledger, else in the spool, else in the log line.
package recorder

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Config bounds what recording takes.
type Config struct {
	LedgerBudget time.Duration `env:"LEDGER_BUDGET" envDefault:"1s"`
	SpoolBudget  time.Duration `env:"SPOOL_BUDGET" envDefault:"400ms"`
}

// minBudget is less than either service needs for a first call.
const minBudget = 100 * time.Millisecond

// Validate names the variables that are too small.
func (c Config) Validate() error {
	if min(c.LedgerBudget, c.SpoolBudget) < minBudget {
		return fmt.Errorf("LEDGER_BUDGET and SPOOL_BUDGET must be at least %s each", minBudget)
	}
	return nil
}

// Total is the most time that recording takes.
func (c Config) Total() time.Duration { return c.LedgerBudget + c.SpoolBudget }

// Ledger appends the event that decide makes of the user's record; see ledger.Ledger.
type Ledger interface {
	Append(ctx context.Context, sub string, decide func(migration.Record) migration.Event) (ledger.Appended, error)
}

// Spool keeps an event until it can be replayed into the ledger.
type Spool interface {
	Send(ctx context.Context, e migration.Event) error
}

// Recorder records events.
type Recorder struct {
	config Config
	ledger Ledger
	spool  Spool
}

// New returns a recorder.
func New(config Config, l Ledger, s Spool) *Recorder {
	return &Recorder{config: config, ledger: l, spool: s}
}

// Recorded is what became of an event. The zero value means that there was no event.
type Recorded struct {
	Event     migration.Event // as it was recorded, or spooled, or left to the log line
	Repeat    bool            // the record already held the same, so nothing was written
	Reoffered bool            // the user had been handed over before
	Spooled   bool            // the ledger could not take it, and the spool did
	Lost      bool            // neither could: it stands whole in the log line
	Fault     string          // why the ledger could not take it, without personal data
	Took      time.Duration   // until the ledger had answered
}

// Record appends the event that decide makes of the user's record; see ledger.Ledger for how often decide is called. If the ledger can't
// take the event within its budget, the function instead returns the event to spool, given the one that was decided last.
func (r *Recorder) Record(
	ctx context.Context, sub string, decide func(migration.Record) migration.Event, instead func(migration.Event) migration.Event,
) Recorded {
	var decided migration.Event
	start := time.Now()
	appended, err := r.append(ctx, sub, func(current migration.Record) migration.Event {
		decided = decide(current)
		return decided
	})
	recorded := Recorded{Event: decided, Repeat: appended.Repeat, Reoffered: appended.Reoffered, Took: time.Since(start)}
	if err == nil {
		return recorded
	}
	recorded.Fault, recorded.Event = redact.Error(err), instead(decided)
	if r.send(ctx, recorded.Event) == nil {
		recorded.Spooled = true
	} else {
		recorded.Lost = true
	}
	return recorded
}

func (r *Recorder) append(
	ctx context.Context, sub string, decide func(migration.Record) migration.Event,
) (ledger.Appended, error) {
	ctx, cancel := Within(ctx, r.config.LedgerBudget, r.config.SpoolBudget)
	defer cancel()
	return r.ledger.Append(ctx, sub, decide)
}

func (r *Recorder) send(ctx context.Context, e migration.Event) error {
	ctx, cancel := Within(ctx, r.config.SpoolBudget, 0)
	defer cancel()
	return r.spool.Send(ctx, e)
}

// Within returns a context for a part of the work that takes at most the budget, and leaves time for what comes after it.
func Within(ctx context.Context, budget, after time.Duration) (context.Context, context.CancelFunc) {
	end := time.Now().Add(budget)
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(-after).Before(end) {
		end = deadline.Add(-after)
	}
	return context.WithDeadline(ctx, end)
}

// The metrics of recording. docs/metrics.md describes them.
const (
	MetricLedgerLatency = "LedgerLatency" // until the event was recorded, tries included
	MetricRepeats       = "Repeats"       // attempts that the record already held
	MetricReoffered     = "Reoffered"     // users whom the new pool asked for again
	MetricSpooled       = "Spooled"       // events that the ledger could not take
	MetricLostToLog     = "LostToLog"     // events that the spool could not take either
)

// Metrics are the metrics of what became of the event.
func (r Recorded) Metrics() []emf.Metric {
	var metrics []emf.Metric
	if r.Took > 0 {
		metrics = append(metrics, emf.Duration(MetricLedgerLatency, r.Took))
	}
	for _, m := range []struct {
		name     string
		happened bool
	}{
		{MetricRepeats, r.Repeat}, {MetricReoffered, r.Reoffered}, {MetricSpooled, r.Spooled}, {MetricLostToLog, r.Lost},
	} {
		if m.happened {
			metrics = append(metrics, emf.Metric{Name: m.name, Unit: emf.Count, Value: 1})
		}
	}
	return metrics
}

// Attrs are the fields of a log line that say what became of the event, and hold it whole if it was lost.
func (r Recorded) Attrs() []slog.Attr {
	var attrs []slog.Attr
	for _, a := range []slog.Attr{
		slog.String("sub", r.Event.Sub), slog.String("event_id", r.Event.ID), slog.String("fault", r.Fault),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if r.Lost {
		attrs = append(attrs, slog.Any("event", r.Event)) // so that it can be replayed
	}
	return attrs
}
