package simulate

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Scenario is a kind of world. Each history draws the parameters that the scenario leaves open.
type Scenario struct {
	Name  string
	shape func(r *rand.Rand, w *world)
}

// January is the scenario in which some users come in one season of the year alone.
const January = "january"

// features are what can be special about a world.
var features = []Scenario{
	{"weekdays", weekdays},
	{"monthly", func(r *rand.Rand, w *world) { w.monthly = between(r, 0.1, 0.5) }},
	{"never", func(r *rand.Rand, w *world) { w.never = between(r, 0.3, 0.9) }},
	{"holidays", func(r *rand.Rand, w *world) { w.holidays = between(r, 0.2, 0.7) }},
	{"scatter", func(r *rand.Rand, w *world) { w.scatter = between(r, 0.1, 0.3) }},
	{"shocks", func(r *rand.Rand, w *world) { w.spikes = between(r, 0.005, 0.03) }},
	{"mailings", mailings},
	{"rollout", rollout},
	{"outages", outages},
	{"growth", func(r *rand.Rand, w *world) { w.growth = float64(w.users) * logBetween(r, 1e-4, 1e-2) }},
	{"blocked", blocked},
	{"heavy tails", heavyTails},
}

// Scenarios are the worlds in which what readiness claims must hold. In all but January nobody has yearly habits.
var Scenarios = slices.Concat(
	[]Scenario{{"gamma", func(*rand.Rand, *world) {}}}, features, []Scenario{{"mixed", mixed}, {January, january}},
)

// Surprises are worlds in which something happens that readiness does not claim to know of, and that the operator does not declare.
var Surprises = []Scenario{
	{"a mailing", func(r *rand.Rand, w *world) { mailings(r, w); w.undeclared = true }},
	{"a relaunch", func(r *rand.Rand, w *world) { w.relaunch, w.liking = 200+r.IntN(600), between(r, 1.5, 4) }},
	{"a client that comes late", func(r *rand.Rand, w *world) {
		share := between(r, 0.02, 0.2)
		w.stages, w.undeclared = []stage{{0, 1 - share}, {200 + r.IntN(600), share}}, true
	}},
}

// plain draws a world without anything special.
func plain(r *rand.Rand) *world {
	shape, mean := logBetween(r, 0.2, 2), 1/logBetween(r, 3, 90)
	return &world{
		users:     int(logBetween(r, 1000, 5e6)),
		visits:    distuv.Gamma{Alpha: shape, Beta: shape / mean},
		never:     between(r, 0, 0.3),
		weekdays:  [7]float64{1, 1, 1, 1, 1, 1, 1},
		calendar:  r.IntN(365),
		holidays:  1,
		scatter:   0.05,
		stages:    []stage{{0, 1}},
		relaunch:  length,
		probed:    r.Float64() < 0.6,
		strangers: logBetween(r, 10, 1000),
	}
}

func weekdays(r *rand.Rand, w *world) {
	for day := range w.weekdays {
		w.weekdays[day] = between(r, 0.7, 1.3)
	}
	weekend := between(r, 0.1, 1.5)
	w.weekdays[5], w.weekdays[6] = weekend, weekend*between(r, 0.7, 1)
}

func mailings(r *rand.Rand, w *world) {
	for range 1 + r.IntN(3) {
		w.mailings = append(w.mailings, 20+r.IntN(480))
	}
	w.answering = logBetween(r, 0.01, 0.3)
}

// rollout has the users reach the new pool in stages, some weeks apart and each larger than the one before.
func rollout(r *rand.Rand, w *world) {
	w.stages = nil
	day, size, all := 0, 1.0, 0.0
	for range 3 + r.IntN(3) {
		w.stages = append(w.stages, stage{day, size})
		all += size
		day, size = day+21+r.IntN(50), size*between(r, 1, 4)
	}
	for i := range w.stages {
		w.stages[i].share /= all
	}
}

// outages come at any time, and last for days or for months.
func outages(r *rand.Rand, w *world) {
	for range 3 + r.IntN(6) {
		from := r.IntN(lastLook)
		w.outages = append(w.outages, span{from, from + int(logBetween(r, 2, 90))})
	}
	if w.strangers > 100 && r.Float64() < 0.5 {
		w.residue = 0.03
	}
}

func blocked(r *rand.Rand, w *world) {
	w.blocked = blocking{share: logBetween(r, 0.005, 0.1), forever: between(r, 0, 0.3), release: 1 / logBetween(r, 7, 300)}
}

func heavyTails(r *rand.Rand, w *world) {
	w.visits = distuv.LogNormal{Mu: -math.Log(logBetween(r, 10, 500)), Sigma: between(r, 1.5, 3)}
}

// mixed has some of the features, each with the same chance.
func mixed(r *rand.Rand, w *world) {
	for _, f := range features {
		if r.Float64() < 0.35 {
			f.shape(r, w)
		}
	}
}

// january has some users come in one season of 21 to 56 days of the year alone.
func january(r *rand.Rand, w *world) {
	from := r.IntN(300)
	w.season = span{from, from + 21 + r.IntN(36)}
	w.yearly = logBetween(r, 0.01, 0.1)
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

func logBetween(r *rand.Rand, low, high float64) float64 {
	return math.Exp(between(r, math.Log(low), math.Log(high)))
}
