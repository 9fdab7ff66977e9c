package confirm

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
)

// The metrics that the log lines carry. docs/metrics.md describes them.
const (
	MetricConfirmed     = "Confirmed"     // users whose confirmation was recorded, or spooled
	MetricNotConfirmed  = "NotConfirmed"  // by Why: how often a user was asked about and not confirmed
	MetricGroupsAdded   = "GroupsAdded"   // memberships in groups that users kept
	MetricGroupsMissing = "GroupsMissing" // memberships that users lost, since the new pool has no such group
	MetricNotArrived    = "NotArrived"    // of each sweep: users handed over over 15 minutes ago whom the new pool does not have
)

// DimensionWhy is the dimension of MetricNotConfirmed, and a field of the line.
const DimensionWhy = "Why"

// report writes one line about one user. It holds no personal data but the sub, a pseudonym.
func (c *Confirmer) report(ctx context.Context, r result) {
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
	attrs = append(attrs, emf.Attrs(c.now(), c.config.Namespace,
		emf.Directive{Dimensions: [][]string{{DimensionWhy}}, Metrics: count(MetricNotConfirmed, r.notConfirmed())},
		emf.Directive{Dimensions: [][]string{{}}, Metrics: r.metrics()},
	)...)
	level := slog.LevelInfo
	if r.why == Unreachable || r.recorded.Spooled || r.recorded.Lost {
		level = slog.LevelError
	}
	c.log.LogAttrs(ctx, level, "confirmation", attrs...)
}

func (r result) notConfirmed() int {
	if r.why == "" {
		return 0
	}
	return 1
}

func (r result) metrics() []emf.Metric {
	confirmed := 0
	if r.why == "" && !r.before && !r.recorded.Repeat {
		confirmed = 1
	}
	recorded := r.recorded
	recorded.Took, recorded.Repeat = 0, false // which are about sign-ins
	metrics := append(count(MetricConfirmed, confirmed), count(MetricGroupsAdded, r.added)...)
	metrics = append(metrics, count(MetricGroupsMissing, len(r.missingGroups))...)
	return append(metrics, recorded.Metrics()...)
}

// count is a metric that is there only if something happened.
func count(name string, n int) []emf.Metric {
	if n == 0 {
		return nil
	}
	return []emf.Metric{{Name: name, Unit: emf.Count, Value: float64(n)}}
}
