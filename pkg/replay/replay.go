// Package replay puts spooled events into the ledger.
package replay

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/smithy-go"

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
	MetricSpooledFor   = "SpooledFor"   // how long such a message has been in the queue, in seconds
)

// Ledger appends an event once, even if it was written before; see ledger.Ledger.
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

// Handle replays a batch. A message that could not be replayed goes back to the queue, and to the dead-letter queue when it has come back
// too often. If the ledger itself is out of reach, the rest of the batch goes back at once. Handle never fails as a whole: then the
// replayed messages would come back too.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (h *Handler) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.LogAttrs(ctx, slog.LevelError, "panic", redact.Panic(p)...)
			panic(p) // the batch comes back whole
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		// Messages for which there is no time go back as well: if Lambda cut the function off, all would, the replayed ones included.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, message := range batch.Records {
		err := h.replay(ctx, message)
		if err == nil {
			continue
		}
		back := batch.Records[i : i+1]
		if outOfReach(err) {
			back = batch.Records[i:]
		}
		for _, m := range back {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
		if outOfReach(err) {
			h.giveBack(ctx, back[1:])
			break
		}
	}
	return response, nil
}

// outOfReach tells whether the ledger itself failed. Then the next message would wait as long and fail too, and each waiting batch holds
// one of the account's concurrent executions.
func outOfReach(err error) bool {
	var operation *smithy.OperationError
	return errors.As(err, &operation) || errors.Is(err, context.DeadlineExceeded)
}

// giveBack says that messages were not tried.
func (h *Handler) giveBack(ctx context.Context, messages []events.SQSMessage) {
	for _, m := range messages {
		h.failed(ctx, m, slog.String("message_id", m.MessageId), slog.String("fault", "not tried: the ledger is out of reach"))
	}
}

const (
	perMessage = 25 * time.Second // the most time that one message is worked on: enough to look through what a hot user did since
	margin     = time.Second      // what is left of the function's time for the answer
)

func (h *Handler) replay(ctx context.Context, message events.SQSMessage) error {
	ctx, cancel := context.WithTimeout(ctx, perMessage)
	defer cancel()
	event, err := spool.Parse(message.Body)
	if err != nil {
		h.failed(ctx, message, slog.String("message_id", message.MessageId), slog.String("fault", err.Error()))
		return err
	}
	about := []slog.Attr{
		slog.String("message_id", message.MessageId), slog.String("event_id", event.ID), slog.String("sub", event.Sub),
	}
	appended, err := h.ledger.Replay(ctx, event)
	if err != nil {
		h.failed(ctx, message, append(about, slog.String("fault", redact.Error(err)))...)
		return err
	}
	h.report(ctx, slog.LevelInfo, append(about, slog.Bool("repeat", appended.Repeat)), emf.Metric{Name: MetricReplayed, Unit: emf.Count, Value: 1})
	return nil
}

// failed reports a message that goes back to the queue.
func (h *Handler) failed(ctx context.Context, message events.SQSMessage, about ...slog.Attr) {
	metrics := []emf.Metric{{Name: MetricReplayFailed, Unit: emf.Count, Value: 1}}
	if sent, err := strconv.ParseInt(message.Attributes["SentTimestamp"], 10, 64); err == nil {
		age := h.now().Sub(time.UnixMilli(sent))
		metrics = append(metrics, emf.Metric{Name: MetricSpooledFor, Unit: emf.Seconds, Value: max(0, age.Seconds())})
	}
	h.report(ctx, slog.LevelError, about, metrics...)
}

func (h *Handler) report(ctx context.Context, level slog.Level, about []slog.Attr, metrics ...emf.Metric) {
	h.log.LogAttrs(ctx, level, "replay", append(about, emf.Attrs(h.now(), h.config.Namespace, emf.Directive{
		Dimensions: [][]string{{}}, Metrics: metrics,
	})...)...)
}
