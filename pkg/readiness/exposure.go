package readiness

import "slices"

// When is a zero a zero? On a day on which the trigger could not be reached nobody can have come, and in a Christmas week fewer come than
// usual. Such days must not count as silence, so each day has a weight as an observation, its exposure, between 0 and 1. Only the days
// before it decide the exposure, so it never changes afterwards.

const (
	week = 7

	// How many earlier days of the same weekday a day is compared with.
	pastCalls   = 8
	pastSignIns = 52

	deadCalls  = 7  // so many calls a day make a day without any a dead one
	usualCalls = 20 // from so many on a tenth of them is too few to be alive
	fewCalls   = 0.1

	leastDays    = 4 // fewer days, or fewer sign-ins, don't show what is usual
	leastSignIns = 20
	usualSignIns = 0.8 // days with more of the usual sign-ins than this are whole ones
)

type liveness int

const (
	unknown liveness = iota
	alive
	dead
)

// past holds the counts of live days of one weekday, most recent last.
type past struct {
	calls, signIns []int
	sorted         []int // the sign-ins
}

// weigh returns whether the trigger was reached on a day, and what the day is worth. If it was reached, the day becomes part of the
// past.
func (p *past) weigh(day Day) (liveness, float64) {
	state := p.liveness(day)
	if state != alive {
		return state, 0
	}
	exposure := p.presence(day.SignIns)
	p.calls, _ = keep(p.calls, day.Invocations, pastCalls)
	var gone []int
	p.signIns, gone = keep(p.signIns, day.SignIns, pastSignIns)
	for _, signIns := range gone {
		i, _ := slices.BinarySearch(p.sorted, signIns)
		p.sorted = slices.Delete(p.sorted, i, i+1)
	}
	i, _ := slices.BinarySearch(p.sorted, day.SignIns)
	p.sorted = slices.Insert(p.sorted, i, day.SignIns)
	return alive, exposure
}

func (p *past) liveness(day Day) liveness {
	switch day.Probe {
	case ProbeOK:
		return alive
	case ProbeFailed:
		return dead
	}
	usual := mean(p.calls)
	switch calls := float64(day.Invocations); {
	case calls == 0 && usual >= deadCalls, calls > 0 && usual >= usualCalls && calls < fewCalls*usual:
		return dead
	case calls == 0:
		return unknown
	}
	return alive
}

func mean(values []int) float64 {
	sum := 0
	for _, v := range values {
		sum += v
	}
	return float64(sum) / float64(max(1, len(values)))
}

// presence returns the share of the usual sign-ins on a day.
func (p *past) presence(signIns int) float64 {
	n := len(p.sorted)
	if n < leastDays {
		return 1
	}
	usual := p.sorted[(n-1)*3/4]
	if usual < leastSignIns {
		return 1
	}
	if share := float64(signIns) / float64(usual); share <= usualSignIns {
		return share
	}
	return 1
}

// keep appends a value to the last n values. It returns the value that drops out, if any.
func keep(values []int, value, n int) (kept, gone []int) {
	values = append(values, value)
	over := max(0, len(values)-n)
	return values[over:], values[:over]
}
