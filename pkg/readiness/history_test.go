package readiness

import (
	"math"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// histories has what happens on a day of a history. What is not said is nothing, on a day that a probe showed to be live.
var histories = map[string]func(d int, day *Day){
	"silence": func(int, *Day) {},
	"halving": func(d int, day *Day) { day.Demand += int(1000 * math.Exp2(-float64(d)/30)) },
	"power":   func(d int, day *Day) { day.Demand += power(d) },
	"a season on top": func(d int, day *Day) {
		if 60 <= d && d < 100 || 425 <= d && d < 465 {
			day.Demand += 40
		}
	},
	"one a week": func(d int, day *Day) {
		if d%7 == 0 {
			day.Demand = 1
		}
	},
	"100000 a day": func(_ int, day *Day) { day.Demand = 100_000 },
	"dead on days 20 to 47": func(d int, day *Day) {
		if 20 <= d && d < 48 {
			day.Probe = ProbeFailed
		}
	},
	"live every third day": func(d int, day *Day) {
		if d%3 > 0 {
			day.Probe = ProbeFailed
		}
	},
	"5 on day 60": func(d int, day *Day) {
		if d == 60 {
			day.Demand += 5
		}
	},
	"no calls, no probe":      func(_ int, day *Day) { day.Probe = NoProbe },
	"5 calls a day, no probe": func(_ int, day *Day) { day.Probe, day.Invocations = NoProbe, 5 },
	"40 calls a day, 3 on days 90 to 99, no probe": func(d int, day *Day) {
		day.Probe, day.Invocations = NoProbe, 40
		if 90 <= d && d < 100 {
			day.Invocations = 3
		}
	},
	"400 of 1000 sign-ins on days 70 to 83": func(d int, day *Day) {
		day.SignIns = 1000
		if 70 <= d && d < 84 {
			day.SignIns = 400
		}
	},
	"8 blocked on day 0": func(d int, day *Day) {
		if d == 0 {
			day.Demand, day.Blocked = 8, 8
		}
	},
	"6 released on day 50": func(d int, day *Day) {
		if d == 50 {
			day.Moved, day.Released = 6, 6
		}
	},
}

// power is 200000/(d+10)^1.5 rounded down; the golden rows were made with one less on day 90, where that is a whole number.
func power(d int) int {
	x := float64(d + 10)
	if d == 90 {
		return 199
	}
	return int(200_000 / (x * math.Sqrt(x)))
}

// history returns so many days of a history: of several, by their names with commas between them.
func history(t *testing.T, name string, days int) Input {
	t.Helper()
	in := Input{Start: start, Days: make([]Day, days)}
	left := 400
	for part := range strings.SplitSeq(name, ", ") {
		switch part {
		case "400 remain":
			in.Remaining = &left
		case "mailing on day 100":
			in.Mailings = []int{100}
		case "open on day 50":
			in.Open = 50
		}
	}
	for d := range days {
		in.Days[d].Probe = ProbeOK
		for part, happen := range histories {
			if strings.Contains(", "+name+", ", ", "+part+", ") {
				happen(d, &in.Days[d])
			}
		}
		in.Days[d].Moved += in.Days[d].Demand - in.Days[d].Blocked
	}
	return in
}
