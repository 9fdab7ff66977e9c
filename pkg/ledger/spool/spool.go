// Package spool keeps the events that the ledger could not take, in an SQS queue, until they are replayed.
package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Config names the queue.
type Config struct {
	QueueURL string `env:"SPOOL_QUEUE_URL,required,notEmpty"`
}

// Validate names the variable that does not hold a queue's URL. Otherwise the mistake would show only when the queue is needed.
func (c Config) Validate() error {
	if u, err := url.Parse(c.QueueURL); err != nil || u.Host == "" || len(u.Path) < 2 {
		return fmt.Errorf("SPOOL_QUEUE_URL is %q: allowed is a URL like https://sqs.eu-west-1.amazonaws.com/123456789012/spool", c.QueueURL)
	}
	return nil
}

// DeadLetterConfig names the queue of the messages that could not be replayed.
type DeadLetterConfig struct {
	QueueURL string `env:"DEAD_LETTER_QUEUE_URL,required,notEmpty"`
}

// Queue sends events to an SQS queue. A message's body is the event as JSON, as it was decided: without its place in the chain.
type Queue struct {
	client *sqs.Client
	config Config
}

// New returns a queue. A try to send takes at most the given time; the caller's deadline ends the tries.
func New(cfg aws.Config, config Config, try time.Duration) *Queue {
	return &Queue{config: config, client: sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(try)
		// The SDK would pause for up to 1 s after throttling, which is more than the budget.
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 20 * time.Millisecond })
	})}
}

// Send sends the event. After an error it may have arrived all the same; replaying it twice does no harm.
func (q *Queue) Send(ctx context.Context, e migration.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("spool event %s: %w", e.ID, err)
	}
	text := string(body)
	if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.config.QueueURL, MessageBody: &text}); err != nil {
		return fmt.Errorf("spool event %s: %w", e.ID, err)
	}
	return nil
}

// Depth returns how many messages are in the queue, including those that are being handled. SQS knows it only roughly.
func (q *Queue) Depth(ctx context.Context) (int, error) {
	visible, hidden := types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.config.QueueURL, AttributeNames: []types.QueueAttributeName{visible, hidden},
	})
	if err != nil {
		return 0, fmt.Errorf("ask the queue: %w", err)
	}
	depth := 0
	for _, name := range []types.QueueAttributeName{visible, hidden} {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("ask the queue: %s: %w", name, err)
		}
		depth += n
	}
	return depth, nil
}

// Parse reads a message's body. It refuses what this code could not have sent; its errors quote nothing of the body.
func Parse(body string) (migration.Event, error) {
	var e migration.Event
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return e, errors.New("the message is no event")
	}
	return e, e.Validate()
}
