package readiness

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// someInput draws a history that slows down, with what an operator may declare.
func someInput(t *rapid.T) Input {
	in := Input{Start: start, Days: make([]Day, rapid.IntRange(0, 700).Draw(t, "days"))}
	pace, slowing := rapid.IntRange(0, 100).Draw(t, "pace"), rapid.IntRange(1, 50).Draw(t, "slowing")
	luck := rapid.SliceOfN(rapid.IntRange(0, 99), 17, 17).Draw(t, "luck")
	troubled, blocked := rapid.IntRange(0, 3).Draw(t, "trouble") == 0, 0
	for d := range in.Days {
		luck, day := luck[d%17], &in.Days[d]
		day.Demand = pace * luck / 50 * slowing / (slowing + d)
		day.Invocations, day.SignIns, day.Probe = 10+luck, 50+5*luck, ProbeOK
		if troubled {
			day.Probe = []Probe{NoProbe, ProbeOK, ProbeFailed}[(luck/3+d/40)%3]
		}
		switch {
		case luck > 90 && day.Demand > 0:
			day.Blocked = 1
		case luck > 50 && blocked > 0:
			day.Released = 1
		}
		blocked += day.Blocked - day.Released
		day.Moved = day.Demand - day.Blocked + day.Released
	}
	in.Horizon = rapid.SampledFrom([]int{1, 7, 30, 30, 90, 90, 365, 400}).Draw(t, "horizon")
	in.Tolerance.Users = rapid.SampledFrom([]int{0, 1, 5, 20, 100, 1000, 10_000}).Draw(t, "tolerance")
	in.Tolerance.Share = rapid.SampledFrom([]float64{0, 0, 0.01, 0.1}).Draw(t, "share")
	in.NoYearlyHabits = rapid.Bool().Draw(t, "no yearly habits")
	in.Open = rapid.SampledFrom([]int{0, 0, 0, 50}).Draw(t, "open")
	in.Mailings = rapid.SliceOfN(rapid.IntRange(-10, 700), 0, 1).Draw(t, "mailings")
	return in
}

func decide(t *rapid.T, in Input, further ...Criterion) Decision {
	d, err := Decide(in, further...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSameInputGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		once, err := json.Marshal(decide(t, in))
		if err != nil {
			t.Fatal(err)
		}
		in.Days, in.Mailings = slices.Clone(in.Days), slices.Clone(in.Mailings)
		again, err := json.Marshal(decide(t, in))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(once, again) {
			t.Fatalf("%s\n%s", once, again)
		}
	})
}

func TestReadyIsProven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		if rapid.Bool().Draw(t, "census") {
			left := rapid.IntRange(0, 2000).Draw(t, "left")
			in.Remaining = &left
		}
		d := decide(t, in)
		if d.Verdict != Ready {
			return
		}
		if d.Bound == nil || *d.Bound > d.Tolerance {
			t.Errorf("the bound is %v, %d are tolerated", d.Bound, d.Tolerance)
		}
		for _, c := range d.Criteria {
			if c.Decisive && c.State != Pass {
				t.Errorf("%s is %s", c.Name, c.State)
			}
		}
	})
}

func TestUnknownIsNeverReady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		if rapid.Bool().Draw(t, "census") {
			in.Remaining = new(int)
		}
		if d := decide(t, in, Criterion{Name: "theirs", State: Unknown, Decisive: true}); d.Verdict == Ready {
			t.Errorf("READY: %s", d.Sentence)
		}
		if d := decide(t, in, Criterion{Name: "theirs", State: Fail, Decisive: true}); d.Verdict != NotReady {
			t.Errorf("%s: %s", d.Verdict, d.Sentence)
		}
	})
}

// More users on one day never make it READY, unless their coming makes the counts scatter less.
func TestMoreDemandNeverMakesReady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		in.NoYearlyHabits = true // else more users make last year's bump smoother
		in.Tolerance.Share = 0
		end := len(in.Days)
		if end == 0 {
			return
		}
		before := judgeOf(t, in)
		in.Days = slices.Clone(in.Days)
		in.Days[rapid.IntRange(0, end-1).Draw(t, "day")].Demand += rapid.IntRange(1, 500).Draw(t, "more")
		after := judgeOf(t, in)
		for n := range looks {
			at := max(0, end-week*n)
			if after.dispersion(at, in.Open) < before.dispersion(at, in.Open) {
				return
			}
		}
		was, _ := before.Verdict(end)
		if is, reason := after.Verdict(end); is == Ready && was != Ready {
			t.Errorf("it was %s, and is READY %s", was, reason)
		}
	})
}

func judgeOf(t *rapid.T, in Input) *Judge {
	w, err := NewSeries(in.Days).Judge(in.Declared)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// What comes later does not change what was known: a judge answers for a past day as it did on that day.
func TestVerdictsOfThePastStand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		at := rapid.IntRange(0, len(in.Days)).Draw(t, "at")
		later, laterReason := judgeOf(t, in).Verdict(at)
		in.Days = in.Days[:at]
		if d := decide(t, in); d.Verdict != later || d.Reason != laterReason {
			t.Errorf("it was %s %s, and is %s %s", d.Verdict, d.Reason, later, laterReason)
		}
	})
}

func TestExposureIsAShareOfADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		s := NewSeries(in.Days)
		for d, day := range in.Days {
			switch e := s.Exposure(d, d+1); {
			case e < -nearly || e > 1+nearly:
				t.Fatalf("day %d is worth %v", d, e)
			case day.Probe == ProbeFailed && e > nearly:
				t.Fatalf("day %d is dead and worth %v", d, e)
			}
		}
	})
}

func TestLateProbabilityIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		late, spare := rapid.Float64Range(0, 1e5).Draw(t, "late"), rapid.IntRange(0, 100_000).Draw(t, "spare")
		ratio, dispersion := rapid.Float64Range(0.01, 20).Draw(t, "ratio"), rapid.Float64Range(1, 50).Draw(t, "dispersion")
		p := lateProbability(late, spare, ratio, dispersion)
		const rounding = 1e-12
		for what, more := range map[string]float64{
			"more came":         lateProbability(late*1.1+1, spare, ratio, dispersion) - p,
			"fewer are allowed": lateProbability(late, spare*9/10, ratio, dispersion) - p,
			"a longer horizon":  lateProbability(late, spare, ratio*1.1, dispersion) - p,
		} {
			if more < -rounding {
				t.Errorf("%s, and the chance of %v fell by %v", what, p, -more)
			}
		}
		if p < 0 || p > 1 {
			t.Errorf("the chance is %v", p)
		}
		const a = 0.025
		bound := boundOf(late, ratio, dispersion, a)
		if lateProbability(late, bound, ratio, dispersion) > a || bound > 0 && lateProbability(late, bound-1, ratio, dispersion) <= a {
			t.Errorf("%d is not the least bound", bound)
		}
	})
}

// The soonest day is the first on which it is READY if nobody comes any more.
func TestSoonestIsReadyAfterSilence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someInput(t)
		d := decide(t, in)
		if d.Verdict == Ready || d.Soonest == nil {
			return
		}
		end := len(in.Days)
		quiet := slices.Repeat([]Day{{Probe: ProbeOK, SignIns: 1000}}, farthest)
		in.Days = slices.Concat(in.Days, quiet)
		w := judgeOf(t, in)
		for day := end + 1; ; day++ {
			if v, _ := w.Verdict(day); v != Ready {
				continue
			}
			if date := start.AddDate(0, 0, day).Format(time.DateOnly); date != *d.Soonest {
				t.Fatalf("it is READY on %s, and %s was said", date, *d.Soonest)
			}
			return
		}
	})
}
