// Package sqs is a standard queue of Amazon SQS in memory, and the poller with which AWS Lambda feeds a function from one.
//
// It knows the few operations and parameters that a spool needs, and refuses others instead of ignoring them. Unlike SQS it
// delivers in order, counts exactly, and never delivers twice of its own accord.
package sqs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	region  = "us-east-1"
	account = "123456789012"

	// maxBody is the longest message, in bytes: AWS allows up to 1 MiB where a queue's MaximumMessageSize says so, this is
	// what every queue takes.
	maxBody = 256 << 10
)

// Server is the SQS service of one account in one Region.
type Server struct {
	http     http.Server
	endpoint string

	mu     sync.Mutex // guards the queues' messages too
	queues map[string]*Queue
}

// Start starts the service on a free port of the loopback interface.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the SQS service: %w", err)
	}
	s := &Server{endpoint: "http://" + l.Addr().String(), queues: map[string]*Queue{}}
	s.http.Handler = http.HandlerFunc(s.handle)
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Endpoint returns the URL that AWS clients are to use for SQS.
func (s *Server) Endpoint() string { return s.endpoint }

// Close ends the service. Its queues can still be inspected.
func (s *Server) Close() { _ = s.http.Close() }

// CreateQueue adds a queue, or replaces the one of that name by an empty one.
func (s *Server) CreateQueue(name string, config Config) *Queue {
	config.VisibilityTimeout = cmp.Or(config.VisibilityTimeout, 30*time.Second)
	q := &Queue{Config: config, server: s, name: name, arrived: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[name] = q
	return q
}

// apiError is an error in the form of AWS JSON 1.0; query is its code in the older protocol, which SDKs still report.
type apiError struct{ code, query, message string }

func (e *apiError) Error() string { return e.code + ": " + e.message }

func invalid(format string, args ...any) error {
	return &apiError{"com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue", fmt.Sprintf(format, args...)}
}

// request holds the parameters of every operation.
type request struct {
	QueueURL, QueueName, MessageBody, ReceiptHandle string

	MaxNumberOfMessages int
	VisibilityTimeout   *int // seconds
	AttributeNames      []string
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	answer, err := s.answer(r)
	if err != nil {
		e := &apiError{"com.amazonaws.sqs#InternalError", "InternalError", err.Error()}
		errors.As(err, &e)
		w.Header().Set("X-Amzn-Query-Error", e.query+";Sender")
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]string{"__type": e.code, "message": e.message}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) answer(r *http.Request) (any, error) {
	var in request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return nil, invalid("%v", err)
	}
	s.mu.Lock()
	q := s.queues[cmp.Or(in.QueueName, path.Base(in.QueueURL))]
	s.mu.Unlock()
	if q == nil {
		return nil, &apiError{
			"com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.",
		}
	}
	switch operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."); operation {
	case "GetQueueUrl":
		return map[string]string{"QueueUrl": q.URL()}, nil
	case "SendMessage":
		if len(in.MessageBody) == 0 {
			return nil, invalid("The request must contain the parameter MessageBody.")
		}
		if len(in.MessageBody) > maxBody {
			return nil, invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxBody)
		}
		m := q.Send(in.MessageBody)
		return map[string]string{"MessageId": m.ID, "MD5OfMessageBody": md5Of(m.Body)}, nil
	case "ReceiveMessage":
		visibility := q.VisibilityTimeout
		if in.VisibilityTimeout != nil {
			visibility = time.Duration(*in.VisibilityTimeout) * time.Second
		}
		messages := []map[string]string{}
		for _, m := range q.receive(cmp.Or(in.MaxNumberOfMessages, 1), visibility) {
			messages = append(messages, map[string]string{
				"MessageId": m.ID, "ReceiptHandle": m.receipt, "Body": m.Body, "MD5OfBody": md5Of(m.Body),
			})
		}
		return map[string]any{"Messages": messages}, nil
	case "DeleteMessage":
		q.remove(in.ReceiptHandle)
		return struct{}{}, nil
	case "GetQueueAttributes":
		attributes := q.attributes()
		if !slices.Contains(in.AttributeNames, "All") {
			for name := range attributes {
				if !slices.Contains(in.AttributeNames, name) {
					delete(attributes, name)
				}
			}
		}
		return map[string]any{"Attributes": attributes}, nil
	default:
		return nil, &apiError{"com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", operation + " is not known here."}
	}
}

func (q *Queue) attributes() map[string]string {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	visible := 0
	now := time.Now()
	for _, m := range q.messages {
		if !now.Before(m.visible) {
			visible++
		}
	}
	attributes := map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(len(q.messages) - visible),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"MaximumMessageSize":                    strconv.Itoa(maxBody),
		"QueueArn":                              q.ARN(),
		"VisibilityTimeout":                     strconv.Itoa(int(q.VisibilityTimeout.Seconds())),
	}
	if q.DeadLetter != nil {
		attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, q.DeadLetter.ARN(), q.MaxReceives)
	}
	return attributes
}
