package simulate

import (
	"gonum.org/v1/gonum/mathext"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// Poorer rules, which the simulator must catch. If it does not, it would not catch a faulty one either.

// naive says READY if no more users came in the last days than are tolerated, as many live days as the horizon has, with all
// gates: it leaves out the bound.
func (h *history) naive(s *readiness.Series, d readiness.Declared) func(day int) bool {
	return func(day int) bool {
		from, came := day, 0
		for ; from > d.Open && s.Exposure(from, day) < float64(d.Horizon); from-- {
			came += h.days[from-1].Demand
		}
		for _, mailing := range d.Mailings {
			if mailing >= day && mailing < day+d.Horizon+14 {
				return false
			}
		}
		return s.Exposure(from, day) >= float64(d.Horizon) && day-from <= 2*d.Horizon && s.Exposure(day-week, day) >= 1 &&
			came+h.blocked(day) <= d.Tolerance.Users
	}
}

// blocked returns how many users are blocked on a day.
func (h *history) blocked(day int) int {
	n := 0
	for _, d := range h.days[:day] {
		n += d.Blocked - d.Released
	}
	return n
}

// ungated says READY if the bound for Poisson counts is good, and asks neither whether the trigger was reached, nor by whom, nor who
// is blocked.
func (h *history) ungated(d readiness.Declared) func(day int) bool {
	return func(day int) bool {
		came := 0
		if day < d.Horizon {
			return false
		}
		for _, past := range h.days[day-d.Horizon : day] {
			came += past.Demand
		}
		return mathext.RegIncBeta(float64(d.Tolerance.Users+1), float64(came+1), 0.5) <= 0.05
	}
}
