package readiness

import (
	"math"
	"slices"
	"sort"
)

// Day is what one whole day counted. Users are users of the old pool.
type Day struct {
	Demand      int   // users who came for the first time: they moved, or were blocked for the first time
	Moved       int   // users handed over
	Blocked     int   // users who became blocked
	Released    int   // users who were blocked, and moved
	Invocations int   // calls of the trigger, for any cause
	SignIns     int   // at the new pool, of users who had moved earlier; 0 on all days if they are not counted
	Probe       Probe // a sign-in that an operator's canary made, to see whether the trigger is reached
}

// Probe is how a day's probe of the trigger ended.
type Probe int

// NoProbe: nobody tried.
const (
	NoProbe Probe = iota
	ProbeOK
	ProbeFailed
)

// nearly is what sums of exposure may lack by rounding.
const nearly = 1e-9

// Series is a history of days, from day 0, with the sums over any span of them.
type Series struct {
	days []Day
	dead []bool // whether the trigger is known not to have been reached

	// The sums over the days before each day. Released users are taken off the blocked ones.
	exposure               []float64
	demand, moved, blocked []int
}

// NewSeries sums days. It keeps the slice, so the caller must not change it.
func NewSeries(days []Day) *Series {
	n := len(days)
	s := &Series{
		days: days, dead: make([]bool, n), exposure: make([]float64, 1, n+1),
		demand: make([]int, 1, n+1), moved: make([]int, 1, n+1), blocked: make([]int, 1, n+1),
	}
	var weekdays [week]past
	for d, day := range days {
		state, exposure := weekdays[d%week].weigh(day)
		s.dead[d] = state == dead
		s.add(day, exposure)
	}
	return s
}

func (s *Series) add(day Day, exposure float64) {
	last := len(s.demand) - 1
	s.exposure = append(s.exposure, s.exposure[last]+exposure)
	s.demand = append(s.demand, s.demand[last]+day.Demand)
	s.moved = append(s.moved, s.moved[last]+day.Moved)
	s.blocked = append(s.blocked, s.blocked[last]+day.Blocked-day.Released)
}

// Exposure returns how many live days the span [from, to) is worth.
func (s *Series) Exposure(from, to int) float64 { return s.exposure[to] - s.exposure[from] }

// came returns how many users came for the first time in the span [from, to).
func (s *Series) came(from, to int) int { return s.demand[to] - s.demand[from] }

// silence returns the series before day end, followed by n live days on which nobody comes.
func (s *Series) silence(end, n int) *Series {
	longer := &Series{
		days: s.days[:end], exposure: slices.Clone(s.exposure[:end+1]),
		demand: slices.Clone(s.demand[:end+1]), moved: slices.Clone(s.moved[:end+1]), blocked: slices.Clone(s.blocked[:end+1]),
	}
	for range n {
		longer.add(Day{}, 1)
	}
	return longer
}

// window returns the start of the shortest span that ends before day end and is worth at least so many days; false if it would
// have to start before day open.
func (s *Series) window(end, open, worth int) (start int, found bool) {
	wanted := s.exposure[end] - float64(worth) + nearly
	start = min(sort.Search(end, func(d int) bool { return s.exposure[d] > wanted })-1, end-worth)
	return start, start >= open
}

// dispersion returns how much more the weekly counts before day end scatter than chance alone would have them, at least 1. It is
// taken from second differences of the last 13 weeks, so that a trend is no scatter. Weeks that were not mostly live are left out.
func (s *Series) dispersion(end, open int) float64 {
	const weeks, live = 13, 4.9
	usable := func(from int) bool { return from >= open && s.Exposure(from, from+week) >= live-nearly }
	sum, n := 0.0, 0
	for i := 1; i+2 <= weeks; i++ {
		c := end - week*i
		b, a := c-week, c-2*week
		if !usable(a) || !usable(b) || !usable(c) {
			continue
		}
		x1, x2, x3 := float64(s.came(a, b)), float64(s.came(b, c)), float64(s.came(c, c+week))
		if variance := x1 + 4*x2 + x3; variance > 0 {
			sum += (x1 - 2*x2 + x3) * (x1 - 2*x2 + x3) / variance
			n++
		}
	}
	return math.Max(1, (sum+2)/float64(n+2))
}

// bump returns how many more users came at this time of the last year than a smooth decline would have brought: in the year's
// counterpart of the horizon, against the four weeks before and after it.
func (s *Series) bump(end, open, horizon int) float64 {
	const year, month = 365, 28
	most := 0.0
	for _, pad := range []int{0, 28, 56} {
		from, to := end-year-week-pad, min(end-year+horizon+week+pad, end-month)
		if from-month < open {
			continue
		}
		before, after := float64(s.came(from-month, from)), float64(s.came(to, to+month))
		smooth := (before + after) / 2
		if before != after && before > 0 && after > 0 {
			smooth = (before - after) / math.Log(before/after)
		}
		most = math.Max(most, float64(s.came(from, to))-smooth*float64(to-from)/month)
	}
	return most
}
