package sqs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/sqs"
)

func start(t *testing.T) (*sqs.Server, *api.Client) {
	t.Helper()
	server, err := sqs.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, api.New(api.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.Endpoint()),
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
}

func send(t *testing.T, client *api.Client, q *sqs.Queue, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := client.SendMessage(t.Context(), &api.SendMessageInput{QueueUrl: aws.String(q.URL()), MessageBody: aws.String(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

func bodies(q *sqs.Queue) (all []string) {
	for _, m := range q.Messages() {
		all = append(all, m.Body)
	}
	return all
}

func TestAMessageIsHiddenUntilItIsDeletedOrItsTimeIsOver(t *testing.T) {
	server, client := start(t)
	q := server.CreateQueue("spool", sqs.Config{VisibilityTimeout: 100 * time.Millisecond})
	url, err := client.GetQueueUrl(t.Context(), &api.GetQueueUrlInput{QueueName: aws.String("spool")})
	if err != nil {
		t.Fatal(err)
	}
	send(t, client, q, "one")
	receive := func() []types.Message {
		out, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: url.QueueUrl})
		if err != nil {
			t.Fatal(err)
		}
		return out.Messages
	}
	if got := receive(); len(got) != 1 || aws.ToString(got[0].Body) != "one" {
		t.Fatalf("received %v", got)
	}
	if got := receive(); len(got) != 0 {
		t.Fatalf("received a hidden message: %v", got)
	}
	var again []types.Message
	for deadline := time.Now().Add(5 * time.Second); len(again) == 0; again = receive() {
		if time.Now().After(deadline) {
			t.Fatal("the message did not come back")
		}
	}
	if _, err := client.DeleteMessage(t.Context(), &api.DeleteMessageInput{QueueUrl: url.QueueUrl, ReceiptHandle: again[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if left := bodies(q); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestQueueAttributes(t *testing.T) {
	server, client := start(t)
	dead := server.CreateQueue("dead", sqs.Config{})
	q := server.CreateQueue("spool", sqs.Config{DeadLetter: dead, MaxReceives: 3})
	send(t, client, q, "one", "two", "three")
	if _, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: aws.String(q.URL())}); err != nil {
		t.Fatal(err)
	}
	out, err := client.GetQueueAttributes(t.Context(), &api.GetQueueAttributesInput{
		QueueUrl: aws.String(q.URL()),
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameRedrivePolicy,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"ApproximateNumberOfMessages":           "2",
		"ApproximateNumberOfMessagesNotVisible": "1",
		"RedrivePolicy":                         `{"deadLetterTargetArn":"` + dead.ARN() + `","maxReceiveCount":3}`,
	}
	if diff := cmp.Diff(want, out.Attributes); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	server, client := start(t)
	q := server.CreateQueue("spool", sqs.Config{})
	for name, tt := range map[string]struct {
		input api.SendMessageInput
		code  string
	}{
		"an unknown queue":       {api.SendMessageInput{QueueUrl: aws.String(q.URL() + "x"), MessageBody: aws.String("b")}, "AWS.SimpleQueueService.NonExistentQueue"},
		"a message over 256 KiB": {api.SendMessageInput{QueueUrl: aws.String(q.URL()), MessageBody: aws.String(strings.Repeat("b", 256<<10+1))}, "InvalidParameterValue"},
		"an empty message":       {api.SendMessageInput{QueueUrl: aws.String(q.URL()), MessageBody: aws.String("")}, "InvalidParameterValue"},
		"a parameter not known":  {api.SendMessageInput{QueueUrl: aws.String(q.URL()), MessageBody: aws.String("b"), DelaySeconds: 1}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.SendMessage(t.Context(), &tt.input)
			if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

func TestTheFunctionGetsLambdasEvent(t *testing.T) {
	server, client := start(t)
	q := server.CreateQueue("spool", sqs.Config{})
	send(t, client, q, "one")
	err := q.Drain(t.Context(), 10, func(_ context.Context, payload []byte) ([]byte, error) {
		var event events.SQSEvent
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, err
		}
		record := event.Records[0]
		for _, name := range []string{"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} {
			if record.Attributes[name] == "" {
				t.Errorf("attribute %s is missing", name)
			}
			delete(record.Attributes, name)
		}
		if record.MessageId == "" || record.ReceiptHandle == "" {
			t.Error("it has no id or receipt handle")
		}
		record.MessageId, record.ReceiptHandle = "", ""
		want := events.SQSMessage{
			Body: "one", Md5OfBody: "f97c5d29941bfb1b2fdab0874906ab82",
			Attributes:        map[string]string{"ApproximateReceiveCount": "1"},
			MessageAttributes: map[string]events.SQSMessageAttribute{},
			EventSource:       "aws:sqs", EventSourceARN: q.ARN(), AWSRegion: "us-east-1",
		}
		if diff := cmp.Diff(want, record); diff != "" {
			t.Error(diff)
		}
		return []byte("null"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatTheAnswerMeans(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string // of the first call; ID stands for the second message's
		err    error
		again  []string // what the second call brings
	}{
		"null":                        {answer: `null`},
		"an empty object":             {answer: `{}`},
		"no list":                     {answer: `{"batchItemFailures":null}`},
		"an empty list":               {answer: `{"batchItemFailures":[]}`},
		"one message failed":          {answer: `{"batchItemFailures":[{"itemIdentifier":"ID"}]}`, again: []string{"two"}},
		"a function error":            {err: errors.New("unhandled"), again: []string{"one", "two", "three"}},
		"not JSON":                    {answer: `{`, again: []string{"one", "two", "three"}},
		"an id that is not theirs":    {answer: `{"batchItemFailures":[{"itemIdentifier":"other"}]}`, again: []string{"one", "two", "three"}},
		"an identifier without value": {answer: `{"batchItemFailures":[{"itemIdentifier":null}]}`, again: []string{"one", "two", "three"}},
		"a misspelt identifier":       {answer: `{"batchItemFailures":[{"messageId":"ID"}]}`, again: []string{"one", "two", "three"}},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := start(t)
			q := server.CreateQueue("spool", sqs.Config{})
			send(t, client, q, "one", "two", "three")
			var calls [][]string
			err := q.Drain(t.Context(), 10, func(_ context.Context, payload []byte) ([]byte, error) {
				var event events.SQSEvent
				if err := json.Unmarshal(payload, &event); err != nil {
					return nil, err
				}
				var got []string
				for _, record := range event.Records {
					got = append(got, record.Body)
				}
				calls = append(calls, got)
				if len(calls) > 1 {
					return []byte("{}"), nil
				}
				return []byte(strings.ReplaceAll(tt.answer, "ID", event.Records[1].MessageId)), tt.err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := [][]string{{"one", "two", "three"}}
			if tt.again != nil {
				want = append(want, tt.again)
			}
			if diff := cmp.Diff(want, calls); diff != "" {
				t.Error(diff)
			}
			if left := bodies(q); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestAMessageThatAlwaysFailsGoesToTheDeadLetterQueue(t *testing.T) {
	server, client := start(t)
	dead := server.CreateQueue("dead", sqs.Config{})
	q := server.CreateQueue("spool", sqs.Config{DeadLetter: dead, MaxReceives: 3})
	send(t, client, q, "one", "poison", "two")
	calls := 0
	err := q.Drain(t.Context(), 1, func(_ context.Context, payload []byte) ([]byte, error) {
		if strings.Contains(string(payload), "poison") {
			calls++
			return nil, errors.New("unhandled")
		}
		return []byte("{}"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls != 3 {
		t.Errorf("tried %d times, want 3", calls)
	}
	if diff := cmp.Diff([]string{"poison"}, bodies(dead)); diff != "" {
		t.Error(diff)
	}
}

func TestDrainEndsWithItsContextAndSaysWhy(t *testing.T) {
	server, client := start(t)
	q := server.CreateQueue("spool", sqs.Config{})
	send(t, client, q, "one")
	ctx, cancel := context.WithCancel(t.Context())
	unhandled := errors.New("unhandled")
	err := q.Drain(ctx, 1, func(context.Context, []byte) ([]byte, error) {
		cancel()
		return nil, unhandled
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, unhandled) {
		t.Errorf("got %v", err)
	}
}

func TestPollDeliversWhatArrivesAndAgainWhatFailed(t *testing.T) {
	server, client := start(t)
	q := server.CreateQueue("spool", sqs.Config{VisibilityTimeout: 20 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	handled := make(chan int)
	go func() {
		calls := 0
		q.Poll(ctx, sqs.Mapping{BatchSize: 10, MaximumConcurrency: 1}, func(context.Context, []byte) ([]byte, error) {
			if calls++; calls == 1 {
				return nil, errors.New("not yet")
			}
			handled <- calls
			return []byte("{}"), nil
		})
		close(handled)
	}()
	send(t, client, q, "one")
	if calls := <-handled; calls != 2 {
		t.Errorf("handled after %d calls, want 2", calls)
	}
	cancel()
	for range handled {
	}
}
