package report_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
)

// example is a migration up to now, to be reported on by the collector, as the function does.
type example struct {
	days    int               // with events, the last of them yesterday
	moved   func(day int) int // users who moved on each day
	blocked int               // users who became blocked on the first day, in three ways
	users   int               // of the old pool; 0 without a census
	declare []string          // as the function's environment has it

	verification ledger.Verification
	spooled      [2]int // events in the spool, and given up
	lost         bool   // READY was given yesterday
	failures     int    // today
	deadProbe    bool
}

// now is when the examples are reported on.
var (
	now   = time.Date(2026, 7, 14, 17, 30, 0, 0, time.UTC)
	today = now.Truncate(24 * time.Hour)
)

// The source of an example.
func (e example) Tallies(context.Context) ([]ledger.Tally, error) {
	var tallies []ledger.Tally
	moved := 0
	for d := range e.days {
		day := today.AddDate(0, 0, d-e.days)
		n := e.moved(d)
		confirmed := (moved+n)*9/10 - moved*9/10
		moved += n
		counters := migration.Counters{
			"+migrated": n, "Authentication.migrated": n, "Authentication.rejected.wrong_password": n / 3, "Authentication.failed.timeout": n / 50,
			"-migrated": confirmed, "+confirmed": confirmed,
		}
		if d == 0 {
			counters["+blocked.disabled"] = e.blocked - e.blocked/2
			counters["+blocked.challenge.SOFTWARE_TOKEN_MFA"] = e.blocked / 2
			counters["+attempted"] = e.blocked
		}
		tallies = append(tallies, ledger.DayTally(ledger.Day(day), counters, day.Add(20*time.Hour)))
	}
	if e.failures > 0 {
		tallies = append(tallies, ledger.DayTally(ledger.Day(today), migration.Counters{"Authentication.failed.timeout": e.failures}, now.Add(-time.Hour)))
	}
	return tallies, nil
}

func (e example) Oldest(context.Context, string) (time.Time, error) {
	return today.AddDate(0, 0, -max(e.days, 1)).Add(9 * time.Hour), nil
}

func (e example) Verification(context.Context) (ledger.Verification, error) {
	return e.verification, nil
}

// inAll is how many users moved in all.
func (e example) inAll() int {
	sum := 0
	for d := range e.days {
		sum += e.moved(d)
	}
	return sum
}

func (e example) LastCensus(_ context.Context, result any) (bool, error) {
	moved := e.inAll()
	confirmed := moved * 9 / 10
	unfinished := moved - confirmed
	at := now.Add(-5 * time.Hour)
	text, err := json.Marshal(census.Result{
		StartedAt: at, FinishedAt: at.Add(20 * time.Minute), Complete: true,
		Old: census.OldPool{
			Counted: census.Counted{Users: e.users, Estimated: e.users}, Remaining: e.users - moved,
			Statuses: map[string]int{
				"confirmed": confirmed, "migrated": unfinished, "blocked": e.blocked, "attempted": e.blocked,
				census.NeverCame: e.users - moved - 2*e.blocked,
			},
		},
		New: census.NewPool{Linked: &moved, Arrived: &confirmed, ResetUnfinished: &unfinished},
	})
	if err != nil || e.users == 0 {
		return false, err
	}
	return true, json.Unmarshal(text, result)
}

func (e example) Journal(context.Context) (journal.State, error) {
	var s journal.State
	if e.users > 0 {
		left := e.users
		for d := range e.days {
			left -= e.moved(d)
			s.Counts = append(s.Counts, journal.Count{Day: ledger.Day(today.AddDate(0, 0, d+1-e.days)), Users: e.users, Remaining: left})
		}
	}
	if e.lost {
		s.Verdict, s.ReadyAt = "READY", today.AddDate(0, 0, -1).Add(3*time.Hour)
	}
	return s, nil
}

func (e example) Probes(context.Context, string) ([]probe.Day, error) {
	var days []probe.Day
	for d := range e.days + 1 {
		day := today.AddDate(0, 0, d-e.days)
		days = append(days, probe.Day{Day: ledger.Day(day), OK: 24, LastOK: day.Add(23 * time.Hour)})
	}
	days[e.days].LastOK = now.Add(-20 * time.Minute)
	if e.deadProbe {
		days[e.days].Failed, days[e.days].LastFailed, days[e.days].Reason = 1, now, probe.NotPermitted
	}
	return days, nil
}

type queue int

func (q queue) Depth(context.Context) (int, error) { return int(q), nil }

// report collects the example at its time.
func (e example) report(t *testing.T) report.Report {
	t.Helper()
	var r report.Report
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now))
		var err error
		if r, err = e.collect(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (e example) collect(ctx context.Context) (report.Report, error) {
	var declared report.Declared
	if err := config.Parse(&declared, e.declare); err != nil {
		return report.Report{}, err
	}
	log := slog.New(slog.DiscardHandler)
	return report.NewCollector(e, declared, probe.Config{AppClientID: "example"}, queue(e.spooled[0]), queue(e.spooled[1]), log).Collect(ctx)
}

// declining is a number of users who move, by a power of the migration's age.
func declining(scale float64) func(int) int {
	return func(day int) int { return int(scale / math.Pow(float64(day)+10, 1.5)) }
}

// verified is a verification of last night.
func verified(users, findings int) ledger.Verification {
	v := ledger.Verification{StartedAt: today.Add(-3 * time.Hour), FinishedAt: today.Add(-2 * time.Hour), Complete: true, Streams: users, Events: users * 3 / 2}
	v.FindingCount = findings
	return v
}

func declaring(tolerance string, daysOpen int, more ...string) []string {
	return append([]string{"TOLERANCE=" + tolerance, "OPENED=" + today.AddDate(0, 0, -daysOpen).Format(time.DateOnly)}, more...)
}

// examples are the states that a page has to show.
func examples() map[string]example {
	return map[string]example{
		"nobody yet":        {},
		"before a census":   {days: 6, moved: declining(4000), blocked: 14, verification: verified(180, 0)},
		"undeclared":        {days: 60, moved: declining(24_000), blocked: 30, users: 20_000, verification: verified(9_000, 0)},
		"not ready":         {days: 120, moved: declining(24_000), blocked: 30, users: 20_000, declare: declaring("100", 120), verification: verified(12_000, 0)},
		"season":            {days: 200, moved: declining(20_000), blocked: 9, users: 16_000, declare: declaring("1500", 200), verification: verified(9_000, 0)},
		"persistence":       {days: 290, moved: declining(20_000), users: 16_000, declare: declaring("475", 290, "YEARLY_HABITS=no"), verification: verified(9_000, 0)},
		"ready":             {days: 500, moved: declining(20_000), users: 16_000, declare: declaring("3%", 500, "YEARLY_HABITS=no"), verification: verified(9_000, 0)},
		"ready by a census": {days: 40, moved: func(int) int { return 25 }, users: 1_040, declare: declaring("50", 40), verification: verified(1_000, 0)},
		"a million users":   {days: 400, moved: declining(1_500_000), blocked: 5_210, users: 1_234_567, declare: declaring("2%", 390), verification: verified(900_000, 0)},
		"two years":         {days: 730, moved: declining(200_000), blocked: 3, users: 160_000, declare: declaring("1200", 730), verification: verified(120_000, 0)},
		"much is wrong": {
			days: 120, moved: declining(24_000), blocked: 200, users: 20_000, declare: declaring("100", 120, "MAILINGS="+today.AddDate(0, 0, 20).Format(time.DateOnly)),
			verification: verified(12_000, 2), spooled: [2]int{7, 1}, lost: true, failures: 12, deadProbe: true,
		},
	}
}
