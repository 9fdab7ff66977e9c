package migration_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

func confirmed() Event {
	return NewConfirmation(
		Origin{ID: "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", At: time.Date(2026, 7, 14, 12, 0, 0, 123456e3, time.UTC), RequestID: "r", FunctionVersion: "v1"},
		"0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10",
	)
}

func blockedAttempt() Event {
	return NewAttempt(
		Origin{ID: "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", At: time.Date(2026, 7, 14, 12, 0, 0, 123456e3, time.UTC), RequestID: "r", FunctionVersion: "v1"},
		SignIn, Account{Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", Factors: []string{"SMS_MFA"}},
		Decision{Outcome: Rejected, Reason: ChallengeRequired, Challenge: "SMS_MFA"},
	)
}

// What is made here can be spooled, and replayed.
func TestEventsAreValid(t *testing.T) {
	for name, e := range map[string]Event{"an attempt": blockedAttempt(), "a confirmation": confirmed()} {
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Event){
		"another schema":                    func(e *Event) { e.Schema = 2 },
		"no sub":                            func(e *Event) { e.Sub = "" },
		"no id":                             func(e *Event) { e.ID = "" },
		"an id that is none":                func(e *Event) { e.ID = strings.Repeat("!", 26) },
		"an id beyond the last":             func(e *Event) { e.ID = "8" + e.ID[1:] },
		"no time":                           func(e *Event) { e.At = time.Time{} },
		"another type":                      func(e *Event) { e.Kind = "rumour" },
		"an unknown trigger":                func(e *Event) { e.Trigger = "PreSignUp" },
		"an unknown outcome":                func(e *Event) { e.Outcome = "vanished" },
		"a reason of another outcome":       func(e *Event) { e.Reason = Throttled },
		"an unknown reason":                 func(e *Event) { e.Reason = "mood" },
		"no reason for a rejection":         func(e *Event) { e.Reason = "" },
		"a reason although it was migrated": func(e *Event) { e.Outcome = Migrated },
		"a confirmation with an outcome":    func(e *Event) { *e = confirmed(); e.Outcome = Migrated },
		"a confirmation with a trigger":     func(e *Event) { *e = confirmed(); e.Trigger = SignIn },
	} {
		e := blockedAttempt()
		change(&e)
		if err := e.Validate(); err == nil {
			t.Errorf("%s: accepted %+v", name, e)
		}
	}
}
