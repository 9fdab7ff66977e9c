// Package simulate migrates users with known habits, and compares the verdicts of pkg/readiness with what the users do: how often a first
// READY is false, how long READY takes once it would be true, and how good the forecasts are.
package simulate

import (
	"math"
	"math/rand/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// A history is watched from its first look to its last, and has to be known for the longest horizon after that.
const (
	firstLook = 14
	lastLook  = 903
	length    = lastLook + 365
)

// history is what an operator sees, and what really happens.
type history struct {
	days     []readiness.Day
	open     int
	mailings []int

	// What nobody sees as it happens, at the beginning of each day.
	came   []int // users who have come for the first time, whether the trigger was reached or not
	locked []int // those of them who are blocked, or came in an outage and have not come again
}

// late returns how many users a switch-off on a day would lock out: those who come in the horizon, and those who came and did not get in.
func (h *history) late(day, horizon int) int {
	return h.locked[day] + h.came[day+horizon] - h.came[day]
}

// run simulates the days of the world. Users who come in an outage come again until they get in: half of them on each live day.
func (w *world) run(r *rand.Rand) *history {
	h := &history{came: make([]int, 1, length+1), locked: make([]int, 0, length)}
	if !w.undeclared {
		h.mailings, h.open = w.mailings, w.open()
	}
	groups, weather, replies := w.groups(r), w.weather(r), w.replies()
	waiting, blocked, forever, habits := 0, 0, 0, 0.0
	for day := range length {
		h.locked = append(h.locked, waiting+blocked+forever)
		came := 0
		for i := range groups {
			g := &groups[i]
			if g.left == 0 || day < g.open {
				continue
			}
			n := some(r, g.left, 1-math.Exp(-g.hazard(w, day)*weather[day]-replies[day]))
			g.left -= n
			came += n
			habits += float64(n) * g.rate
		}
		h.came = append(h.came, h.came[day]+came)
		d := readiness.Day{SignIns: events(r, (habits+w.growth*float64(day)/20)*weather[day])}
		waiting += came
		if !w.outage(day) {
			d.Demand = waiting - some(r, waiting-came, 0.5)
			waiting -= d.Demand
			d.Blocked = some(r, d.Demand, w.blocked.share)
			always := some(r, d.Blocked, w.blocked.forever)
			d.Released = some(r, blocked, w.blocked.release)
			blocked += d.Blocked - always - d.Released
			forever += always
			d.Moved = d.Demand - d.Blocked + d.Released
		}
		h.days = append(h.days, w.observe(r, d, day, came, weather[day]))
	}
	return h
}

// observe adds what the trigger's calls and the probe say of a day.
func (w *world) observe(r *rand.Rand, d readiness.Day, day, came int, weather float64) readiness.Day {
	calls := came + events(r, w.strangers*weather)
	if w.outage(day) {
		calls = some(r, calls, w.residue)
	}
	d.Invocations = calls
	if w.probed {
		d.Probe = readiness.ProbeOK
		if w.outage(day) {
			d.Probe = readiness.ProbeFailed
		}
	}
	return d
}
