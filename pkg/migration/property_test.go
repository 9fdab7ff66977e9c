package migration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	. "github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

var start = time.Date(2026, 3, 28, 23, 59, 59, 0, time.UTC)

func drawPolicy(t *rapid.T) Policy {
	return Policy{
		AssumeVerified: rapid.SampledFrom([][]Address{nil, {Email}, {PhoneNumber}, {Email, PhoneNumber}}).Draw(t, "assume"),
		ForgotPassword: rapid.SampledFrom([]ResetRule{ResetMigrates, ResetRefusesMFA, ResetRefused}).Draw(t, "forgot"),
		Remigrate:      rapid.SampledFrom([]RemigrateRule{RemigrateRefused, RemigrateAllowed}).Draw(t, "remigrate"),
	}
}

func drawWindows(t *rapid.T) Windows {
	return Windows{
		RetryWindow:  20 * time.Second,
		RepeatWindow: time.Duration(rapid.IntRange(0, 7200).Draw(t, "repeat")) * time.Second,
	}
}

func drawReason(t *rapid.T, label string) Reason {
	return rapid.SampledFrom(append(Reasons(), "", "surprise")).Draw(t, label)
}

func drawAnswer(t *rapid.T) Answer {
	a := Answer{AccountReason: drawReason(t, "account reason")}
	if rapid.Bool().Draw(t, "account") {
		a.Account = account(func(a *Account) {
			a.Enabled = rapid.Bool().Draw(t, "enabled")
			a.Status = rapid.SampledFrom([]string{
				"CONFIRMED", "RESET_REQUIRED", "FORCE_CHANGE_PASSWORD", "UNCONFIRMED", "EXTERNAL_PROVIDER", "ARCHIVED",
				"COMPROMISED", "UNKNOWN", "", "NEW",
			}).Draw(t, "status")
			a.Factors = rapid.SliceOfN(rapid.SampledFrom([]string{"SMS_MFA", "EMAIL_OTP"}), 0, 2).Draw(t, "factors")
			a.Attributes = rapid.MapOfN(
				rapid.SampledFrom([]string{"sub", "email", "email_verified", "phone_number", "phone_number_verified", "identities", "custom:x"}),
				rapid.SampledFrom([]string{"", "true", "false", "x"}), 0, 7).Draw(t, "attributes")
			a.Username = rapid.SampledFrom([]string{username, sub, "a@b", "+1"}).Draw(t, "username")
		})
	}
	a.Authentication = Authentication{
		Accepted:  rapid.Bool().Draw(t, "accepted"),
		Challenge: rapid.SampledFrom([]string{"", "SMS_MFA", "NEW_PASSWORD_REQUIRED", "CUSTOM_CHALLENGE", "NEW"}).Draw(t, "challenge"),
		Reason:    drawReason(t, "reason"),
	}
	return a
}

func TestEveryCombinationHasADefinedOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, a := drawPolicy(t), drawAnswer(t)
		trigger := rapid.SampledFrom(append(slices.Clone(Triggers), "", "UserMigration_New")).Draw(t, "trigger")
		record := Record{Status: rapid.SampledFrom(append(slices.Clone(Statuses), "")).Draw(t, "status")}
		d := p.Decide(trigger, rapid.SampledFrom([]string{username, "ADA", "a@b"}).Draw(t, "typed"), a, record)
		switch {
		case d.Outcome == Migrated:
			if d.Reason != "" || d.Challenge != "" || d.OfferReset || d.Attributes == nil {
				t.Fatalf("migrated with more or less than attributes: %+v", d)
			}
			if a.Account == nil || !a.Account.Enabled {
				t.Fatal("migrated without an account, or with a disabled one")
			}
			if trigger == SignIn && (!a.Authentication.Accepted || a.Authentication.Challenge != "" || a.Authentication.Reason != "") {
				t.Fatal("migrated without the old pool's yes to the password")
			}
			if record.Status == StatusConfirmed && p.Remigrate == RemigrateRefused {
				t.Fatal("migrated although confirmed before")
			}
			for _, own := range []string{"sub", "identities"} {
				if _, ok := d.Attributes[own]; ok {
					t.Fatalf("hands %s over", own)
				}
			}
		case d.Reason.Outcome() != d.Outcome:
			t.Fatalf("the reason does not belong to the outcome: %+v", d)
		case d.Attributes != nil:
			t.Fatalf("attributes without migration: %+v", d)
		case (d.Challenge != "") && d.Reason != ChallengeRequired, d.OfferReset && d.Reason != ChallengeRequired:
			t.Fatalf("a challenge with another reason: %+v", d)
		}
	})
}

// drawEvents draws a stream's events, not in the order of their times: the spool delivers late, and clocks differ.
func drawEvents(t *rapid.T) []Event {
	type kind struct {
		kind      Kind
		outcome   Outcome
		reason    Reason
		challenge string
	}
	kinds := []kind{{kind: Confirmation}, {Attempt, Migrated, "", ""}, {Attempt, Rejected, ChallengeRequired, "SMS_MFA"}}
	for _, r := range Reasons() {
		kinds = append(kinds, kind{Attempt, r.Outcome(), r, ""})
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
		k := rapid.SampledFrom(kinds).Draw(t, "kind")
		e := Event{
			Sub: sub, Kind: k.kind, Outcome: k.outcome, Reason: k.reason, Challenge: k.challenge,
			ID: fmt.Sprint(rapid.Uint64().Draw(t, "id")),
			At: start.Add(time.Duration(rapid.IntRange(-4000, 4000).Draw(t, "at")) * time.Second),
		}
		if e.Kind == Attempt {
			e.Trigger = rapid.SampledFrom(Triggers).Draw(t, "trigger")
		}
		return e
	}), 1, 30).Draw(t, "events")
}

func TestStatusNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Record
		for i, e := range drawEvents(t) {
			next := r.Apply(e)
			if slices.Index(Statuses, next.Status) < slices.Index(Statuses, r.Status) {
				t.Fatalf("event %d: %s fell to %s", i, r.Status, next.Status)
			}
			if (next.Reason != "") != (next.Status == StatusBlocked) {
				t.Fatalf("event %d: reason %q while %s", i, next.Reason, next.Status)
			}
			if next.Version != i+1 || next.FirstAt.After(next.LastAt) || next.Since.Before(next.FirstAt) || next.Since.After(next.LastAt) {
				t.Fatalf("event %d: %+v", i, next)
			}
			r = next
		}
	})
}

// Handing a user over again is reoffering; a confirmation without any handover, as of a user who was imported, is not one.
func TestReofferedAreTheHandoversAfterTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		handovers := 0
		for _, e := range events {
			if e.Outcome == Migrated {
				handovers++
			}
		}
		if got := Fold(events).Reoffered; got != max(handovers-1, 0) {
			t.Fatalf("%d reoffered in %d handovers", got, handovers)
		}
	})
}

func TestWhatMayBeASub(t *testing.T) {
	for text, want := range map[string]bool{
		"f4d8c458-5041-70a1-8333-000000000001": true, "user/1": true, "": false, "ada@example.com": false, "+491511": false,
		"Ada Lovelace": false, "\x00": false, "名前": false, strings.Repeat("a", 129): false, "journal": false,
	} {
		if got := LikeSub(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// Whatever standing a user enters, the counters sum up to where the users are now.
func TestCountersFollowTheRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Record
		sum := Counters{}
		events := drawEvents(t)
		for _, e := range events {
			next := r.Apply(e)
			sum.Add(Count(r, e, next))
			r = next
		}
		attempts := 0
		for key, n := range sum {
			switch key[0] {
			case '+':
				want := 0
				if key[1:] == r.Standing() {
					want = 1
				}
				if n-sum["-"+key[1:]] != want {
					t.Fatalf("%s %d, left %d, and the user is %s", key, n, sum["-"+key[1:]], r.Standing())
				}
			case '-':
			default:
				if key != Reoffers {
					attempts += n
				}
			}
		}
		if attempts != len(events) || sum[Reoffers] != r.Reoffered {
			t.Fatalf("%d events counted as %d; %d reoffered counted as %d", len(events), attempts, r.Reoffered, sum[Reoffers])
		}
	})
}

// admit is what a ledger does with one user's events.
func admit(w Windows, events []Event) []Event {
	var stream []Event
	for _, e := range events {
		if !w.Repeats(Fold(stream), e) {
			stream = append(stream, e)
		}
	}
	return stream
}

func TestRepeatsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, events := drawWindows(t), drawEvents(t)
		var twice []Event
		for _, e := range events {
			twice = append(twice, e, e)
		}
		if diff := cmp.Diff(admit(w, events), admit(w, twice)); diff != "" {
			t.Fatalf("stream (-once +twice):\n%s", diff)
		}
	})
}

// An attempt's retries may arrive at any time among other attempts: as long as they are inside the window, the record is the
// one that it would be without them.
func TestRetriesFoldToTheSameRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := windows
		events := drawEvents(t)
		for i := range events { // a live trigger: in order, minutes apart
			events[i].At = start.Add(time.Duration(i) * time.Minute)
		}
		want := Fold(admit(w, events))

		var retried []Event
		for _, e := range events {
			retried = append(retried, e)
			for range rapid.IntRange(0, 2).Draw(t, "retries") {
				again := e
				again.ID += "'"
				again.At = e.At.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "later")) * time.Second)
				retried = append(retried, again)
			}
		}
		// Retries of different attempts overtake one another, but none its own attempt.
		for i := 2; i < len(retried); i++ {
			if retried[i].ID[len(retried[i].ID)-1] == '\'' && rapid.Bool().Draw(t, "late") && i+1 < len(retried) &&
				retried[i+1].Key() != retried[i].Key() {
				retried[i], retried[i+1] = retried[i+1], retried[i]
			}
		}
		if diff := cmp.Diff(want, Fold(admit(w, retried))); diff != "" {
			t.Fatalf("record (-without retries +with):\n%s", diff)
		}
	})
}

// Both edges of both windows, in both directions of time.
func TestRepeatWindows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		event  Event
		window time.Duration
	}{
		{"migrated", Event{Kind: Attempt, Trigger: SignIn, Outcome: Migrated}, windows.RetryWindow},
		{"rejected", Event{Kind: Attempt, Trigger: SignIn, Outcome: Rejected, Reason: WrongPassword}, windows.RepeatWindow},
		{"failed", Event{Kind: Attempt, Trigger: SignIn, Outcome: Failed, Reason: Timeout}, windows.RepeatWindow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first := tt.event
			first.At = start
			r := Fold([]Event{first})
			for away, want := range map[time.Duration]bool{
				0: true, tt.window: true, tt.window + time.Millisecond: false,
				-tt.window: true, -tt.window - time.Millisecond: false,
			} {
				again := tt.event
				again.At = start.Add(away)
				if got := windows.Repeats(r, again); got != want {
					t.Errorf("%s away: repeat %t, want %t", away, got, want)
				}
				again.Trigger = ForgotPassword
				if windows.Repeats(r, again) {
					t.Errorf("%s away, by another trigger: a repeat", away)
				}
			}
		})
	}
}

// What blocks a user now is known, even if it had blocked the user before, a moment ago.
func TestBlocksThatComeAndGo(t *testing.T) {
	block := func(minutes int, r Reason, challenge string) Event {
		return Event{
			Sub: sub, Kind: Attempt, Trigger: SignIn, Outcome: Rejected, Reason: r, Challenge: challenge,
			At: start.Add(time.Duration(minutes) * time.Minute),
		}
	}
	stream := admit(windows, []Event{
		block(0, ChallengeRequired, "SMS_MFA"), block(10, Disabled, ""), block(11, Disabled, ""), block(20, ChallengeRequired, "SMS_MFA"),
	})
	if r := Fold(stream); len(stream) != 3 || r.Standing() != "blocked.challenge.SMS_MFA" || !r.Since.Equal(start.Add(20*time.Minute)) {
		t.Errorf("%d events, %+v", len(stream), r)
	}
	// An older block that comes late out of the spool does not hide the newer one.
	if r := Fold(append(stream, block(15, Unconfirmed, ""))); r.Standing() != "blocked.challenge.SMS_MFA" {
		t.Errorf("%+v", r)
	}
}

// A user who was handed over and asked for again did not arrive, or was deleted.
func TestReoffered(t *testing.T) {
	migrated := Event{Sub: sub, Kind: Attempt, Trigger: SignIn, Outcome: Migrated, At: start}
	later := migrated
	later.At = start.Add(time.Hour)
	if r := Fold(admit(windows, []Event{migrated, later})); r.Reoffered != 1 || r.Status != StatusMigrated {
		t.Errorf("%+v", r)
	}
}
