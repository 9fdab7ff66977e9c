// Package replay puts spooled events into the ledger.
package replay

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Config names where the metrics go.
type Config struct {
	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

// The metrics that the log lines carry.
const (
	MetricReplayed     = "Replayed"     // events written, or found in the ledger already
	MetricReplayFailed = "ReplayFailed" // messages given back to the queue
)

// Ledger appends an event once, whatever became of it before; see ledger.Ledger.
type Ledger interface {
	Replay(ctx context.Context, e migration.Event) (ledger.Appended, error)
}

// Handler takes batches of messages from the spool.
type Handler struct {
	config Config
	ledger Ledger
	log    *slog.Logger
	now    func() time.Time
}

// New wires a handler.
func New(config Config, l Ledger, log *slog.Logger, now func() time.Time) *Handler {
	return &Handler{config: config, ledger: l, log: log, now: now}
}

// Handle replays a batch. What could not be replayed goes back to the queue, message by message, and to the dead-letter queue
// when it has come back too often. It never fails as a whole: that would bring back what was replayed.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (h *Handler) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	if deadline, ok := ctx.Deadline(); ok {
		// What there is no time for goes back as well: were the function cut off, everything would, what was replayed included.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, message := range batch.Records {
		if h.replay(ctx, message) != nil {
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		}
	}
	return response, nil
}

const (
	perMessage = 5 * time.Second // the most time that one message is worked on
	margin     = time.Second     // what is left of the function's time for the answer
)

func (h *Handler) replay(ctx context.Context, message events.SQSMessage) error {
	ctx, cancel := context.WithTimeout(ctx, perMessage)
	defer cancel()
	event, err := spool.Parse(message.Body)
	if err != nil {
		h.report(ctx, slog.LevelError, MetricReplayFailed,
			slog.String("message_id", message.MessageId), slog.String("fault", err.Error()))
		return err
	}
	about := []slog.Attr{
		slog.String("message_id", message.MessageId), slog.String("event_id", event.ID), slog.String("sub", event.Sub),
	}
	appended, err := h.ledger.Replay(ctx, event)
	if err != nil {
		h.report(ctx, slog.LevelError, MetricReplayFailed, append(about, slog.String("fault", redact.Error(err)))...)
		return err
	}
	h.report(ctx, slog.LevelInfo, MetricReplayed, append(about, slog.Bool("repeat", appended.Repeat))...)
	return nil
}

func (h *Handler) report(ctx context.Context, level slog.Level, metric string, attrs ...slog.Attr) {
	h.log.LogAttrs(ctx, level, "replay", append(attrs, emf.Attrs(h.now(), h.config.Namespace, emf.Directive{
		Dimensions: [][]string{{}}, Metrics: []emf.Metric{{Name: metric, Unit: emf.Count, Value: 1}},
	})...)...)
}
