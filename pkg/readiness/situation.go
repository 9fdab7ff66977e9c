package readiness

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// situation holds what the criteria and the sentence of a decision are made from.
type situation struct {
	*Judge
	start   time.Time
	end     int
	verdict Verdict
	reason  Reason
	look    look
	passed  int // looks in a row
	soonest int // days; -1 if not in five years
}

func (in Input) situation() (*situation, error) {
	for d, day := range in.Days {
		if min(day.Demand, day.Moved, day.Blocked, day.Released, day.Invocations, day.SignIns) < 0 {
			return nil, fmt.Errorf("day %d has a count below zero", d)
		}
	}
	j, err := NewSeries(in.Days).Judge(in.Declared)
	if err != nil {
		return nil, err
	}
	j.now = in.Present
	s := &situation{Judge: j, start: in.Start, end: len(in.Days), soonest: -1}
	s.verdict, s.reason = j.Verdict(s.end)
	s.look, s.passed = j.look(s.end), j.passed(s.end)
	if days, found := j.soonest(s.end); found {
		s.soonest = days
	}
	return s, nil
}

// date returns the date of a day.
func (s *situation) date(day int) string { return s.start.AddDate(0, 0, day).Format(time.DateOnly) }

// confidence returns the confidence of the bound, as text.
func (s *situation) confidence() string { return fmt.Sprintf("%.4g %%", 100*(1-s.perLook())) }

// bound returns how many users will be locked out at most; -1 if there is no ground for a bound. A census can only lower it.
func (s *situation) bound() int {
	bound := -1
	if s.look.windowed {
		bound = s.look.bound(s.perLook())
	}
	if s.now.Remaining != nil {
		left := *s.now.Remaining + s.missing()
		if bound < 0 || left < bound {
			bound = left
		}
	}
	return bound
}

// figures returns the figures of a look.
func (l look) figures(end int) Look {
	f := Look{LockedOut: l.locked, Window: l.window, Exposure: l.exposure, Late: l.late}
	if l.window > 0 {
		f.Span = end - l.from
	}
	f.Dispersion, f.Excess, f.Probability = l.dispersion, l.excess, l.probability
	return f
}

// sentence returns the verdict in words.
func (s *situation) sentence() string {
	l := s.look
	switch {
	case s.reason == ReasonCensus:
		return fmt.Sprintf("A census found %s left in the old pool; you tolerate %d. This holds whatever their habits are.",
			count(*s.now.Remaining, "user"), l.tolerated)
	case s.verdict == Ready:
		return fmt.Sprintf("In the last %s %s for the first time, so at %s confidence at most %d will %s; you tolerate %d. "+
			"This holds while habits stay as they are, with no mailing, and for users who come at least once in %d days.",
			live(l.exposure), count(l.late, "old user came", "old users came"), s.confidence(), s.bound(), s.come(), l.tolerated, s.cycle())
	case s.reason == ReasonBlocked:
		return fmt.Sprintf("%s locked out already; you tolerate %d.", count(l.locked, "user is", "users are"), l.tolerated)
	case s.reason == ReasonRate:
		return fmt.Sprintf("%s in the last %s; at that pace %.0f would be locked out in %s, you tolerate %d%s.",
			count(l.late, "old user came", "old users came"), live(l.exposure), math.Ceil(float64(l.late)*l.ratio), s.ahead(),
			l.tolerated, s.already())
	}
	return s.unproven()
}

// come says what the users do whom the bound counts.
func (s *situation) come() string {
	if s.look.locked == 0 {
		return "come in " + s.ahead()
	}
	return fmt.Sprintf("be locked out in %s, %d of them already", s.ahead(), s.look.locked)
}

// ahead names the horizon.
func (s *situation) ahead() string { return "the next " + count(s.Horizon, "day") }

// already says how many users are blocked, if any are.
func (s *situation) already() string {
	if s.look.locked == 0 {
		return ""
	}
	return fmt.Sprintf(", and %s blocked already", count(s.look.locked, "is", "are"))
}

// unproven says what keeps the verdict from being READY, and at least until when.
func (s *situation) unproven() string {
	c := s.unprovenCriterion()
	until := "no date can be given"
	if s.soonest >= 0 {
		until = "earliest possible " + s.date(s.end+s.soonest)
	}
	return fmt.Sprintf("Not proven yet: %s; %s. %s", strings.ReplaceAll(c.Name, "_", " "), until, c.Evidence)
}

// unprovenCriterion returns the criterion that the reason of an INCONCLUSIVE verdict is about.
func (s *situation) unprovenCriterion() Criterion {
	switch s.reason {
	case ReasonWindow:
		return s.windowSeen()
	case ReasonBound:
		return s.lateUsers()
	case ReasonBump, ReasonSeason:
		return s.season()
	case ReasonGaps:
		return s.gaps()
	case ReasonDead:
		return s.path()
	case ReasonMailing:
		return s.mailings()
	}
	return s.persistence()
}
