package confirm

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const (
	// settle is how long Cognito gets to make the user once the event is recorded: the record comes before the answer.
	settle = 3 * time.Second
	// margin is what is left of the function's time for the answer.
	margin = 10 * time.Second
)

// Batch asks about the users of a batch of the audit table's stream. What could not be found out is named in the answer, so that Lambda
// tries again from there on; the others are done, and asked about no more. A record that is none of ours is logged and left.
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
func (c *Confirmer) Batch(ctx context.Context, batch events.DynamoDBEvent) events.DynamoDBEventResponse {
	response := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if c.config.Link() == "" {
		return response
	}
	ctx, cancel := within(ctx)
	defer cancel()
	for _, record := range batch.Records {
		sub, recordedAt, err := handedOver(record)
		if err != nil {
			c.log.LogAttrs(ctx, slog.LevelError, "record left", slog.String("fault", err.Error()),
				slog.String("sequence_number", record.Change.SequenceNumber))
			continue
		}
		c.pause(ctx, recordedAt.Add(settle))
		r := result{sub: sub, why: Unreachable, exception: "there was not enough time"}
		if ctx.Err() == nil {
			r = c.confirm(ctx, sub, recordedAt)
		}
		c.report(ctx, r)
		if r.why == Unreachable {
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
		}
	}
	return response
}

func within(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-margin))
	}
	return context.WithCancel(ctx)
}

// handedOver reads from a record of the stream who was handed over, and when that was recorded.
func handedOver(record events.DynamoDBEventRecord) (sub string, recordedAt time.Time, err error) {
	if text(record, "outcome") != string(migration.Migrated) || text(record, "sub") == "" {
		return "", time.Time{}, errors.New("the record is of no event that hands a user over: see the filter of the event source mapping")
	}
	recordedAt, err = time.Parse(time.RFC3339Nano, text(record, "recorded_at"))
	if err != nil {
		return "", time.Time{}, errors.New("the record does not say when the event was recorded")
	}
	return text(record, "sub"), recordedAt, nil
}

// text is a string of the new image; of anything else String would panic.
func text(record events.DynamoDBEventRecord, name string) string {
	v, ok := record.Change.NewImage[name]
	if !ok || v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
