package simulate

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// result returns what comes of so many histories of some scenarios.
func result(t *testing.T, seed uint64, histories int, names ...string) Result {
	t.Helper()
	r := Result{Size: Size{Histories: histories}}
	for _, s := range Scenarios {
		if !slices.Contains(names, s.Name) {
			continue
		}
		trials, err := s.trials(seed, histories)
		if err != nil {
			t.Fatal(err)
		}
		r.scenarios = append(r.scenarios, scenarioTrials{s.Name, s.Name != January, trials})
	}
	return r
}

// The whole of it is "make simulate".
func TestFirstReadyIsSeldomFalse(t *testing.T) {
	t.Parallel()
	r := result(t, 1, 100, "mixed", "outages", January)
	most := func(what string, c Count, percent float64) {
		if c.Percent() > percent {
			t.Errorf("%s: the first READY was false in %d of %d histories", what, c.Is, c.Of)
		}
	}
	least := func(what string, c Count, percent float64) {
		if c.Percent() < percent {
			t.Errorf("%s: the first READY was false in only %d of %d histories, so nothing is shown", what, c.Is, c.Of)
		}
	}
	for _, horizon := range Horizons {
		most("mixed", r.False("mixed", horizon, None), 2)
		most("outages", r.False("outages", horizon, None), 2)
		most("January", r.False(January, horizon, Yearly), 2.5)
	}
	least("January, declared away", r.False(January, 90, None), 8)
	least("without the bound", r.Naive(30), 10)
	least("without the gates", r.Ungated("outages", 30), 15)
	if c := r.Within(52, 90, None); c.Percent() < 90 {
		t.Errorf("only %d of %d histories were READY a year after it was safe", c.Is, c.Of)
	}
}

func TestSameSeedGivesTheSameResult(t *testing.T) {
	t.Parallel()
	once, again := result(t, 5, 3, "mixed", January), result(t, 5, 3, "mixed", January)
	exported := cmp.AllowUnexported(Result{}, scenarioTrials{}, trial{}, said{}, forecast{})
	if diff := cmp.Diff(once, again, exported); diff != "" {
		t.Error(diff)
	}
	if other := result(t, 6, 3, "mixed", January); cmp.Equal(once, other, exported) {
		t.Error("another seed gives the same")
	}
}

// Nobody is lost: each user who came has moved, is blocked, or waits, and nobody comes twice.
func TestHistoriesAddUp(t *testing.T) {
	t.Parallel()
	for _, s := range slices.Concat(Scenarios, Surprises) {
		r := source(1, s.Name, 1)
		w := plain(r)
		s.shape(r, w)
		h := w.run(r)
		moved := 0
		for day, d := range h.days {
			if h.came[day] != moved+h.locked[day] {
				t.Fatalf("%s, day %d: %d came, %d moved, %d are locked out", s.Name, day, h.came[day], moved, h.locked[day])
			}
			moved += d.Moved
		}
		if came := h.came[length]; came == 0 || came > w.users {
			t.Errorf("%s: %d of %d users came", s.Name, came, w.users)
		}
	}
}
