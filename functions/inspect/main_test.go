package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// eventsOfPage is how many events without evidence an answer holds at most.
const eventsOfPage = answerSize / eventSize

// A stream of any length comes in pages that Lambda can answer with: each event once, in order.
func TestPageOf(t *testing.T) {
	for _, length := range []int{0, 1, eventsOfPage, eventsOfPage + 1, 2*eventsOfPage + 3} {
		stream := make([]migration.Event, length)
		for i := range stream {
			stream[i].Seq = i + 1
		}
		seq := 0
		for next, first := "", true; first || next != ""; first = false {
			page, after, err := pageOf(stream, next)
			if err != nil || len(page) > eventsOfPage || len(page) == 0 && length > 0 {
				t.Fatalf("%d events, page %q: %d events, %v", length, next, len(page), err)
			}
			for _, e := range page {
				if seq++; e.Seq != seq {
					t.Fatalf("%d events, page %q: event %d where %d belongs", length, next, e.Seq, seq)
				}
			}
			next = after
		}
		if seq != length {
			t.Errorf("%d events of %d", seq, length)
		}
	}
	for _, next := range []string{"x", "-1", "2"} {
		if _, _, err := pageOf(make([]migration.Event, 1), next); !errors.Is(err, dynamo.ErrCursor) {
			t.Errorf("page %q: %v, want %v", next, err, dynamo.ErrCursor)
		}
	}
}

// The largest page of the largest events, and of entries of the journal, fits into an answer of Lambda's, 6 MB.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
func TestAPageFitsIntoAnAnswer(t *testing.T) {
	long := strings.Repeat("x", 64)
	for name, evidence := range map[string]string{"events": "", "entries": strings.Repeat(`{"a":"bc"},`, 2000), "an entry alone": strings.Repeat("x", 2*answerSize)[:answerSize]} {
		stream := make([]migration.Event, 2*eventsOfPage)
		for i := range stream {
			stream[i] = migration.Event{
				ID: long[:26], Sub: long[:36], Seq: 999_999, Kind: migration.Attempt, Trigger: migration.ForgotPassword, Outcome: migration.Rejected,
				Reason: migration.RemovedAfterConfirmation, Challenge: "SELECT_MFA_TYPE", Factors: []string{"SOFTWARE_TOKEN_MFA", "SMS_MFA", "EMAIL_OTP"},
				RequestID: long[:36], FunctionVersion: "$LATEST", Prev: long, Hash: long, Evidence: evidence,
			}
		}
		page, _, err := pageOf(stream, "")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(page)
		if err != nil || len(text) > 6_000_000 || len(page) == 0 {
			t.Errorf("%s: %v, %d bytes", name, err, len(text))
		}
	}
}
