package readiness

import (
	"slices"
	"testing"
	"time"
)

// state is how a criterion stands in a history.
type state struct {
	criterion string
	state     State
	history   string
	days      int
	declare   func(in *Input)
}

func remaining(n int) func(*Input) { return func(in *Input) { in.Remaining = &n } }
func missing(n int) func(*Input)   { return func(in *Input) { in.Missing = &n } }
func yearly(in *Input)             { in.NoYearlyHabits = false }

// states are of operators who look 30 days ahead, tolerate 5 users, and declare that there are no yearly habits.
var states = []state{
	{Census, Pass, "halving", 20, remaining(5)},
	{Census, Fail, "halving", 20, remaining(6)},
	{Census, Unknown, "halving", 20, nil},
	{BlockedUsers, Pass, "8 blocked on day 0, 6 released on day 50", 60, nil},
	{BlockedUsers, Fail, "8 blocked on day 0", 60, nil},
	{BlockedUsers, Unknown, "silence", 0, nil},
	{Confirmations, Pass, "silence", 60, missing(5)},
	{Confirmations, Fail, "silence", 60, missing(6)},
	{Confirmations, Unknown, "silence", 60, nil},
	{Path, Pass, "silence", 20, nil},
	{Path, Fail, "silence, dead on days 20 to 47", 30, nil},
	{Path, Unknown, "no calls, no probe", 30, nil},
	{Window, Pass, "silence", 35, nil},
	{Window, Fail, "silence", 34, nil},
	{Window, Unknown, "no calls, no probe", 34, nil},
	{Window, Unknown, "8 blocked on day 0", 34, nil},
	{Gaps, Pass, "silence, dead on days 20 to 47", 63, nil},
	{Gaps, Fail, "live every third day", 120, nil},
	{Gaps, Unknown, "silence", 34, nil},
	{LateUsers, Pass, "silence", 35, nil},
	{LateUsers, Fail, "halving", 35, nil},
	{LateUsers, Fail, "halving", 5, nil},
	{LateUsers, Unknown, "one a week", 90, nil},
	{LateUsers, Unknown, "silence", 34, nil},
	{LateUsers, Unknown, "8 blocked on day 0", 90, nil},
	{Season, Pass, "silence", 100, nil},
	{Season, Pass, "silence", 400, yearly},
	{Season, Fail, "power, a season on top", 700, func(in *Input) { yearly(in); in.Horizon, in.Tolerance.Users = 90, 2000 }},
	{Season, Unknown, "silence", 399, yearly},
	{Mailings, Pass, "silence, mailing on day 100", 56, nil},
	{Mailings, Fail, "silence, mailing on day 100", 57, nil},
	{Persistence, Pass, "silence", 49, nil},
	{Persistence, Fail, "silence", 48, nil},
	{Persistence, Unknown, "silence", 34, nil},
	{Trend, Pass, "silence", 56, nil},
	{Trend, Fail, "5 on day 60", 70, nil},
	{Trend, Unknown, "silence", 55, nil},
}

func TestCriteriaPassFailOrAreUnknown(t *testing.T) {
	t.Parallel()
	seen := map[string][]State{}
	for _, s := range states {
		in := history(t, s.history, s.days)
		in.Horizon, in.Tolerance.Users, in.NoYearlyHabits = 30, 5, true
		if s.declare != nil {
			s.declare(&in)
		}
		d, err := Decide(in)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(d.Criteria, func(c Criterion) bool { return c.Name == s.criterion })
		c := d.Criteria[i]
		if c.State != s.state {
			t.Errorf("%s after %d days: %s is %s: %s", s.history, s.days, s.criterion, c.State, c.Evidence)
		}
		if c.Evidence == "" || (c.State == Pass) != (c.Do == "") {
			t.Errorf("%s after %d days: %s has the evidence %q and asks to do %q", s.history, s.days, s.criterion, c.Evidence, c.Do)
		}
		seen[s.criterion] = append(seen[s.criterion], s.state)
	}
	d, err := Decide(Input{Declared: Declared{Horizon: 30}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Criteria {
		for _, state := range []State{Pass, Fail, Unknown} {
			declared := c.Name == Mailings && state == Unknown // what is not declared is none
			if !slices.Contains(seen[c.Name], state) && !declared {
				t.Errorf("no history shows %s as %s", c.Name, state)
			}
		}
	}
}

func TestLedgerHasCriteriaOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		criterion Criterion
		state     State
		verdict   Verdict
	}{
		{VerificationCriterion(&LedgerVerification{Age: 47 * time.Hour}), Pass, Ready},
		{VerificationCriterion(&LedgerVerification{Age: time.Hour, Findings: 1}), Fail, NotReady},
		{VerificationCriterion(&LedgerVerification{Age: 49 * time.Hour}), Unknown, Inconclusive},
		{VerificationCriterion(nil), Unknown, Inconclusive},
		{SpoolCriterion(&SpoolDepth{}), Pass, Ready},
		{SpoolCriterion(&SpoolDepth{Waiting: 1}), Fail, NotReady},
		{SpoolCriterion(&SpoolDepth{DeadLetters: 1}), Fail, NotReady},
		{SpoolCriterion(nil), Unknown, Inconclusive},
		{Criterion{Name: "theirs", State: Fail}, Fail, Ready},
	} {
		in := history(t, "silence", 60)
		in.Horizon, in.Tolerance.Users, in.NoYearlyHabits = 30, 5, true
		d, err := Decide(in, c.criterion)
		if err != nil {
			t.Fatal(err)
		}
		if c.criterion.State != c.state || d.Verdict != c.verdict {
			t.Errorf("%s: %s, and the verdict is %s", c.criterion.Evidence, c.criterion.State, d.Verdict)
		}
		if last := d.Criteria[len(d.Criteria)-1]; last != c.criterion {
			t.Errorf("the last criterion is %v", last)
		}
		if reason := Reason(c.criterion.Name); (d.Verdict == Ready) == (d.Reason == reason) {
			t.Errorf("%s: the reason is %q", d.Verdict, d.Reason)
		}
	}
}

// A census proves it alone, but not against a ledger that is not sound.
func TestCensusNeedsASoundLedger(t *testing.T) {
	t.Parallel()
	in := history(t, "halving, 400 remain", 60)
	in.Horizon, in.Tolerance.Users = 90, 500
	for verdict, c := range map[Verdict]Criterion{
		Ready:        SpoolCriterion(&SpoolDepth{}),
		NotReady:     SpoolCriterion(&SpoolDepth{Waiting: 1}),
		Inconclusive: VerificationCriterion(nil),
	} {
		d, err := Decide(in, c)
		if err != nil {
			t.Fatal(err)
		}
		if d.Verdict != verdict {
			t.Errorf("%s: the verdict is %s", c.Evidence, d.Verdict)
		}
	}
}
