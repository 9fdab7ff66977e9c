package simulate

import (
	"fmt"
	"math"
	"slices"
)

// Size is how many histories a run has.
type Size struct {
	Histories int // of each scenario
	Flat      int // of each cell with a flat rate
}

// Result is what came of the histories.
type Result struct {
	Size
	Cells     []Cell // the limit is on these
	Scan      []Cell // the worst may lie between them
	scenarios []scenarioTrials
}

type scenarioTrials struct {
	scenario string
	pooled   bool // whether it counts where all are counted together
	trials   []trial
}

// Steps is how often Run calls done.
func Steps() int { return len(Scenarios) + len(Surprises) + 2 }

// Run runs the histories of all scenarios, and those with a flat rate. What comes out depends on the seed alone. It calls done after
// each step.
func Run(seed uint64, size Size, done func()) (Result, error) {
	result := Result{Size: size}
	for i, s := range slices.Concat(Scenarios, Surprises) {
		trials, err := s.trials(seed, size.Histories)
		if err != nil {
			return Result{}, err
		}
		pooled := i < len(Scenarios) && s.Name != January
		result.scenarios = append(result.scenarios, scenarioTrials{s.Name, pooled, trials})
		done()
	}
	result.Cells, result.Scan = grid(), scan()
	for _, cells := range [][]Cell{result.Cells, result.Scan} {
		if err := flat(cells, seed, size.Flat); err != nil {
			return Result{}, err
		}
		done()
	}
	return result, nil
}

// Count is how many of some cases something holds for.
type Count struct{ Of, Is int }

func (c *Count) add(is bool) {
	c.Of++
	if is {
		c.Is++
	}
}

// Percent returns the share; not a number if there are no cases.
func (c Count) Percent() float64 { return 100 * float64(c.Is) / float64(c.Of) }

// each calls f for the trials of a scenario; if it has no name, of all without surprises or yearly habits.
func (r Result) each(scenario string, horizon int, habits Habits, f func(trial)) {
	for _, s := range r.scenarios {
		if s.scenario != scenario && (scenario != "" || !s.pooled) {
			continue
		}
		for _, t := range s.trials {
			if t.horizon == horizon && t.habits == habits {
				f(t)
			}
		}
	}
}

// False returns how many first READY are false.
func (r Result) False(scenario string, horizon int, habits Habits) (c Count) {
	r.each(scenario, horizon, habits, func(t trial) { c.add(t.said.firstFalse) })
	return c
}

// EverFalse returns how many histories have a false READY on any look.
func (r Result) EverFalse(scenario string, horizon int, habits Habits) (c Count) {
	r.each(scenario, horizon, habits, func(t trial) { c.add(t.said.everFalse) })
	return c
}

// Naive returns how many first READY are false of the rule that has no bound.
func (r Result) Naive(horizon int) (c Count) {
	r.each("", horizon, None, func(t trial) { c.add(t.naive.firstFalse) })
	return c
}

// Ungated returns how many first READY are false of the rule that has no gates.
func (r Result) Ungated(scenario string, horizon int) (c Count) {
	r.each(scenario, horizon, None, func(t trial) { c.add(t.ungated.firstFalse) })
	return c
}

// Within returns how many histories are READY at most so many weeks after that is safe.
func (r Result) Within(weeks, horizon int, habits Habits) (c Count) {
	r.each("", horizon, habits, func(t trial) {
		if last := t.safe + weeks*week; t.safe != never && last <= lastLook {
			c.add(t.said.ready != never && t.said.ready <= last)
		}
	})
	return c
}

// Delay returns the median of the weeks from the day on which it is safe to the first READY, over all scenarios but January and
// histories that were watched for a year after that day; infinity if most do not become READY.
func (r Result) Delay(horizon int, habits Habits) float64 {
	var weeks []float64
	r.each("", horizon, habits, func(t trial) {
		switch {
		case t.safe == never || t.safe+52*week > lastLook:
		case t.said.ready == never:
			weeks = append(weeks, math.Inf(1))
		default:
			weeks = append(weeks, float64(t.said.ready-t.safe)/week)
		}
	})
	slices.Sort(weeks)
	return weeks[len(weeks)/2]
}

// Forecasts is how good the forecasts of the first READY were.
type Forecasts struct {
	Horizon     int
	Covered     Count   // intervals that held the truth
	OpenEnded   Count   // intervals without an end
	MedianError float64 // of the central forecast, as a share of what it took; infinity if it said "never"
	Ratios      [3]float64
}

// Forecasts judges the forecasts of all scenarios but January. If a history has no READY, only those that foretold it count: they
// were wrong.
func (r Result) Forecasts(horizon int) Forecasts {
	f := Forecasts{Horizon: horizon}
	var errs, ratios []float64
	r.each("", horizon, None, func(t trial) {
		for _, c := range t.forecasts {
			tooSoon := c.latest < c.took
			if c.over && !tooSoon {
				continue
			}
			f.Covered.add(!tooSoon && c.earliest <= c.took)
			f.OpenEnded.add(math.IsInf(c.latest, 1))
			ratio := c.central / c.took
			ratios, errs = append(ratios, ratio), append(errs, math.Abs(ratio-1))
		}
	})
	slices.Sort(errs)
	slices.Sort(ratios)
	f.MedianError = errs[len(errs)/2]
	for i := range f.Ratios {
		f.Ratios[i] = ratios[len(ratios)*(1+4*i)/10]
	}
	return f
}

// Check is one thing that must hold.
type Check struct {
	What     string
	Measured float64 // percent
	Least    float64
	Most     float64
}

// OK tells whether it holds.
func (c Check) OK() bool { return c.Measured >= c.Least && c.Measured <= c.Most }

// Limit says what must hold.
func (c Check) Limit() string {
	switch {
	case c.Least == 0:
		return fmt.Sprintf("at most %v %%", c.Most)
	case c.Most == 100:
		return fmt.Sprintf("at least %v %%", c.Least)
	}
	return fmt.Sprintf("%v to %v %%", c.Least, c.Most)
}

// Checks holds the result to what readiness promises.
func (r Result) Checks() []Check {
	return slices.Concat(r.checkFalse(), r.checkFlat(), r.checkPower(), r.checkPoorer(), r.checkForecasts())
}

func (r Result) checkFalse() []Check {
	worst, pooled, january := 0.0, Count{}, 0.0
	for _, horizon := range Horizons {
		for _, s := range Scenarios {
			if s.Name == January {
				continue
			}
			c := r.False(s.Name, horizon, None)
			worst = math.Max(worst, c.Percent())
			pooled.Of, pooled.Is = pooled.Of+c.Of, pooled.Is+c.Is
		}
		january = math.Max(january, r.False(January, horizon, Yearly).Percent())
	}
	return []Check{
		{"first READY false, no yearly habits declared, the worst scenario and horizon", worst, 0, 2},
		{"the same, all of them", pooled.Percent(), 0, 0.6},
		{"first READY false in January, yearly habits, the worst horizon", january, 0, 2.5},
	}
}

func (r Result) checkFlat() []Check {
	return []Check{{"first READY false at a flat rate, the worst rate and tolerance of the grid", Worst(r.Cells).False.Percent(), 0, 10}}
}

func (r Result) checkPower() []Check {
	var all []Check
	for _, c := range []struct {
		weeks, horizon int
		habits         Habits
		least          float64
	}{
		{26, 30, None, 78},
		{26, 90, None, 60},
		{52, 90, None, 90},
		{52, 365, None, 74},
		{52, 30, Yearly, 84},
		{52, 90, Yearly, 70},
	} {
		what := fmt.Sprintf("READY within %d weeks once it is safe, %d days ahead, habits: %s", c.weeks, c.horizon, c.habits)
		all = append(all, Check{what, r.Within(c.weeks, c.horizon, c.habits).Percent(), c.least, 100})
	}
	return all
}

// checkPoorer holds the harness itself to catching poorer rules.
func (r Result) checkPoorer() []Check {
	all := []Check{{"caught: without the bound, 30 days ahead", r.Naive(30).Percent(), 10, 100}}
	for _, s := range []string{"outages", "rollout", "blocked"} {
		all = append(all, Check{"caught: without the gates, 30 days ahead, " + s, r.Ungated(s, 30).Percent(), 15, 100})
	}
	return append(all, Check{"caught: no yearly habits declared in January, 90 days ahead", r.False(January, 90, None).Percent(), 8, 100})
}

func (r Result) checkForecasts() []Check {
	var all []Check
	for _, horizon := range Horizons {
		what := fmt.Sprintf("forecasts whose 80 %% interval held the truth, %d days ahead", horizon)
		all = append(all, Check{what, r.Forecasts(horizon).Covered.Percent(), 74, 92})
	}
	return all
}
