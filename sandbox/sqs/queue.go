package sqs

import (
	"crypto/md5"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Config is a queue's configuration.
type Config struct {
	VisibilityTimeout time.Duration // how long a received message is hidden; zero stands for 30 seconds
	// DeadLetter is where a message goes that has been received MaxReceives times and is not deleted; nil for nowhere.
	DeadLetter  *Queue
	MaxReceives int
}

// Queue is a standard queue.
type Queue struct {
	Config
	server *Server
	name   string

	messages []*Message    // the oldest first
	arrived  chan struct{} // room for one: there is a new message
}

// Message is a message in a queue.
type Message struct {
	ID, Body string
	Sent     time.Time
	Receives int // how often it was received

	firstReceived time.Time
	receipt       string    // of the last time
	visible       time.Time // from when on it can be received
}

// URL returns the queue's URL, by which clients name it.
func (q *Queue) URL() string { return q.server.endpoint + "/" + account + "/" + q.name }

// ARN returns the queue's ARN.
func (q *Queue) ARN() string { return "arn:aws:sqs:" + region + ":" + account + ":" + q.name }

// Messages returns what is in the queue, visible or not, the oldest first.
func (q *Queue) Messages() []Message {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	all := make([]Message, len(q.messages))
	for i, m := range q.messages {
		all[i] = *m
	}
	return all
}

// Send puts a message into the queue.
func (q *Queue) Send(body string) Message {
	m := &Message{ID: uuid.NewString(), Body: body, Sent: time.Now()}
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	q.messages = append(q.messages, m)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
	return *m
}

// receive returns up to n visible messages and hides them for a while. Those that have been received often enough go to the
// dead-letter queue instead.
func (q *Queue) receive(n int, visibility time.Duration) []Message {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	now := time.Now()
	var received []Message
	q.messages = slices.DeleteFunc(q.messages, func(m *Message) bool {
		if len(received) == n || now.Before(m.visible) {
			return false
		}
		if q.DeadLetter != nil && m.Receives >= q.MaxReceives {
			q.DeadLetter.messages = append(q.DeadLetter.messages, m)
			return true
		}
		if m.Receives == 0 {
			m.firstReceived = now
		}
		m.Receives++
		m.receipt = uuid.NewString()
		m.visible = now.Add(visibility)
		received = append(received, *m)
		return false
	})
	return received
}

// waiting tells whether a message can be received.
func (q *Queue) waiting() bool {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	now := time.Now()
	return slices.ContainsFunc(q.messages, func(m *Message) bool { return !now.Before(m.visible) })
}

// remove deletes the message that was received with one of the receipts, unless it has been received again since.
func (q *Queue) remove(receipts ...string) {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(m *Message) bool {
		return m.receipt != "" && slices.Contains(receipts, m.receipt)
	})
}

// reveal makes every message visible, and returns whether there is any.
func (q *Queue) reveal() bool {
	q.server.mu.Lock()
	defer q.server.mu.Unlock()
	for _, m := range q.messages {
		m.visible = time.Time{}
	}
	return len(q.messages) > 0
}

func md5Of(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}
