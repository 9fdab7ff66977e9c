package simulate

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// world is the users of an old pool, and what happens to all of them.
type world struct {
	users   int
	visits  distribution // how often those come who come at any time
	never   float64      // share who never come of themselves
	monthly float64      // share of the others who come on certain days of a month alone
	yearly  float64      // share of the others who come in one season of the year alone

	weekdays [7]float64 // how many sign in, as a share of the usual
	calendar int        // the day of the year on which day 0 falls
	holidays float64    // share who sign in around the new year
	scatter  float64    // of weeks, as a standard deviation of the logarithm
	spikes   float64    // chance a day that something brings many more

	season    span     // days of the year in which the yearly users come
	mailings  []int    // days
	answering float64  // share of the users left who answer a mailing
	stages    []stage  // in which the users reach the new pool
	outages   []span   // of the trigger
	residue   float64  // share of the calls that an outage lets through, as if another client still came through
	probed    bool     // whether a canary probes the trigger
	strangers float64  // calls a day of the trigger for users of neither pool
	growth    float64  // new users a day who sign up at the new pool
	blocked   blocking // who can't move at the first try

	relaunch   int     // the day from which on
	liking     float64 // so many times as many sign in
	undeclared bool    // whether the operator keeps quiet about mailings and stages
}

// distribution tells which share of the users has at most so many visits a day.
type distribution interface{ CDF(float64) float64 }

// span is the days from one to before another.
type span struct{ from, to int }

func (s span) holds(day int) bool { return day >= s.from && day < s.to }

// stage is a share of the users who reach the new pool from a day on.
type stage struct {
	open  int
	share float64
}

// blocking is the share of users who are blocked at first, of those the share who are for ever, and the chance a day that another is
// released.
type blocking struct{ share, forever, release float64 }

// group is users of the same habit.
type group struct {
	left  int
	rate  float64 // visits a day, on days on which they may come
	open  int     // the first day
	every int     // how many days the habit takes; 0 if they come on any
	on    span    // the days of the habit on which they may come
}

// open returns the first day on which all users reach the new pool.
func (w *world) open() int {
	last := 0
	for _, s := range w.stages {
		last = max(last, s.open)
	}
	return last
}

// groups divides the users into groups of the same habit. The numbers are rounded at random.
func (w *world) groups(r *rand.Rand) []group {
	var all []group
	for _, s := range w.stages {
		add := func(share float64, g group) {
			exact := float64(w.users) * s.share * share
			g.left, g.open = int(exact+r.Float64()), s.open
			if g.left > 0 {
				all = append(all, g)
			}
		}
		const slowest, fastest, step = 1e-5, 4, 1.5
		come := 1 - w.never
		any := come * (1 - w.monthly - w.yearly)
		add(w.never+any*w.visits.CDF(slowest), group{})
		for rate := slowest; rate < fastest; rate *= step {
			add(any*(w.visits.CDF(rate*step)-w.visits.CDF(rate)), group{rate: rate * math.Sqrt(step)})
		}
		for day := 0; day < 30; day += 3 {
			add(come*w.monthly/10, group{rate: 0.15, every: 30, on: span{day, day + 3}})
		}
		for _, times := range []float64{0.5, 1, 2} {
			length := float64(w.season.to - w.season.from)
			add(come*w.yearly/3, group{rate: times / length, every: 365, on: w.season})
		}
	}
	return all
}

// hazard returns how many visits of one user of the group a day brings, apart from mailings.
func (g *group) hazard(w *world, day int) float64 {
	if g.every == 0 || g.on.holds((day+w.calendar)%g.every) {
		return g.rate
	}
	return 0
}

// weather returns how many sign in on each day, as a share of the usual.
func (w *world) weather(r *rand.Rand) []float64 {
	const newYear = 12
	all := make([]float64, length)
	of := 1.0
	for day := range all {
		if day%7 == 0 {
			of = math.Exp(w.scatter*r.NormFloat64() - w.scatter*w.scatter/2)
		}
		all[day] = of * w.weekdays[day%7]
		if (day+w.calendar+newYear/2)%365 < newYear {
			all[day] *= w.holidays
		}
		if r.Float64() < w.spikes {
			all[day] *= 3 + 7*r.Float64()
		}
		if day >= w.relaunch {
			all[day] *= w.liking
		}
	}
	return all
}

// replies returns the chance that a user answers a mailing, on each day. In two weeks all have who will.
func (w *world) replies() []float64 {
	all := make([]float64, length)
	for _, mailing := range w.mailings {
		for day := mailing; day < min(mailing+14, length); day++ {
			all[day] += w.answering * math.Exp2(-float64(day-mailing)/2) * 0.3
		}
	}
	return all
}

// outage returns whether the trigger is out of reach on a day.
func (w *world) outage(day int) bool {
	for _, o := range w.outages {
		if o.holds(day) {
			return true
		}
	}
	return false
}

// some returns how many of n do what each does with chance p.
func some(r *rand.Rand, n int, p float64) int {
	switch {
	case n == 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	}
	return int(distuv.Binomial{N: float64(n), P: p, Src: r}.Rand())
}

// events returns how many of something happen that happens so often on average.
func events(r *rand.Rand, mean float64) int {
	if mean <= 0 {
		return 0
	}
	return int(distuv.Poisson{Lambda: mean, Src: r}.Rand())
}
