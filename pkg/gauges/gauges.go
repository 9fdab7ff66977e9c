// Package gauges publishes the progress of a migration as CloudWatch metrics, for the dashboard and its alarms.
package gauges

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

// Config names where the gauges go.
type Config struct {
	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

// The metrics. docs/metrics.md describes them.
const (
	MetricUsers                = "Users"                // by Status
	MetricBlockedUsers         = "BlockedUsers"         // by Reason
	MetricOldestBlockedAge     = "OldestBlockedAge"     // only while someone is blocked
	MetricOldestUnconfirmedAge = "OldestUnconfirmedAge" // only while someone is unconfirmed
	MetricLastEventAge         = "LastEventAge"         // only after the first event
	MetricVerificationAge      = "VerificationAge"      // since the last was complete; while the first is under way, since it began
	MetricSpoolDepth           = "SpoolDepth"
	MetricDeadLetterDepth      = "DeadLetterDepth"
	MetricReady                = "Ready"          // 1 while the old pool may be switched off, else 0
	MetricReadyLost            = "ReadyLost"      // 1 if it was READY by the journal, and is no longer, else 0
	MetricRemainingUsers       = "RemainingUsers" // by the last census, if it is recent
)

// The dimensions.
const (
	DimensionStatus = "Status"
	DimensionReason = "Reason"
)

// maxPut is how many metrics one PutMetricData may carry.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
const maxPut = 1000

// Readiness is whether the old pool may be switched off.
type Readiness struct {
	Ready, Lost bool
	Remaining   *int // nil if it is not known
}

// Put publishes the gauges, as of the time that the progress was collected.
func Put(ctx context.Context, client *cloudwatch.Client, namespace string, p progress.Progress, r Readiness) error {
	data := Of(p, r)
	if len(data) > maxPut {
		return fmt.Errorf("%d gauges: CloudWatch takes at most %d at once", len(data), maxPut)
	}
	_, err := client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: data})
	if err != nil {
		return fmt.Errorf("publish the gauges: %w", err)
	}
	return nil
}

// Of returns the gauges.
func Of(p progress.Progress, r Readiness) []types.MetricDatum {
	var data []types.MetricDatum
	add := func(name string, unit types.StandardUnit, value float64, dimension ...string) {
		datum := types.MetricDatum{MetricName: &name, Unit: unit, Value: &value, Timestamp: aws.Time(p.AsOf)}
		if len(dimension) == 2 {
			datum.Dimensions = []types.Dimension{{Name: &dimension[0], Value: &dimension[1]}}
		}
		data = append(data, datum)
	}
	age := func(name string, since *time.Time) {
		if since != nil {
			add(name, types.StandardUnitSeconds, max(0, p.AsOf.Sub(*since).Seconds()))
		}
	}
	count := types.StandardUnitCount
	add(MetricUsers, count, float64(p.Users.Attempted), DimensionStatus, "attempted")
	add(MetricUsers, count, float64(p.Users.Blocked), DimensionStatus, "blocked")
	add(MetricUsers, count, float64(p.Users.Migrated), DimensionStatus, "migrated")
	add(MetricUsers, count, float64(p.Users.Confirmed), DimensionStatus, "confirmed")
	byReason := map[string]int{}
	var oldest *time.Time
	for _, b := range p.Blocked {
		byReason[string(b.Reason)] += b.Users
		if b.Oldest != nil && (oldest == nil || b.Oldest.Before(*oldest)) {
			oldest = b.Oldest
		}
	}
	for reason, n := range byReason {
		add(MetricBlockedUsers, count, float64(n), DimensionReason, reason)
	}
	age(MetricOldestBlockedAge, oldest)
	age(MetricOldestUnconfirmedAge, p.Unconfirmed.Oldest)
	age(MetricLastEventAge, p.LastActivity)
	if v := p.Verification; v != nil && v.Complete {
		age(MetricVerificationAge, &v.FinishedAt)
	} else if v != nil {
		age(MetricVerificationAge, &v.StartedAt)
	}
	if p.Spool != nil {
		add(MetricSpoolDepth, count, float64(p.Spool.Waiting))
		add(MetricDeadLetterDepth, count, float64(p.Spool.DeadLetters))
	}
	add(MetricReady, count, float64(oneIf(r.Ready)))
	add(MetricReadyLost, count, float64(oneIf(r.Lost)))
	if r.Remaining != nil {
		add(MetricRemainingUsers, count, float64(*r.Remaining))
	}
	return data
}

func oneIf(condition bool) int {
	if condition {
		return 1
	}
	return 0
}
