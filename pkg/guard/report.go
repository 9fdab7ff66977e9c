package guard

import (
	"context"
	"log/slog"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/invocation"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/version"
)

// The metrics that the log lines carry. docs/metrics.md describes them; the dashboard and the alarms are built on them.
const (
	MetricSignUps = "SignUps"      // by Answer
	MetricLatency = "GuardLatency" // of the whole invocation, without the cold start
)

// DimensionAnswer is the dimension of MetricSignUps, which is also a field of the line.
const DimensionAnswer = "Answer"

// The values of DimensionAnswer.
const (
	Passed  = "passed"
	Refused = "refused" // an old user who has not moved has the name or address
	Failed  = "failed"  // nobody could find out
)

// report writes the invocation's one log line. It holds no personal data but the sub, a pseudonym. Who does not sign up is in no metric.
func (h *Handler) report(ctx context.Context, s signUp) {
	f, level, answer := s.finding, slog.LevelInfo, Passed
	switch {
	case f.reason != "":
		level, answer = slog.LevelError, Failed
	case f.sub != "":
		answer = Refused
	}
	attrs := []slog.Attr{
		slog.String("request_id", invocation.RequestID(ctx)), slog.String("version", version.String()), slog.String(DimensionAnswer, answer),
	}
	for _, field := range []slog.Attr{
		slog.String("found_by", f.by), slog.String("sub", f.sub), slog.String("reason", string(f.reason)),
		slog.String("account_exception", f.exception), slog.String("fault", f.fault),
	} {
		if field.Value.String() != "" {
			attrs = append(attrs, field)
		}
	}
	message := "other source"
	if s.asked || f.reason != "" {
		message = "sign-up"
		attrs = append(attrs, emf.Attrs(h.now(), h.config.Namespace,
			emf.Directive{Dimensions: [][]string{{DimensionAnswer}}, Metrics: []emf.Metric{{Name: MetricSignUps, Unit: emf.Count, Value: 1}}},
			emf.Directive{Dimensions: [][]string{{}}, Metrics: []emf.Metric{emf.Duration(MetricLatency, s.full)}},
		)...)
	}
	h.log.LogAttrs(ctx, level, message, attrs...)
}
