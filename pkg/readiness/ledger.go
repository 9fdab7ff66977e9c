package readiness

import (
	"fmt"
	"time"
)

// The ledger that the counts come from has criteria of its own, which a caller hands to Decide.

// recent is how old a verification of the ledger may be. One is made every day.
const recent = 48 * time.Hour

// LedgerVerification is what the last complete verification of the ledger came to.
type LedgerVerification struct {
	Age      time.Duration // since it was complete
	Findings int
}

// VerificationCriterion tells whether the counts can be trusted: the ledger was verified lately, and nothing was found. Without a
// verification it is unknown.
func VerificationCriterion(v *LedgerVerification) Criterion {
	c := Criterion{
		Name: Verification, State: Unknown, Decisive: true, Threshold: figure(0),
		Evidence: "The ledger has never been verified as a whole.", Do: "Verify the ledger: a schedule does once a day.",
	}
	if v == nil {
		return c
	}
	c.Value = figure(v.Findings)
	c.Evidence = fmt.Sprintf("The ledger was verified as a whole %.0f hours ago, with %s.", v.Age.Hours(), count(v.Findings, "finding"))
	switch {
	case v.Findings > 0:
		c.State, c.Do = Fail, "Mend what the verification names, then verify again."
	case v.Age > recent:
		c.Do = fmt.Sprintf("Find out why no verification was complete in the last %.0f hours.", recent.Hours())
	default:
		c.State, c.Do = Pass, ""
	}
	return c
}

// SpoolDepth counts the events that are not in the ledger yet.
type SpoolDepth struct{ Waiting, DeadLetters int }

// SpoolCriterion tells whether all that happened was counted: no event waits in the spool. It is unknown if the spool can't be asked.
func SpoolCriterion(s *SpoolDepth) Criterion {
	c := Criterion{
		Name: Spool, State: Unknown, Decisive: true, Threshold: figure(0),
		Evidence: "The spool could not be asked.", Do: "Look why the spool's queues can't be read.",
	}
	if s == nil {
		return c
	}
	c.Value, c.State, c.Do = figure(s.Waiting+s.DeadLetters), Pass, ""
	c.Evidence = fmt.Sprintf("%s in the spool; %d were given up.", count(s.Waiting, "event waits", "events wait"), s.DeadLetters)
	if *c.Value > 0 {
		c.State, c.Do = Fail, "Have the spool replayed, and the dead letters sent again."
	}
	return c
}
