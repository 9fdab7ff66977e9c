package readiness

import "testing"

func BenchmarkFiveYears(b *testing.B) {
	in := Input{Start: start, Days: make([]Day, farthest), Declared: Declared{Horizon: 365, Tolerance: Tolerance{Users: 100}}}
	for d := range in.Days {
		in.Days[d] = Day{Demand: power(d), Moved: power(d), Invocations: 100, SignIns: 500 + d%90, Probe: ProbeOK}
	}
	for b.Loop() {
		if _, err := Decide(in); err != nil {
			b.Fatal(err)
		}
	}
}
