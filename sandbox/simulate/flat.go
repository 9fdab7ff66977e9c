package simulate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// The hardest case: the rate does not decline, and stays close to what is tolerated.

// Rates are how many users come in the horizon, as a share of those who are tolerated.
var Rates = []float64{0.8, 0.9, 1, 1.2, 1.5, 2}

var tolerances = []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}

// mostScanned is the largest tolerance of the scan. Above it, the window is as long as the longest habit for every tolerance.
const mostScanned = 40

// Cell is what came of histories at one flat rate.
type Cell struct {
	Horizon, Tolerance int
	Habits             Habits
	Rate               float64
	False              Count // first READY
}

// Worst returns the cell with the most false READY.
func Worst(cells []Cell) Cell {
	return slices.MaxFunc(cells, func(a, b Cell) int { return cmp.Compare(a.False.Percent(), b.False.Percent()) })
}

// grid returns the cells of all horizons, tolerances and rates.
func grid() (cells []Cell) {
	for _, horizon := range Horizons {
		for _, tolerance := range tolerances {
			for _, rate := range Rates {
				cells = append(cells, Cell{Horizon: horizon, Habits: None, Tolerance: tolerance, Rate: rate})
			}
		}
	}
	return cells
}

// scan returns a cell for every small tolerance, with as many users as are tolerated.
func scan() (cells []Cell) {
	for _, habits := range []Habits{None, Yearly} {
		for _, horizon := range Horizons {
			for tolerance := range mostScanned {
				cells = append(cells, Cell{Horizon: horizon, Habits: habits, Tolerance: tolerance + 1, Rate: 1})
			}
		}
	}
	return cells
}

// flat has users come at the same rate all the time.
func flat(cells []Cell, seed uint64, n int) error {
	group := errgroup.Group{}
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range cells {
		group.Go(func() error { return cells[i].run(seed, n) })
	}
	return group.Wait()
}

func (c *Cell) run(seed uint64, n int) error {
	d := readiness.Declared{Horizon: c.Horizon, NoYearlyHabits: c.Habits == None}
	d.Tolerance.Users = c.Tolerance
	for i := range n {
		r := source(seed, fmt.Sprintf("flat %d %d %v", c.Horizon, c.Tolerance, c.Rate), i)
		h := steady(r, c.Rate*float64(c.Tolerance)/float64(c.Horizon))
		judge, err := readiness.NewSeries(h.days).Judge(d)
		if err != nil {
			return err
		}
		c.False.add(h.ask(d, rule(judge)).firstFalse)
	}
	return nil
}

// steady is a history in which so many users come on average every day.
func steady(r *rand.Rand, mean float64) *history {
	h := &history{came: make([]int, 1, length+1), locked: make([]int, length)}
	for day := range length {
		n := events(r, mean)
		h.came = append(h.came, h.came[day]+n)
		h.days = append(h.days, readiness.Day{Demand: n, Moved: n, Invocations: n, Probe: readiness.ProbeOK})
	}
	return h
}
