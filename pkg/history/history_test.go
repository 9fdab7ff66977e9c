package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

var noon = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

func event(change func(*migration.Event)) migration.Event {
	e := migration.Event{Sub: "a", Kind: migration.Attempt, Trigger: migration.SignIn, Outcome: migration.Migrated, At: noon}
	change(&e)
	return e
}

// Support gets a sentence for whatever can have happened.
func TestTell(t *testing.T) {
	confirmation := func(e *migration.Event) { e.Kind, e.Trigger, e.Outcome = migration.Confirmation, "", "" }
	rejected := func(r migration.Reason, challenge string) func(*migration.Event) {
		return func(e *migration.Event) { e.Outcome, e.Reason, e.Challenge = r.Outcome(), r, challenge }
	}
	for name, tt := range map[string]struct {
		stream  []migration.Event
		want    []string
		newPool string
	}{
		"never came":     {nil, []string{"Not seen", "usual password"}, ""},
		"migrated":       {[]migration.Event{event(func(*migration.Event) {})}, []string{"Migrated on 2026-07-14 12:00 UTC, and not confirmed", "same password"}, ""},
		"not there":      {[]migration.Event{event(func(*migration.Event) {})}, []string{"Migrated on 2026-07-14 12:00 UTC, and not confirmed: the new pool has nobody"}, "not_found"},
		"reset left":     {[]migration.Event{event(func(*migration.Event) {})}, []string{"asked for a new password and has not set it"}, "reset_required"},
		"ready":          {[]migration.Event{event(func(*migration.Event) {})}, []string{"can sign in there"}, history.Ready},
		"said elsewise":  {[]migration.Event{event(func(*migration.Event) {})}, []string{"look the user up in the new pool"}, "something new"},
		"wrong password": {[]migration.Event{event(rejected(migration.WrongPassword, ""))}, []string{"Not migrated yet", "password was wrong"}, ""},
		"disabled":       {[]migration.Event{event(rejected(migration.Disabled, ""))}, []string{"Blocked since", "disabled in the old pool"}, ""},
		"second factor":  {[]migration.Event{event(rejected(migration.ChallengeRequired, "SMS_MFA"))}, []string{"SMS_MFA", "forgot password", "FORGOT_PASSWORD"}, ""},
		"custom challenge": {
			[]migration.Event{event(rejected(migration.ChallengeRequired, "CUSTOM_CHALLENGE"))}, []string{"CUSTOM_CHALLENGE", "cannot meet"}, "",
		},
		"reoffered": {
			[]migration.Event{event(func(*migration.Event) {}), event(func(e *migration.Event) { e.At = noon.Add(time.Hour) })},
			[]string{"Migrated", "asked for this user again"},
			"",
		},
		"confirmed": {
			[]migration.Event{event(func(*migration.Event) {}), event(confirmation)}, []string{"Confirmed on 2026-07-14 12:00 UTC", "can sign in there. Nothing"}, "",
		},
		"imported": {[]migration.Event{event(confirmation)}, []string{"Confirmed on 2026-07-14 12:00 UTC", "can sign in there, and came without a sign-in"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := history.Tell("a", tt.stream, tt.newPool)
			for _, want := range tt.want {
				if !strings.Contains(h.Summary, want) {
					t.Errorf("%q does not say %q", h.Summary, want)
				}
			}
			if (h.Record == nil) != (tt.stream == nil) || len(h.Events) != len(tt.stream) {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestEveryReasonHasAdvice(t *testing.T) {
	for _, reason := range migration.Reasons() {
		if advice := history.Advice(reason, "SMS_MFA"); len(advice) < 30 {
			t.Errorf("%s: %q", reason, advice)
		}
	}
}
