package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

var now = time.Date(2026, 7, 14, 10, 30, 0, 0, time.UTC)

// declared is what an operator declares, by the variables.
func declared(t *testing.T, environ ...string) Declared {
	t.Helper()
	var cfg struct{ Declared Declared }
	if err := config.Parse(&cfg, environ); err != nil {
		t.Fatal(err)
	}
	return cfg.Declared
}

// sound is a migration on which nobody has come for so many days, with a ledger that is verified and complete, and a probe each day.
func sound(days int) (progress.Progress, []probe.Day) {
	p := progress.Progress{
		AsOf: now, Spool: &progress.Spool{},
		Verification: &progress.LastVerification{StartedAt: now.Add(-2 * time.Hour), FinishedAt: now.Add(-time.Hour), Complete: true},
	}
	var probes []probe.Day
	for d := days; d > 0; d-- {
		day := ledger.Day(now.AddDate(0, 0, -d))
		p.Days = append(p.Days, progress.Day{Day: day, Totals: ledger.Totals{Migrated: 1}})
		probes = append(probes, probe.Day{Day: day, OK: 24})
	}
	p.Days = append(p.Days, progress.Day{Day: ledger.Day(now), Totals: ledger.Totals{Migrated: 500, Came: 500, FirstHandovers: 500}}) // not over yet
	return p, probes
}

func TestDeclaredIsRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		environ string
		want    string // part of the error; empty if there is none
	}{
		{"", ""},
		{"TOLERANCE=0 HORIZON=1 CONFIDENCE=99.9 OPENED=2026-01-31 YEARLY_HABITS=no MAILINGS=2026-02-01,2026-03-01", ""},
		{"TOLERANCE=0.5%", ""},
		{"TOLERANCE=0%", ""}, // as 0
		{"TOLERANCE=-1", "TOLERANCE: \"-1\" is no tolerance: allowed is"},
		{"TOLERANCE=101%", "TOLERANCE: \"101%\" is no tolerance: allowed is"},
		{"TOLERANCE=some", "TOLERANCE: \"some\" is no tolerance: allowed is"},
		{"TOLERANCE=NaN%", "TOLERANCE: \"NaN%\" is no tolerance: allowed is"},
		{"CONFIDENCE=NaN", "CONFIDENCE is NaN: allowed is 80 to 99.9"},
		{"HORIZON=0", "HORIZON is 0: allowed is 1 to 730"},
		{"HORIZON=731", "HORIZON is 731: allowed is 1 to 730"},
		{"CONFIDENCE=79.9", "CONFIDENCE is 79.9: allowed is 80 to 99.9"},
		{"CONFIDENCE=100", "CONFIDENCE is 100: allowed is 80 to 99.9"},
		{"OPENED=2026-02-30", "OPENED: \"2026-02-30\" is no day: allowed is"},
		{"YEARLY_HABITS=maybe", "YEARLY_HABITS: \"maybe\" is not allowed: allowed is yes, no"},
		{"MAILINGS=2026-02-01,soon", "MAILINGS: \"soon\" is no day: allowed is"},
	} {
		var cfg struct{ Declared Declared }
		err := config.Parse(&cfg, strings.Fields(tt.environ))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.environ, err, tt.want)
		}
	}
}

// There is no READY while something is unknown or wrong that every verdict rests on, whatever the counts say.
func TestWhatKeepsReadyAway(t *testing.T) {
	t.Parallel()
	all := []string{"TOLERANCE=10", "HORIZON=30", "OPENED=2026-01-01", "YEARLY_HABITS=no"}
	without := func(name string) []string {
		var some []string
		for _, variable := range all {
			if !strings.HasPrefix(variable, name) {
				some = append(some, variable)
			}
		}
		return some
	}
	for name, tt := range map[string]struct {
		environ []string
		change  func(p *progress.Progress, probes []probe.Day)
		verdict readiness.Verdict
		reason  readiness.Reason
	}{
		"nothing":               {all, nil, readiness.Ready, ""},
		"no tolerance":          {without("TOLERANCE"), nil, readiness.Inconclusive, Declarations},
		"no day of opening":     {without("OPENED"), nil, readiness.Inconclusive, Declarations},
		"opened on a day ahead": {append(without("OPENED"), "OPENED=2026-07-15"), nil, readiness.Inconclusive, Declarations},
		"opened today":          {append(without("OPENED"), "OPENED=2026-07-14"), nil, readiness.Inconclusive, readiness.ReasonWindow},
		"yearly habits, opened years before anything was counted": {
			[]string{"TOLERANCE=10", "HORIZON=30", "OPENED=2024-01-01"}, nil, readiness.Inconclusive, readiness.ReasonSeason,
		},
		"a mailing ahead": {append(all, "MAILINGS=2026-08-01"), nil, readiness.Inconclusive, readiness.ReasonMailing},
		"yearly habits":   {without("YEARLY"), nil, readiness.Inconclusive, readiness.ReasonSeason},
		"never verified":  {all, func(p *progress.Progress, _ []probe.Day) { p.Verification = nil }, readiness.Inconclusive, readiness.Verification},
		"a verification under way": {
			all, func(p *progress.Progress, _ []probe.Day) { p.Verification.Complete = false }, readiness.Inconclusive, readiness.Verification,
		},
		"something found wrong": {
			all, func(p *progress.Progress, _ []probe.Day) { p.Verification.Findings = 1 }, readiness.NotReady, readiness.Verification,
		},
		"queues out of reach": {all, func(p *progress.Progress, _ []probe.Day) { p.Spool = nil }, readiness.Inconclusive, readiness.Spool},
		"an event that waits": {all, func(p *progress.Progress, _ []probe.Day) { p.Spool.Waiting = 1 }, readiness.NotReady, readiness.Spool},
		"too many blocked":    {all, func(p *progress.Progress, _ []probe.Day) { p.Users.Blocked = 11 }, readiness.NotReady, readiness.ReasonBlocked},
		"a week of failed probes": {all, func(_ *progress.Progress, probes []probe.Day) {
			for i := range 7 {
				probes[len(probes)-1-i].Failed = 1
			}
		}, readiness.Inconclusive, readiness.ReasonDead},
	} {
		p, probes := sound(194)
		if tt.change != nil {
			tt.change(&p, probes)
		}
		r, err := declared(t, tt.environ...).judge(p, nil, probes, journal.State{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != tt.verdict || r.Reason != tt.reason {
			t.Errorf("%s: %s by %q: %s", name, r.Verdict, r.Reason, r.Sentence)
		}
	}
}

// Each whole day counts, with what the ledger and the probe say of it, and none of today.
func TestDaysAreThoseOfTheLedger(t *testing.T) {
	t.Parallel()
	p := progress.Progress{AsOf: now, Days: []progress.Day{
		{Day: "2026-07-10", Totals: ledger.Totals{Migrated: 3, Rejected: 2, Failed: 1, FirstHandovers: 3, Came: 4, Blocked: 1}},
		{Day: "2026-07-12", Totals: ledger.Totals{Migrated: 1, FirstHandovers: 1, Released: 1}},
		{Day: "2026-07-14", Totals: ledger.Totals{Migrated: 9, Came: 9}},
	}}
	probes := []probe.Day{{Day: "2026-07-09", OK: 3}, {Day: "2026-07-12", OK: 20, Failed: 1}, {Day: "2026-07-14", OK: 3}}
	got, evidence := days(p, probes, start(p, probes), now.Truncate(24*time.Hour))
	want := []readiness.Day{
		{Probe: readiness.ProbeOK},
		{Demand: 4, Moved: 3, Blocked: 1, Invocations: 6},
		{},
		{Moved: 1, Released: 1, Invocations: 1, Probe: readiness.ProbeFailed},
		{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if evidence.From != "2026-07-09" || evidence.Days != 5 || evidence.Probed.OK != 1 || evidence.Probed.Failed != 1 || evidence.Probed.None != 3 {
		t.Errorf("%+v", evidence)
	}
}

// A tally that somebody has damaged does not keep the report from telling what is wrong.
func TestCountsBelowZero(t *testing.T) {
	t.Parallel()
	p, probes := sound(194)
	p.Days[0].Totals = ledger.Totals{Migrated: -1, Rejected: -1, Failed: -1, FirstHandovers: -1, Came: -1, Blocked: -1, Released: -1}
	p.Verification.Findings = 1
	r, err := declared(t, "TOLERANCE=10", "HORIZON=30", "OPENED=2026-01-01", "YEARLY_HABITS=no").judge(p, nil, probes, journal.State{})
	if err != nil || r.Verdict != readiness.NotReady || r.Reason != readiness.Verification {
		t.Errorf("%s by %q, %v", r.Verdict, r.Reason, err)
	}
}

// Only a census counts that is complete, recent, and not contradicted by Cognito's own estimate.
func TestWhichCensusCounts(t *testing.T) {
	t.Parallel()
	n := func(n int) *int { return &n }
	for name, tt := range map[string]struct {
		change             func(*census.Result)
		remaining, missing *int
	}{
		"a recent one":                          {func(*census.Result) {}, n(5), n(2)},
		"without a link":                        {func(c *census.Result) { c.New.ResetUnfinished = nil }, n(5), nil},
		"not complete":                          {func(c *census.Result) { c.Complete = false }, nil, nil},
		"two days old":                          {func(c *census.Result) { c.FinishedAt = now.Add(-49 * time.Hour) }, nil, nil},
		"far from Cognito's estimate":           {func(c *census.Result) { c.Old.Differs = true }, nil, n(2)},
		"more in the new pool than handed over": {func(c *census.Result) { c.New.ResetUnfinished = n(9) }, n(5), n(0)},
	} {
		c := census.Result{FinishedAt: now.Add(-time.Hour), Complete: true, Old: census.OldPool{Remaining: 5, Statuses: map[string]int{"migrated": 3}}}
		c.New.ResetUnfinished = n(1)
		tt.change(&c)
		p, probes := sound(10)
		r, err := declared(t, "TOLERANCE=5", "OPENED=2026-07-04").judge(p, &c, probes, journal.State{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*int{tt.remaining, tt.missing}, []*int{r.Evidence.Remaining, r.Evidence.Missing}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if unmeasured := strings.Contains(r.Sentence, "not measured"); unmeasured != (r.Verdict == readiness.Ready && tt.missing == nil) {
			t.Errorf("%s: %s: %s", name, r.Verdict, r.Sentence)
		}
		if enough := tt.remaining != nil && (tt.missing == nil || *tt.missing == 0); (r.Verdict == readiness.Ready) != enough {
			t.Errorf("%s: %s: %s", name, r.Verdict, r.Sentence)
		}
	}
}

// READY is lost if the journal's last verdict was READY, and now it is not. A verdict that says so does not hush it up on the same day.
func TestReadyIsLost(t *testing.T) {
	t.Parallel()
	given := now.AddDate(0, 0, -3)
	for _, tt := range []struct {
		state journal.State
		days  int
		lost  bool
	}{
		{journal.State{}, 10, false},
		{journal.State{Verdict: "READY", ReadyAt: given}, 10, true},
		{journal.State{Verdict: "READY", ReadyAt: given}, 190, false},
		{journal.State{Verdict: "NOT_READY", ReadyAt: given}, 10, false},
		{journal.State{Verdict: "NOT_READY", ReadyAt: now.Add(-24 * time.Hour)}, 10, true},
		{journal.State{Verdict: "NOT_READY", ReadyAt: now.Add(-24 * time.Hour)}, 190, false},
	} {
		p, probes := sound(tt.days)
		r, err := declared(t, "TOLERANCE=10", "HORIZON=30", "OPENED=2026-01-01", "YEARLY_HABITS=no").judge(p, nil, probes, tt.state)
		if err != nil {
			t.Fatal(err)
		}
		if r.Lost != tt.lost || (r.LastReady != nil) != !tt.state.ReadyAt.IsZero() {
			t.Errorf("%+v after %d days: %s, lost %t", tt.state, tt.days, r.Verdict, r.Lost)
		}
	}
}
