package readiness

import "math"

// Reason says what decides a verdict.
type Reason string

// The reasons, in the order in which they are looked for. Most name a criterion that does not pass.
const (
	ReasonCensus      Reason = "census"      // READY: no more are left than are tolerated
	ReasonBlocked     Reason = "blocked"     // NOT_READY: more are locked out already than are tolerated
	ReasonRate        Reason = "rate"        // NOT_READY: at the present pace more will come than are tolerated
	ReasonWindow      Reason = "window"      // too few live days were seen
	ReasonBump        Reason = "bump"        // last year more came at this time of the year, and they would be too many
	ReasonBound       Reason = "bound"       // more may come than are tolerated, though at the present pace they will not
	ReasonGaps        Reason = "gaps"        // the live days lie too far apart
	ReasonDead        Reason = "dead"        // the trigger has hardly been reached in the last seven days
	ReasonSeason      Reason = "season"      // not all of a year was seen
	ReasonMailing     Reason = "mailing"     // a mailing is due
	ReasonPersistence Reason = "persistence" // the looks one and two weeks ago did not pass
)

// look is what one look at the counts before a day found.
type look struct {
	reason Reason // why it does not pass; empty if it does

	tolerated, locked int // users, and those of them who are locked out already
	window            int // live days to look back on; 0 if too many are blocked already
	from              int // the first day of the window; if there is none yet, the day on which everybody could reach the new pool
	windowed          bool
	late              int     // users who came for the first time in the window
	exposure          float64 // the window's
	ratio             float64 // the horizon by the exposure; at most 1 as long as there is no window
	dispersion        float64
	excess            float64 // users who came at this time of last year beyond a smooth decline
	probability       float64 // that more users come in the horizon than may
}

// passes tells whether there is no objection to switching off.
func (l look) passes() bool { return l.reason == "" }

// proven tells whether the bound is low enough, with a chance of error of at most a. There may still be other objections to switching off.
func (l look) proven(a float64) bool { return l.windowed && l.probability <= a }

// look looks at the counts of the days before day end.
func (j *Judge) look(end int) look {
	l := look{tolerated: j.tolerated(end), locked: j.lockedOut(end)}
	spare := l.tolerated - l.locked
	if spare < 0 {
		l.reason = ReasonBlocked
		return l
	}
	l.window = j.windowDays(spare)
	l.from, l.windowed = j.window(end, j.Open, l.window)
	if !l.windowed {
		l.from = min(j.Open, end)
	}
	l.late, l.exposure = j.came(l.from, end), j.Exposure(l.from, end)
	l.ratio = float64(j.Horizon) / l.exposure
	if !l.windowed {
		l.ratio, l.reason = math.Min(1, l.ratio), ReasonWindow
		if float64(l.late)*l.ratio > float64(spare) {
			l.reason = ReasonRate
		}
		return l
	}
	l.dispersion = j.dispersion(end, j.Open)
	if !j.NoYearlyHabits && j.Horizon < longHorizon {
		l.excess = j.bump(end, j.Open, j.Horizon)
	}
	l.probability = lateProbability(l.lateAtMost(), spare, l.ratio, l.dispersion)
	l.reason = j.objection(l, end)
	return l
}

// lateAtMost is the count that the bound is made from: with last year's bump, as if it had come in the window.
func (l look) lateAtMost() float64 { return float64(l.late) + l.excess/l.ratio }

// bound returns the most users that will be locked out, including those who are already.
func (l look) bound(a float64) int {
	return l.locked + boundOf(l.lateAtMost(), l.ratio, l.dispersion, a)
}

// objection returns the first objection to switching off, for a look that has its window.
func (j *Judge) objection(l look, end int) Reason {
	spare := l.tolerated - l.locked
	switch a := j.perLook(); {
	case float64(l.late)*l.ratio > float64(spare):
		return ReasonRate
	case l.probability > a && lateProbability(float64(l.late), spare, l.ratio, l.dispersion) <= a:
		return ReasonBump
	case l.probability > a:
		return ReasonBound
	case end-l.from > 2*l.window:
		return ReasonGaps
	case !j.reached(end):
		return ReasonDead
	case end-j.Open < j.seasonDays():
		return ReasonSeason
	case j.mailing(end) >= 0:
		return ReasonMailing
	}
	return ""
}

// reached tells whether the trigger has been reached lately.
func (j *Judge) reached(end int) bool { return j.Exposure(end-week, end) >= 1-nearly }

// longHorizon is a horizon, in days, that holds a whole year's habits, as its window then does.
const longHorizon = 350

// seasonDays returns how long everybody must have been able to reach the new pool, for a yearly habit to show.
func (d Declared) seasonDays() int {
	switch {
	case d.NoYearlyHabits:
		return 0
	case d.Horizon < longHorizon:
		return 365 + max(d.Horizon, 35)
	}
	return 400
}

// mailing returns the day of the first mailing that is too close after day end: the horizon and two weeks. It is -1 if there is none.
func (d Declared) mailing(end int) int {
	first := -1
	for _, day := range d.Mailings {
		if day >= end && day < end+d.Horizon+2*week && (first < 0 || day < first) {
			first = day
		}
	}
	return first
}

// looks is how many looks, a week apart, have to pass in a row, so that a rate that happens to be low for a moment proves nothing.
const looks = 3

// Verdict returns the verdict by the counts of the days before day end, and the reason. It is READY without a reason if the last
// three looks, a week apart, pass.
func (j *Judge) Verdict(end int) (Verdict, Reason) {
	if j.enumerated(end) {
		return Ready, ReasonCensus
	}
	l := j.look(end)
	switch l.reason {
	case ReasonBlocked, ReasonRate:
		return NotReady, l.reason
	case "":
		if j.passed(end) < looks {
			return Inconclusive, ReasonPersistence
		}
		return Ready, ""
	}
	return Inconclusive, l.reason
}

// passed returns how many looks passed in a row, up to the one at day end, of those that matter.
func (j *Judge) passed(end int) int {
	n := 0
	for ; n < looks && end-week*n >= 0 && j.look(end-week*n).passes(); n++ {
	}
	return n
}
