package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/replay"
)

// ledgerFunc is a ledger that answers each replay.
type ledgerFunc func(migration.Event) error

func (f ledgerFunc) Replay(_ context.Context, e migration.Event) (ledger.Appended, error) {
	return ledger.Appended{Event: e}, f(e)
}

var now = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

// batchOf is a batch of the events of so many users, which have been in the queue for 20 minutes.
func batchOf(t *testing.T, subs ...string) events.SQSEvent {
	t.Helper()
	var batch events.SQSEvent
	for _, sub := range subs {
		e := migration.NewAttempt(migration.Origin{ID: "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", At: now}, migration.SignIn,
			migration.Account{Sub: sub}, migration.Decision{Outcome: migration.Migrated})
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: sub, Body: string(body), Attributes: map[string]string{"SentTimestamp": "1784029200000"},
		})
	}
	return batch
}

// One message that can't be replayed holds up no other; a ledger that is out of reach ends the batch, and nothing waits for it twice.
func TestWhatGoesBack(t *testing.T) {
	outage := &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "TransactWriteItems", Err: context.DeadlineExceeded}
	for name, tt := range map[string]struct {
		fail  error
		back  []string
		tried int
	}{
		"all is well":                     {nil, nil, 4},
		"one record is behind its stream": {ledger.ErrBehind, []string{"b"}, 4},
		"one record can't be read":        {errors.New("unreadable"), []string{"b"}, 4},
		"the ledger is out of reach":      {outage, []string{"b", "c", "d"}, 2},
		"the time is over":                {context.DeadlineExceeded, []string{"b", "c", "d"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			tried := 0
			l := ledgerFunc(func(e migration.Event) error {
				tried++
				if e.Sub == "b" {
					return tt.fail
				}
				return nil
			})
			var log bytes.Buffer
			h := replay.New(replay.Config{Namespace: "Test"}, l, slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return now })
			response, err := h.Handle(t.Context(), batchOf(t, "a", "b", "c", "d"))
			if err != nil {
				t.Fatal(err)
			}
			var back []string
			for _, f := range response.BatchItemFailures {
				back = append(back, f.ItemIdentifier)
			}
			if diff := cmp.Diff(tt.back, back); diff != "" || tried != tt.tried {
				t.Errorf("%d tried, want %d; given back (-want +got):\n%s", tried, tt.tried, diff)
			}
			if got := strings.Count(log.String(), `"ReplayFailed":1`); got != len(tt.back) {
				t.Errorf("%d messages are reported as given back, want %d", got, len(tt.back))
			}
			if got := strings.Count(log.String(), `"SpooledFor":1200`); got != len(tt.back) {
				t.Errorf("%d messages say how long they waited, want %d: %s", got, len(tt.back), log.String())
			}
		})
	}
}
