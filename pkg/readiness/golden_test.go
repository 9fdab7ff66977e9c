package readiness

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// golden returns the rows of a table in testdata, each by the names of its columns.
func golden(t *testing.T, name string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	names := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, value := range strings.Split(line, "\t") {
			row[names[i]] = value
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func whole(t *testing.T, text string) int { return int(number(t, text)) }

// same tells whether a figure is the golden one: to a millionth, or to its last digit where fewer are given.
func same(t *testing.T, got float64, want string) bool {
	t.Helper()
	f := number(t, want)
	digits, exponent, _ := strings.Cut(want, "e")
	_, fraction, _ := strings.Cut(digits, ".")
	power, _ := strconv.Atoi(exponent)
	lastDigit := math.Pow10(power - len(fraction))
	if !strings.Contains(want, ".") {
		lastDigit = 0 // whole numbers are exact
	}
	return got == f || math.Abs(got-f) <= max(1e-6*math.Abs(f), 0.5000001*lastDigit)
}

func TestBoundsAreGolden(t *testing.T) {
	t.Parallel()
	const a = 0.025
	for _, row := range golden(t, "bounds") {
		x, k, phi := number(t, row["x"]), whole(t, row["k"]), number(t, row["phi"])
		ratio := number(t, row["H"]) / number(t, row["E"])
		p := lateProbability(x, k, ratio, phi)
		if !same(t, p, row["p"]) || row["exact"] != "-" && !same(t, p, row["exact"]) {
			t.Errorf("%v: the chance is %v", row, p)
		}
		if u := boundOf(x, ratio, phi, a); u != whole(t, row["U"]) {
			t.Errorf("%v: the bound is %d", row, u)
		}
		most := mostLate(k, ratio, phi, a)
		if row["most"] == "none" && most != 0 || row["most"] != "none" && !same(t, most, row["most"]) {
			t.Errorf("%v: %v may have come", row, most)
		}
	}
}

func TestWindowsAreGolden(t *testing.T) {
	t.Parallel()
	for _, row := range golden(t, "windows") {
		d := Declared{Horizon: whole(t, row["H"]), NoYearlyHabits: row["C"] == "91"}
		if days := d.windowDays(whole(t, row["spare"])); days != whole(t, row["W"]) {
			t.Errorf("%v: the window has %d days", row, days)
		}
	}
}

func TestDispersionIsGolden(t *testing.T) {
	t.Parallel()
	for _, row := range golden(t, "dispersion") {
		var days []Day
		for _, n := range strings.Fields(row["weeks"]) {
			days = append(days, slices.Repeat([]Day{{Probe: ProbeOK}}, week)...)
			days[len(days)-3].Demand = whole(t, n)
		}
		if phi := NewSeries(days).dispersion(len(days), 0); !same(t, phi, row["phi"]) {
			t.Errorf("%v: the dispersion is %v", row, phi)
		}
	}
}

func TestVerdictsAreGolden(t *testing.T) {
	t.Parallel()
	for _, row := range golden(t, "verdicts") {
		in := history(t, row["history"], whole(t, row["t"]))
		in.Horizon, in.NoYearlyHabits = whole(t, row["H"]), row["habits"] == "none"
		if share, ok := strings.CutSuffix(row["tolerance"], "%"); ok {
			in.Tolerance.Share = number(t, share) / 100
		} else {
			in.Tolerance.Users = whole(t, row["tolerance"])
		}
		d, err := Decide(in)
		if err != nil {
			t.Fatal(err)
		}
		if string(d.Verdict) != row["verdict"] || string(d.Reason) != row["reason"] {
			t.Errorf("%v: %s %s: %s", row, d.Verdict, d.Reason, d.Sentence)
		}
		if d.Reason == ReasonCensus {
			continue // which asks for no look
		}
		w, err := NewSeries(in.Days).Judge(in.Declared)
		if err != nil {
			t.Fatal(err)
		}
		l, bound := w.look(len(in.Days)), 0
		if l.windowed {
			bound = l.bound(w.perLook()) - l.locked
		}
		for name, got := range map[string]float64{
			"W": float64(d.Look.Window), "span": float64(d.Look.Span), "X": float64(d.Look.Late), "E": d.Look.Exposure,
			"phi": d.Look.Dispersion, "excess": d.Look.Excess, "p": d.Look.Probability,
			"X*rho": float64(l.late) * l.ratio, "U": float64(bound),
		} {
			if !same(t, got, row[name]) {
				t.Errorf("%v: %s is %v", row, name, got)
			}
		}
	}
}

func TestForecastsAreGolden(t *testing.T) {
	t.Parallel()
	for _, row := range golden(t, "forecasts") {
		w := judge(t, history(t, row["history"], whole(t, row["t"])), Declared{
			Horizon: whole(t, row["H"]), Tolerance: Tolerance{Users: whole(t, row["K"])}, NoYearlyHabits: true,
		})
		end := len(w.days)
		days, found := w.untilReady(end)
		for i, name := range []string{"earliest", "central", "latest"} {
			if want := row[name]; found != (want != "none") || found && !same(t, days[i], want) {
				t.Errorf("%v: %s is in %v days", row, name, days[i])
			}
		}
		b := w.backtest(end)
		if b.Forecasts != whole(t, row["forecasts"]) ||
			b.Forecasts > 0 && (!same(t, b.MedianError, row["error"]) || !same(t, b.Coverage, row["coverage"])) {
			t.Errorf("%v: the backtest is %v", row, b)
		}
	}
}

func TestFirstReadyIsGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		history                         string
		horizon, tolerance, days, first int // first is 0 if it never gets READY
	}{
		{"halving", 90, 500, 420, 294},
		{"power", 90, 2000, 700, 497},
		{"power", 365, 4000, 700, 0},
		{"one a week", 90, 20, 420, 0},
	} {
		w := judge(t, history(t, c.history, c.days), Declared{
			Horizon: c.horizon, Tolerance: Tolerance{Users: c.tolerance}, NoYearlyHabits: true,
		})
		first := 0
		for day := 2 * week; day <= c.days && first == 0; day += week {
			if v, _ := w.Verdict(day); v == Ready {
				first = day
			}
		}
		if first != c.first {
			t.Errorf("%v: it was READY first on day %d", c, first)
		}
	}
}

func judge(t *testing.T, in Input, d Declared) *Judge {
	t.Helper()
	w, err := NewSeries(in.Days).Judge(d)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
