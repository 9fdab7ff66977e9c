// Watch reports every change to an event of the audit table, which is only ever added to.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
)

func main() {
	function.Main(func(_ context.Context, environ []string) (func(context.Context, events.DynamoDBEvent) error, error) {
		return run(environ, slog.New(slog.NewJSONHandler(os.Stdout, nil)), time.Now)
	})
}

type metrics struct {
	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

// metricTouched counts events that were changed or removed.
const metricTouched = "AuditTableTouched"

// run returns a handler of the audit table's stream. It reports every record that it gets: the event source mapping lets only changes and
// removals through.
func run(environ []string, log *slog.Logger, now func() time.Time) (func(context.Context, events.DynamoDBEvent) error, error) {
	var cfg struct {
		Metrics metrics
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	return func(ctx context.Context, batch events.DynamoDBEvent) error {
		for _, record := range batch.Records {
			log.LogAttrs(ctx, slog.LevelError, "audit table touched", append([]slog.Attr{
				slog.String("change", record.EventName),
				slog.String("sub", text(record.Change.Keys["pk"])),
				slog.String("seq", text(record.Change.Keys["sk"])),
				slog.Time("at", record.Change.ApproximateCreationDateTime.UTC()),
			}, emf.Attrs(now(), cfg.Metrics.Namespace, emf.Directive{
				Dimensions: [][]string{{}}, Metrics: []emf.Metric{{Name: metricTouched, Unit: emf.Count, Value: 1}},
			})...)...)
		}
		return nil
	}, nil
}

// text is a key's value. Keys are strings; for any other type String would panic, and hide the change.
func text(v events.DynamoDBAttributeValue) string {
	if v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
