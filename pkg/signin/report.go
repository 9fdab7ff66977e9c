package signin

import (
	"cmp"
	"context"
	"log/slog"

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
		slog.String("request_id", a.origin.RequestID),
		slog.String("version", a.origin.FunctionVersion),
		slog.String(DimensionTrigger, cmp.Or(string(a.event.Trigger), "none")),
		slog.String(DimensionOutcome, cmp.Or(string(a.decision.Outcome), "none")),
		slog.String(DimensionReason, cmp.Or(string(a.decision.Reason), "none")),
	}
	for _, field := range []slog.Attr{
		slog.String("challenge", a.decision.Challenge),
		slog.String("attribute", a.decision.Attribute),
		slog.String("account_exception", a.answer.AccountException),
		slog.String("authentication_exception", a.answer.Authentication.Exception),
	} {
		if field.Value.String() != "" {
			attrs = append(attrs, field)
		}
	}
	if account := a.answer.Account; account != nil {
		attrs = append(attrs, slog.String("account_status", account.Status))
	}
	level := slog.LevelInfo
	if a.decision.Outcome == migration.Failed || a.recorded.Spooled || a.recorded.Lost {
		level = slog.LevelError
	}
	if a.isProbe() {
		h.log.LogAttrs(ctx, level, "probe", attrs...) // it counts in no metric: nobody has come
		return
	}
	attrs = append(attrs, a.recorded.Attrs()...)
	attrs = append(attrs, emf.Attrs(a.origin.At, h.config.Namespace,
		emf.Directive{
			Dimensions: [][]string{{DimensionOutcome}, {DimensionTrigger, DimensionOutcome, DimensionReason}},
			Metrics:    h.attempts(a),
		},
		emf.Directive{Dimensions: [][]string{{}}, Metrics: a.metrics()},
	)...)
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
	metrics := []emf.Metric{emf.Duration(MetricLatency, a.full)}
	if a.oldPool > 0 {
		metrics = append(metrics, emf.Duration(MetricOldPoolLatency, a.oldPool))
	}
	if a.turnedAway {
		metrics = append(metrics, emf.Metric{Name: MetricTurnedAway, Unit: emf.Count, Value: 1})
	}
	return append(metrics, a.recorded.Metrics()...)
}
