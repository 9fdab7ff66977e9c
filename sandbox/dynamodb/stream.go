package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// Stream feeds a function from a table's stream, as an event source mapping from TRIM_HORIZON with ReportBatchItemFailures and
// BisectBatchOnFunctionError does: the records of a shard in their order, in batches.
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
type Stream struct {
	client *dynamodbstreams.Client
	table  string
	read   map[string]string // by shard: the sequence number that was read last
}

// Mapping is how an event source mapping reads a stream.
type Mapping struct {
	BatchSize            int
	MaximumRetryAttempts int
	// Matches is the mapping's filter: what it does not match, the function never gets.
	Matches func(eventName string, newImage map[string]types.AttributeValue) bool
}

// Invoke calls the function that the stream feeds. An error stands for a function error, or for a call that failed.
type Invoke func(ctx context.Context, payload []byte) ([]byte, error)

// NewStream returns the stream of a table that has one.
func NewStream(cfg aws.Config, table string) *Stream {
	return &Stream{client: dynamodbstreams.NewFromConfig(cfg), table: table, read: map[string]string{}}
}

// Drain feeds the function until it has had every record that was in the stream. What it does not handle comes again at once, and
// is given up after the mapping's retries. The next call goes on after the last record.
func (s *Stream) Drain(ctx context.Context, m Mapping, invoke Invoke) error {
	streams, err := s.client.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: &s.table})
	if err != nil {
		return fmt.Errorf("drain the stream of %s: %w", s.table, err)
	}
	for _, stream := range streams.Streams {
		described, err := s.client.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: stream.StreamArn})
		if err != nil {
			return fmt.Errorf("drain the stream of %s: %w", s.table, err)
		}
		for _, shard := range described.StreamDescription.Shards {
			records, err := s.records(ctx, stream.StreamArn, shard.ShardId)
			if err != nil {
				return fmt.Errorf("drain the stream of %s: %w", s.table, err)
			}
			records = slices.DeleteFunc(records, func(r types.Record) bool { return !m.Matches(string(r.EventName), r.Dynamodb.NewImage) })
			for batch := range slices.Chunk(records, m.BatchSize) {
				if err := deliver(ctx, batch, m.MaximumRetryAttempts, invoke); err != nil {
					return fmt.Errorf("drain the stream of %s: %w", s.table, err)
				}
			}
		}
	}
	return nil
}

// records reads what a shard has that was not read yet.
func (s *Stream) records(ctx context.Context, stream, shard *string) ([]types.Record, error) {
	from := &dynamodbstreams.GetShardIteratorInput{StreamArn: stream, ShardId: shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if last := s.read[*shard]; last != "" {
		from.ShardIteratorType, from.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &last
	}
	at, err := s.client.GetShardIterator(ctx, from)
	if err != nil {
		return nil, err
	}
	var all []types.Record
	for iterator := at.ShardIterator; iterator != nil; {
		page, err := s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			return nil, err
		}
		if len(page.Records) == 0 {
			break // an open shard has no end
		}
		all = append(all, page.Records...)
		iterator = page.NextShardIterator
	}
	if len(all) > 0 {
		s.read[*shard] = *all[len(all)-1].Dynamodb.SequenceNumber
	}
	return all, nil
}

// deliver hands a batch to the function. After a failure Lambda goes on from the first record that failed; after an error it halves the
// batch. https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
func deliver(ctx context.Context, batch []types.Record, retries int, invoke Invoke) error {
	payload, err := event(batch)
	if err != nil {
		return err
	}
	answer, err := invoke(ctx, payload)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	failed := 0
	if err == nil {
		if failed, err = firstFailure(answer, batch); err != nil {
			return err
		}
	}
	switch left := batch[failed:]; {
	case len(left) == 0, retries == 0:
		return nil
	case err != nil && len(left) > 1:
		half := len(left) / 2
		return errors.Join(deliver(ctx, left[:half], retries-1, invoke), deliver(ctx, left[half:], retries-1, invoke))
	default:
		return deliver(ctx, left, retries-1, invoke)
	}
}

// firstFailure is the place of the first record that the function did not handle; the batch's length if it handled all.
func firstFailure(answer []byte, batch []types.Record) (int, error) {
	var response struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return 0, fmt.Errorf("the function's answer: %w", err)
	}
	first := len(batch)
	for _, f := range response.BatchItemFailures {
		i := slices.IndexFunc(batch, func(r types.Record) bool { return *r.Dynamodb.SequenceNumber == f.ItemIdentifier })
		if i < 0 {
			return 0, fmt.Errorf("the function's answer names a record that is not in the batch: %q", f.ItemIdentifier)
		}
		first = min(first, i)
	}
	return first, nil
}

// event builds what Lambda sends to a function for a batch.
func event(batch []types.Record) ([]byte, error) {
	records := make([]map[string]any, len(batch))
	for i, r := range batch {
		records[i] = map[string]any{
			"eventID": r.EventID, "eventName": r.EventName, "eventVersion": r.EventVersion, "eventSource": "aws:dynamodb",
			"awsRegion": r.AwsRegion,
			"dynamodb": map[string]any{
				"ApproximateCreationDateTime": r.Dynamodb.ApproximateCreationDateTime.Unix(),
				"Keys":                        values(r.Dynamodb.Keys), "NewImage": values(r.Dynamodb.NewImage),
				"SequenceNumber": r.Dynamodb.SequenceNumber, "SizeBytes": r.Dynamodb.SizeBytes, "StreamViewType": r.Dynamodb.StreamViewType,
			},
		}
	}
	return json.Marshal(map[string]any{"Records": records})
}

// values are attributes in DynamoDB's JSON.
func values(attributes map[string]types.AttributeValue) map[string]any {
	all := map[string]any{}
	for name, v := range attributes {
		all[name] = value(v)
	}
	return all
}

func value(v types.AttributeValue) map[string]any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, element := range v.Value {
			list[i] = value(element)
		}
		return map[string]any{"L": list}
	default:
		panic(fmt.Sprintf("the audit table has no attribute of type %T", v))
	}
}
