// Package readiness answers, from daily counts, whether the old user pool may be switched off now.
//
// The rule: the last three weekly looks must each show, by a bound that errs with a chance of at most half of Alpha, that no more old
// users will come in the next Horizon days than are tolerated, if habits stay as they are. A look needs about as many live days behind
// it as it looks ahead. docs/readiness.md has the formulas, the grounds and the limits.
//
// The package is pure: it knows no clock, no I/O and no AWS, and the same input gives the same decision, to the byte.
package readiness

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Verdict is the answer.
type Verdict string

// NotReady: more users would be locked out than are tolerated, or the ledger is not sound. Inconclusive: something decisive is
// unknown. Ready: every decisive criterion passes.
const (
	Ready        Verdict = "READY"
	NotReady     Verdict = "NOT_READY"
	Inconclusive Verdict = "INCONCLUSIVE"
)

// Declared is what the operator declares. Days are counted from 0, the new pool's first day; Input.Day gives a date's.
type Declared struct {
	Tolerance Tolerance
	Horizon   int     // for so many days after the switch no more users than tolerated may be locked out
	Alpha     float64 // the chance of a READY that is false; 0 stands for 0.05
	Open      int     // the first day on which everybody reached the new pool

	NoYearlyHabits bool  // nobody signs in at one season of the year alone
	Mailings       []int // the days of mailings that bring users to sign in, past and planned
}

// Tolerance is how many users may be locked out: a number, or a share of the users who have moved so far, if that is not 0.
type Tolerance struct {
	Users int
	Share float64
}

// perLook is the chance of an error that a single look may take, since there are several.
func (d Declared) perLook() float64 {
	if d.Alpha == 0 {
		return 0.05 / 2
	}
	return d.Alpha / 2
}

func (d Declared) check() error {
	switch {
	case d.Horizon < 1:
		return fmt.Errorf("the horizon is %d days: declare at least 1", d.Horizon)
	case d.Alpha < 0 || d.Alpha >= 1:
		return fmt.Errorf("alpha is %v: declare a chance between 0 and 1, as 0.05", d.Alpha)
	case d.Tolerance.Users < 0 || d.Tolerance.Share < 0 || d.Tolerance.Share > 1:
		return fmt.Errorf("%d users or a share of %v can't be tolerated: declare a number from 0, or a share up to 1",
			d.Tolerance.Users, d.Tolerance.Share)
	case d.Open < 0:
		return errors.New("everybody reached the new pool before its first day: declare day 0 or a later one")
	}
	return nil
}

// Present is what is known only for the present day. A nil field is unknown.
type Present struct {
	Remaining *int // users of the old pool who are neither handed over nor confirmed, by a complete census
	Blocked   *int // users who are blocked; if nil, those whom the days counted and who were not released
	Missing   *int // users who were handed over, and whom the new pool does not have
}

// Input is everything that a decision is made from.
type Input struct {
	Start time.Time // day 0, at midnight UTC
	Days  []Day     // whole days; the decision is about the day after the last
	Present
	Declared
}

// Day returns the number of the day of a date.
func (in Input) Day(date time.Time) int { return int(math.Floor(date.Sub(in.Start).Hours() / 24)) }

// Decision is the verdict, with everything that it rests on.
type Decision struct {
	Verdict  Verdict `json:"verdict"`
	Reason   Reason  `json:"reason"`   // what decides; the name of a criterion if one of the caller's does; empty if the counts make it READY
	Sentence string  `json:"sentence"` // for people

	Date      string  `json:"date"`    // the day that it is about, as 2006-01-02; the days before it were seen
	Horizon   int     `json:"horizon"` // days
	Tolerance int     `json:"tolerance"`
	Alpha     float64 `json:"alpha"`

	Bound *int `json:"bound"` // so many users will be locked out at most, by the last look; null if there is no ground for a bound
	Look  Look `json:"look"`

	Criteria []Criterion `json:"criteria"`

	Soonest *string  `json:"soonest"` // the first day on which it can be READY, if no old user comes any more; null if not in five years
	Outlook *Outlook `json:"outlook"` // null if it is READY by the counts, or if there is no ground for a forecast
}

// Look has the figures of the last look.
type Look struct {
	LockedOut   int     `json:"locked_out"`  // users who are locked out already
	Window      int     `json:"window"`      // live days that are needed
	Span        int     `json:"span"`        // days in which they, or those there are so far, lie
	Exposure    float64 `json:"exposure"`    // live days in the span
	Late        int     `json:"late"`        // users who came for the first time in the span
	Dispersion  float64 `json:"dispersion"`  // how much more the counts scatter than by chance; 0 if there is no window yet, as below
	Excess      float64 `json:"excess"`      // users who came at this time of last year beyond a smooth decline
	Probability float64 `json:"probability"` // that more users come in the horizon than are tolerated
}

// Decide judges whether the old pool may be switched off on the day after the last. The caller's criteria join those of the counts: a
// decisive one that fails makes the verdict NOT_READY, and one that is unknown keeps it from being READY.
func Decide(in Input, further ...Criterion) (Decision, error) {
	s, err := in.situation()
	if err != nil {
		return Decision{}, err
	}
	d := Decision{
		Verdict: s.verdict, Reason: s.reason, Sentence: s.sentence(),
		Date: s.date(s.end), Horizon: in.Horizon, Tolerance: s.tolerated(s.end), Alpha: 2 * s.perLook(),
		Look: s.look.figures(s.end), Criteria: append(s.criteria(), further...),
	}
	if s.soonest >= 0 && s.verdict != Ready {
		date := s.date(s.end + s.soonest)
		d.Soonest = &date
	}
	if s.verdict != Ready {
		if outlook, found := s.Outlook(s.end); found {
			d.Outlook = &outlook
		}
	}
	if bound := s.bound(); bound >= 0 {
		d.Bound = &bound
	}
	for _, c := range further {
		d.heed(c)
	}
	return d, nil
}

// Undecided is the decision while something is not known that every decision rests on. The first criterion that is not met says what.
func Undecided(in Input, criteria ...Criterion) Decision {
	d := Decision{
		Verdict: Ready, Criteria: criteria, Horizon: in.Horizon, Tolerance: in.Tolerance.Users, Alpha: 2 * in.perLook(),
		Date: in.Start.AddDate(0, 0, len(in.Days)).Format(time.DateOnly),
	}
	for _, c := range criteria {
		d.heed(c)
	}
	return d
}

// heed takes one of the caller's criteria into account.
func (d *Decision) heed(c Criterion) {
	switch {
	case !c.Decisive || c.State == Pass || d.Verdict == NotReady:
	case c.State == Fail:
		d.Verdict, d.Reason, d.Sentence = NotReady, Reason(c.Name), "Not ready: "+c.Name+". "+c.Evidence
	case d.Verdict == Ready:
		d.Verdict, d.Reason, d.Sentence = Inconclusive, Reason(c.Name), "Not proven yet: "+c.Name+". "+c.Evidence
	}
}
