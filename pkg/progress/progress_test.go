package progress_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

var start = time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC)

// Whatever happened to whichever users, the figures that are added up from the tallies are those that counting the users and the
// events gives.
func TestFiguresAreTheCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reasons := append(migration.Reasons(), "")
		days := map[string]migration.Counters{}
		var users progress.Users
		var attempts progress.Attempts
		byReason, blocked := map[string]int{}, map[string]int{}
		reoffered := 0
		for user := range rapid.IntRange(1, 8).Draw(t, "users") {
			var record migration.Record
			for range rapid.IntRange(1, 8).Draw(t, "events") {
				reason := rapid.SampledFrom(reasons).Draw(t, "reason")
				e := migration.Event{
					Sub: fmt.Sprint(user), Kind: migration.Attempt, Trigger: rapid.SampledFrom(migration.Triggers).Draw(t, "trigger"),
					Outcome: migration.Migrated, Reason: reason, At: start.AddDate(0, 0, rapid.IntRange(0, 4).Draw(t, "day")),
				}
				if reason != "" {
					e.Outcome = reason.Outcome()
					byReason[string(reason)]++
				}
				switch e.Outcome {
				case migration.Migrated:
					attempts.Migrated++
				case migration.Rejected:
					attempts.Rejected++
				case migration.Failed:
					attempts.Failed++
				}
				next := record.Apply(e)
				day := ledger.Day(e.At)
				if days[day] == nil {
					days[day] = migration.Counters{}
				}
				days[day].Add(migration.Count(record, e, next))
				record = next
			}
			reoffered += record.Reoffered
			switch record.Status {
			case migration.StatusAttempted:
				users.Attempted++
			case migration.StatusBlocked:
				users.Blocked++
				blocked[string(record.Reason)]++
			case migration.StatusMigrated:
				users.Migrated++
			}
		}
		var tallies []ledger.Tally
		for day, counters := range days {
			tallies = append(tallies, ledger.DayTally(day, counters, start))
		}
		slices.SortFunc(tallies, func(a, b ledger.Tally) int {
			if a.Period < b.Period {
				return -1
			}
			return 1
		})
		p := progress.From(tallies, start)
		if p.Users != users || p.Attempts != attempts || p.Reoffered != reoffered || p.Unconfirmed.Users != users.Migrated {
			t.Fatalf("%+v, want users %+v, attempts %+v, %d reoffered", p, users, attempts, reoffered)
		}
		var fromTriggers, fromDays progress.Attempts
		for _, a := range p.Triggers {
			fromTriggers.Migrated, fromTriggers.Rejected, fromTriggers.Failed = fromTriggers.Migrated+a.Migrated, fromTriggers.Rejected+a.Rejected, fromTriggers.Failed+a.Failed
		}
		handedOver := 0
		for _, d := range p.Days {
			fromDays.Migrated, fromDays.Rejected, fromDays.Failed = fromDays.Migrated+d.Migrated, fromDays.Rejected+d.Rejected, fromDays.Failed+d.Failed
			handedOver += d.FirstHandovers
		}
		if fromTriggers != attempts || fromDays != attempts || handedOver != users.Migrated {
			t.Fatalf("by trigger %+v, by day %+v, %d handed over; want %+v and %d", fromTriggers, fromDays, handedOver, attempts, users.Migrated)
		}
		for reason, n := range byReason {
			if p.Reasons[reason] != n {
				t.Fatalf("%s: %d, want %d", reason, p.Reasons[reason], n)
			}
		}
		for _, b := range p.Blocked {
			if blocked[string(b.Reason)] != b.Users {
				t.Fatalf("blocked by %s: %d, want %d", b.Reason, b.Users, blocked[string(b.Reason)])
			}
			delete(blocked, string(b.Reason))
		}
		if len(blocked) != 0 {
			t.Fatalf("missing: %v", blocked)
		}
	})
}

func BenchmarkTwoYears(b *testing.B) {
	var tallies []ledger.Tally
	for i := range 730 {
		counters := migration.Counters{"+migrated": 1400, "Authentication.migrated": 1400}
		for _, r := range migration.Reasons() {
			counters["Authentication."+string(r.Outcome())+"."+string(r)] = 10
			counters["+blocked."+string(r)] = 1
		}
		tallies = append(tallies, ledger.DayTally(ledger.Day(start.AddDate(0, 0, i)), counters, start))
	}
	for b.Loop() {
		progress.From(tallies, start)
	}
}
