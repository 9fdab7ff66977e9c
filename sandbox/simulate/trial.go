package simulate

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// Horizons are how many days the operators look ahead.
var Horizons = []int{30, 90, 365}

// Habits is what an operator declares of yearly habits.
type Habits string

// An operator declares that there are none, or nothing, which means that there may be some.
const (
	None   Habits = "none"
	Yearly Habits = "yearly"
)

const week = 7

// never is a day that did not come.
const never = -1

// trial is one history with what one operator tolerates, and what came of it.
type trial struct {
	horizon int
	habits  Habits
	said    said
	safe    int // the look from which on everybody could reach the new pool, and no more were late than tolerated

	naive, ungated said // by poorer rules
	forecasts      []forecast
}

// said is what a rule said on all looks at a history.
type said struct {
	ready      int  // the day of the first READY
	firstFalse bool // whether more users were late then than tolerated
	everFalse  bool // whether they were on any look with a READY
}

// forecast is how many days were foretold until READY, and how many it took.
type forecast struct {
	earliest, central, latest float64 // infinite if no date could be given
	took                      float64
	over                      bool // it took more, and nobody watched for longer
}

// source returns the random numbers of one history.
func source(seed uint64, name string, n int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()+uint64(n)))
}

// trials runs so many histories of a scenario. What comes out depends on the seed alone.
func (s Scenario) trials(seed uint64, n int) ([]trial, error) {
	all := make([][]trial, n)
	group := errgroup.Group{}
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error {
			r := source(seed, s.Name, i)
			w := plain(r)
			s.shape(r, w)
			var err error
			all[i], err = w.run(r).trials(r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var flat []trial
	for _, t := range all {
		flat = append(flat, t...)
	}
	return flat, nil
}

// trials has operators watch a history. For each horizon one tolerates exactly as many users as are late from a random day on, so
// that the truth crosses the tolerance while it is watched.
func (h *history) trials(r *rand.Rand) ([]trial, error) {
	series := readiness.NewSeries(h.days)
	var all []trial
	for _, horizon := range Horizons {
		crossing := 63 + r.IntN(540)
		d := readiness.Declared{Horizon: horizon, Open: h.open, Mailings: h.mailings}
		d.Tolerance.Users = max(5, h.late(crossing, horizon))
		for _, habits := range []Habits{None, Yearly} {
			d.NoYearlyHabits = habits == None
			judge, err := series.Judge(d)
			if err != nil {
				return nil, err
			}
			t := trial{horizon: horizon, habits: habits}
			t.safe = h.safe(horizon, d.Tolerance.Users)
			t.said = h.ask(d, rule(judge))
			if habits == None {
				t.forecasts = h.forecasts(r, judge, t.said.ready)
				t.naive = h.ask(d, h.naive(series, d))
				t.ungated = h.ask(d, h.ungated(d))
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// rule is what is held to the truth: whether it is READY on a day.
func rule(j *readiness.Judge) func(day int) bool {
	return func(day int) bool {
		verdict, _ := j.Verdict(day)
		return verdict == readiness.Ready
	}
}

// ask asks a rule on every look.
func (h *history) ask(d readiness.Declared, ready func(day int) bool) said {
	s := said{ready: never}
	for day := firstLook; day <= lastLook; day += week {
		if !ready(day) {
			continue
		}
		isFalse := h.late(day, d.Horizon) > d.Tolerance.Users
		if s.ready == never {
			s.ready, s.firstFalse = day, isFalse
		}
		s.everFalse = s.everFalse || isFalse
	}
	return s
}

// safe returns the look from which on everybody can reach the new pool, and no more users are late than tolerated.
func (h *history) safe(horizon, tolerance int) int {
	safe := never
	for day := lastLook; day >= max(firstLook, h.open) && h.late(day, horizon) <= tolerance; day -= week {
		safe = day
	}
	return safe
}

// forecasts asks every eight weeks, from a random look on, when the first READY will be, until it is.
func (h *history) forecasts(r *rand.Rand, j *readiness.Judge, ready int) []forecast {
	const every = 8 * week
	until := ready
	if ready == never {
		until = lastLook
	}
	var all []forecast
	for day := firstLook + week*r.IntN(8); day < until; day += every {
		if o, found := j.Outlook(day); found {
			all = append(all, forecast{days(o.Earliest), days(o.Central), days(o.Latest), float64(until - day), ready == never})
		}
	}
	return all
}

func days(n *int) float64 {
	if n == nil {
		return math.Inf(1)
	}
	return float64(*n)
}
