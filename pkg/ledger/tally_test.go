package ledger_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// What a day came to is what its users did, in any order of any events: a user comes once, by being handed over or blocked for the first
// time. Users who were confirmed without a handover, or before it was recorded, may make it too many, never too few.
func TestDayCountsWhoCame(t *testing.T) {
	t.Parallel()
	kinds := []migration.Event{
		{Kind: migration.Attempt, Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.WrongPassword},
		{Kind: migration.Attempt, Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.Disabled},
		{Kind: migration.Attempt, Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.ChallengeRequired, Challenge: "SMS_MFA"},
		{Kind: migration.Attempt, Trigger: migration.ForgotPassword, Outcome: migration.Migrated},
		{Kind: migration.Confirmation},
	}
	rapid.Check(t, func(t *rapid.T) {
		records := map[int]migration.Record{}
		came, moved := map[int]bool{}, map[int]bool{}
		at := time.Date(2026, 7, 14, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 3).Draw(t, "days") {
			at = at.Add(24 * time.Hour)
			counters := migration.Counters{}
			before := len(came)
			blockedBefore := blocked(records)
			var first, direct int
			for range rapid.IntRange(0, 20).Draw(t, "events") {
				user := rapid.IntRange(0, 4).Draw(t, "user")
				e := rapid.SampledFrom(kinds).Draw(t, "event")
				e.At = at
				was := records[user]
				is := was.Apply(e)
				counters.Add(migration.Count(was, e, is))
				records[user] = is
				if e.Outcome == migration.Migrated && was.Status == migration.StatusConfirmed && !moved[user] {
					if came[user] {
						direct++
					}
					came[user], moved[user] = true, true
				}
				switch {
				case is.Status == migration.StatusMigrated && was.Status != is.Status:
					first, came[user], moved[user] = first+1, true, true
				case is.Status == migration.StatusBlocked:
					came[user] = true
				case is.Status == migration.StatusConfirmed && was.Status != is.Status && !moved[user]:
					direct++
				}
			}
			got := ledger.DayTally(ledger.Day(at), counters, at).Days[ledger.Day(at)]
			if got.FirstHandovers != first || got.Blocked-got.Released != blocked(records)-blockedBefore {
				t.Fatalf("%+v: %d were handed over first, and %d more are blocked", got, first, blocked(records)-blockedBefore)
			}
			if more := len(came) - before; got.Came < more || direct == 0 && got.Came != more {
				t.Fatalf("%+v: %d came", got, more)
			}
		}
	})
}

func blocked(records map[int]migration.Record) int {
	n := 0
	for _, r := range records {
		if r.Status == migration.StatusBlocked {
			n++
		}
	}
	return n
}
