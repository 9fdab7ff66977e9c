package ledger_test

import (
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// The hash of an event is what anyone computes who follows docs/record-format.md. It was computed outside this code, by
//
//	printf '%s' '{"at":"2026-07-14T12:00:00.123Z","challenge":"SMS_MFA","factors":["SMS_MFA"],"function_version":"$LATEST",…}' | sha256sum
//
// and never changes: events that are written can't be mended.
func TestHashIsPinned(t *testing.T) {
	e := migration.Event{
		Schema: 1, Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", Seq: 2, ID: "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", Kind: migration.Attempt,
		At: time.Date(2026, 7, 14, 12, 0, 0, 123e6, time.UTC), RecordedAt: time.Date(2026, 7, 14, 12, 0, 1, 0, time.UTC),
		Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.ChallengeRequired, Challenge: "SMS_MFA",
		Factors: []string{"SMS_MFA"}, RequestID: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", FunctionVersion: "$LATEST",
		Prev: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Hash: "not part of it",
	}
	got, err := ledger.Hash(e)
	if err != nil {
		t.Fatal(err)
	}
	if want := "41bad287e79a19e0caa3c2895eb8cca5f6a6feace2fa626cdad3c796c1f20665"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}
