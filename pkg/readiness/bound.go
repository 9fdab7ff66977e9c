package readiness

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// lateProbability returns the chance that more than spare users come in the horizon, if late users came in the window and the rate stays
// the same. ratio is the horizon divided by the window's exposure, dispersion the scatter of the counts.
//
// With a dispersion of 1 this is exact: of late+n users of a Poisson process each falls into the horizon with the chance
// ratio/(1+ratio). It is also the predictive distribution of a rate known from the window alone, a negative binomial.
func lateProbability(late float64, spare int, ratio, dispersion float64) float64 {
	return mathext.RegIncBeta(float64(spare+1)/dispersion, late/dispersion+1, ratio/(1+ratio))
}

// boundOf returns the smallest number of users such that more come with a chance of at most a, by lateProbability.
func boundOf(late, ratio, dispersion, a float64) int {
	holds := func(n int) bool { return lateProbability(late, n, ratio, dispersion) <= a }
	limit := 1
	for !holds(limit) {
		limit *= 2
	}
	return sort.Search(limit, holds)
}

// mostLate returns the most users that may come in the window while the chance of more than spare in the horizon is at most a. It is a
// real number, and 0 if not even silence is enough.
func mostLate(spare int, ratio, dispersion, a float64) float64 {
	fails := func(late float64) bool { return lateProbability(late, spare, ratio, dispersion) > a }
	low, high := 0.0, 1.0
	for !fails(high) {
		low, high = high, 2*high
	}
	for range 60 {
		if middle := (low + high) / 2; fails(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// cycle returns the length, in days, of the longest habit that is considered.
func (d Declared) cycle() int {
	if d.NoYearlyHabits {
		return 91
	}
	return 371
}

// windowDays returns how many live days a look needs behind it: as many as it looks ahead, but at most the longest habit, and enough that
// silence in them proves that not more than spare users come. They are whole weeks.
func (d Declared) windowDays(spare int) int {
	// Silence proves it at this length exactly, so a trifle is added: a chance is never compared with itself.
	silent := float64(d.Horizon) * (math.Pow(d.perLook(), -1/float64(spare+1)) - 1) * (1 + nearly)
	days := math.Max(silent, float64(max(35, min(d.Horizon, d.cycle()))))
	return week * int(math.Ceil(days/week))
}
