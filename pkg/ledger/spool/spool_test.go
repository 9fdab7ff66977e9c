package spool_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

func event() migration.Event {
	return migration.Event{
		Schema: migration.Schema, Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", ID: "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", Kind: migration.Attempt,
		At: time.Date(2026, 7, 14, 12, 0, 0, 123e6, time.UTC), Trigger: migration.SignIn, Outcome: migration.Rejected,
		Reason: migration.ChallengeRequired, Challenge: "SMS_MFA", Factors: []string{"SMS_MFA"}, RequestID: "r", FunctionVersion: "$LATEST",
	}
}

func body(t testing.TB, e migration.Event) string {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParse(t *testing.T) {
	got, err := spool.Parse(body(t, event()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(event(), got); diff != "" {
		t.Errorf("event (-sent +got):\n%s", diff)
	}
}

// Whatever is in the queue, it is refused or an event that the ledger can take.
func FuzzParse(f *testing.F) {
	f.Add(body(f, event()))
	f.Add("")
	f.Add("null")
	f.Add(`{"schema":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := spool.Parse(text)
		if err == nil && (e.Validate() != nil) {
			t.Errorf("accepted: %+v", e)
		}
	})
}
