package sqs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Invoke calls the function that the queue feeds. An error stands for a function error, or for a call that failed.
type Invoke func(ctx context.Context, payload []byte) ([]byte, error)

// Mapping is how an event source mapping polls the queue.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
type Mapping struct {
	BatchSize          int
	MaximumConcurrency int // ScalingConfig; zero stands for what Lambda grows to at most, 1,250
}

// How Lambda polls: five batches at once to begin with, and up to so many more each minute while messages are waiting.
const (
	firstPollers     = 5
	pollersPerMinute = 300
	mostPollers      = 1250
)

// Poll feeds the function until ctx is done, as an event source mapping with ReportBatchItemFailures does: with several batches at
// once, and with more of them the longer messages wait. Failures that an answer reports do not slow it down. What the function does
// not handle comes back after the visibility time-out.
func (q *Queue) Poll(ctx context.Context, m Mapping, invoke Invoke) {
	var pollers sync.WaitGroup
	defer pollers.Wait()
	most := cmp.Or(m.MaximumConcurrency, mostPollers)
	for n := 0; n < most && ctx.Err() == nil; {
		if n < firstPollers || q.waiting() {
			pollers.Go(func() { q.poll(ctx, m.BatchSize, invoke) })
			n++
		}
		if n >= firstPollers {
			sleep(ctx, time.Minute/pollersPerMinute)
		}
	}
}

func (q *Queue) poll(ctx context.Context, batchSize int, invoke Invoke) {
	for ctx.Err() == nil {
		if batch := q.receive(batchSize, q.VisibilityTimeout); len(batch) > 0 {
			_ = q.deliver(ctx, batch, invoke)
			continue
		}
		select {
		case <-q.arrived:
		case <-time.After(50 * time.Millisecond): // a hidden message may have come back
		case <-ctx.Done():
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Drain feeds the function as Poll does, but at once and without visibility time-outs, until every message has been handled
// or is in the dead-letter queue. Without a dead-letter queue a message that always fails keeps it going until ctx is done;
// the error is then the last failure's.
func (q *Queue) Drain(ctx context.Context, batchSize int, invoke Invoke) error {
	var failure error
	for q.reveal() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("drain %s, %d messages left: %w", q.name, len(q.Messages()), errors.Join(err, failure))
		}
		if batch := q.receive(batchSize, 0); len(batch) > 0 {
			failure = q.deliver(ctx, batch, invoke)
		}
	}
	return nil
}

// deliver hands a batch to the function and deletes what it handled.
func (q *Queue) deliver(ctx context.Context, batch []Message, invoke Invoke) error {
	payload, err := q.event(batch)
	if err != nil {
		return err
	}
	answer, err := invoke(ctx, payload)
	if err != nil {
		return err
	}
	failed, err := failures(answer, batch)
	if err != nil {
		return err
	}
	var handled []string
	for _, m := range batch {
		if !slices.Contains(failed, m.ID) {
			handled = append(handled, m.receipt)
		}
	}
	q.remove(handled...)
	return nil
}

// event builds what Lambda sends to a function for a batch.
func (q *Queue) event(batch []Message) ([]byte, error) {
	records := make([]map[string]any, len(batch))
	for i, m := range batch {
		records[i] = map[string]any{
			"messageId":     m.ID,
			"receiptHandle": m.receipt,
			"body":          m.Body,
			"attributes": map[string]string{
				"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
				"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
				"SenderId":                         "AIDASANDBOX",
				"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstReceived.UnixMilli(), 10),
			},
			"messageAttributes": struct{}{},
			"md5OfBody":         md5Of(m.Body),
			"eventSource":       "aws:sqs",
			"eventSourceARN":    q.ARN(),
			"awsRegion":         region,
		}
	}
	return json.Marshal(map[string]any{"Records": records})
}

// failures returns the ids of the messages that the function did not handle. Lambda takes an answer without such ids for
// success, and the whole batch for failed if the answer is not understood or an id is not the batch's.
func failures(answer []byte, batch []Message) ([]string, error) {
	var response struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return nil, fmt.Errorf("the function's answer: %w", err)
	}
	var failed []string
	for _, f := range response.BatchItemFailures {
		if !slices.ContainsFunc(batch, func(m Message) bool { return m.ID == f.ItemIdentifier }) {
			return nil, fmt.Errorf("the function's answer names a message that is not in the batch: %q", f.ItemIdentifier)
		}
		failed = append(failed, f.ItemIdentifier)
	}
	return failed, nil
}
