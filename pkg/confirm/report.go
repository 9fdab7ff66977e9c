package confirm

import "github.com/cognito-user-migration/cognito-user-migration/pkg/emf"

// The metrics that the log lines carry. docs/metrics.md describes them.
const (
	MetricConfirmed       = "Confirmed"       // users whose confirmation was recorded, or spooled
	MetricNotConfirmed    = "NotConfirmed"    // by Why: how often a user was asked about and not confirmed
	MetricGroupsAdded     = "GroupsAdded"     // memberships in groups that users kept
	MetricGroupsMissing   = "GroupsMissing"   // memberships that users lost, since the new pool has no such group
	MetricResetUnfinished = "ResetUnfinished" // of each sweep: users handed over over 15 minutes ago who have not set a new password
	MetricNotArrived      = "NotArrived"      // of each sweep: users handed over over 15 minutes ago whom the new pool does not have
)

// DimensionWhy is the dimension of MetricNotConfirmed, and a field of the line.
const DimensionWhy = "Why"

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
