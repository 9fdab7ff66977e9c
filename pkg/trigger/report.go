package trigger

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// The metrics that the log lines carry. docs/metrics.md describes them; the dashboard and the alarms are built on them.
const (
	MetricAttempts       = "Attempts"       // by Outcome, and by Trigger, Outcome and Reason
	MetricShadowAttempts = "ShadowAttempts" // the same, for what would have been done in Mode Shadow
	MetricTurnedAway     = "TurnedAway"     // attempts in Mode Off
	MetricLatency        = "Latency"        // of the whole invocation, without the cold start
	MetricOldPoolLatency = "OldPoolLatency" // until the old pool had answered, tries included
	MetricLedgerLatency  = "LedgerLatency"  // until the event was recorded, tries included
	MetricRepeats        = "Repeats"        // attempts that the record already held
	MetricReoffered      = "Reoffered"      // users whom the new pool asked for again
	MetricSpooled        = "Spooled"        // events that the ledger could not take
	MetricLostToLog      = "LostToLog"      // events that the spool could not take either
)

// The dimensions of MetricAttempts, which are also fields of the line.
const (
	DimensionTrigger = "Trigger"
	DimensionOutcome = "Outcome"
	DimensionReason  = "Reason"
)

// report writes the attempt's one log line. It holds no personal data but the sub, a pseudonym.
func (h *Handler) report(ctx context.Context, a *attempt) {
	attrs := []slog.Attr{
		slog.String("request_id", a.requestID),
		slog.String(DimensionTrigger, cmp.Or(string(a.trigger), "none")),
		slog.String(DimensionOutcome, cmp.Or(string(a.decision.Outcome), "none")),
		slog.String(DimensionReason, cmp.Or(string(a.decision.Reason), "none")),
	}
	for _, field := range []slog.Attr{
		slog.String("challenge", a.decision.Challenge),
		slog.String("sub", a.event.Sub),
		slog.String("event_id", a.event.ID),
		slog.String("account_exception", a.answer.AccountException),
		slog.String("authentication_exception", a.answer.Authentication.Exception),
		slog.String("fault", a.fault),
	} {
		if field.Value.String() != "" {
			attrs = append(attrs, field)
		}
	}
	if account := a.answer.Account; account != nil {
		attrs = append(attrs, slog.String("account_status", account.Status))
	}
	if a.lost {
		attrs = append(attrs, slog.Any("event", a.event)) // the last resort: whole, so that it can be replayed
	}
	attrs = append(attrs, emf.Attrs(a.at, h.config.Namespace,
		emf.Directive{
			Dimensions: [][]string{{DimensionOutcome}, {DimensionTrigger, DimensionOutcome, DimensionReason}},
			Metrics:    h.attempts(a),
		},
		emf.Directive{Dimensions: [][]string{{}}, Metrics: a.metrics()},
	)...)
	level := slog.LevelInfo
	if a.decision.Outcome == migration.Failed || a.spooled || a.lost {
		level = slog.LevelError
	}
	h.log.LogAttrs(ctx, level, "attempt", attrs...)
}

// attempts is the metric by which the attempt is counted.
func (h *Handler) attempts(a *attempt) []emf.Metric {
	switch {
	case a.turnedAway:
		return nil
	case h.config.Mode == Shadow:
		return []emf.Metric{{Name: MetricShadowAttempts, Unit: emf.Count, Value: 1}}
	default:
		return []emf.Metric{{Name: MetricAttempts, Unit: emf.Count, Value: 1}}
	}
}

func (a *attempt) metrics() []emf.Metric {
	metrics := []emf.Metric{latency(MetricLatency, a.full)}
	if a.oldPool > 0 {
		metrics = append(metrics, latency(MetricOldPoolLatency, a.oldPool))
	}
	if a.ledger > 0 {
		metrics = append(metrics, latency(MetricLedgerLatency, a.ledger))
	}
	for name, happened := range map[string]bool{
		MetricRepeats:   a.appended.Repeat,
		MetricReoffered: a.appended.Reoffered,
		MetricSpooled:   a.spooled,
		MetricLostToLog: a.lost,

		MetricTurnedAway: a.turnedAway,
	} {
		if happened {
			metrics = append(metrics, emf.Metric{Name: name, Unit: emf.Count, Value: 1})
		}
	}
	return metrics
}

func latency(name string, d time.Duration) emf.Metric {
	return emf.Metric{Name: name, Unit: emf.Milliseconds, Value: float64(d.Microseconds()) / 1000}
}
