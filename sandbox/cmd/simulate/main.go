// Simulate runs many thousand migrations of users with known habits, compares the verdicts of pkg/readiness with what the users do, and
// prints the measurements as Markdown. It fails if a limit is not kept.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/schollz/progressbar/v3"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/simulate"
)

func main() {
	seed := flag.Uint64("seed", 1, "decides what users do")
	histories := flag.Int("histories", 1000, "histories of each scenario")
	flat := flag.Int("flat", 2000, "histories of each flat rate")
	flag.Parse()
	if err := run(*seed, simulate.Size{Histories: *histories, Flat: *flat}); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run(seed uint64, size simulate.Size) error {
	bar := progressbar.NewOptions(simulate.Steps(), progressbar.OptionSetDescription("Simulating"),
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionThrottle(100*time.Millisecond))
	result, err := simulate.Run(seed, size, func() { _ = bar.Add(1) })
	if err != nil {
		return err
	}
	_ = bar.Finish()
	fmt.Fprintln(os.Stderr)
	fmt.Printf("%d histories of each scenario, %d of each flat rate and tolerance, seed %d.\n\n", size.Histories, size.Flat, seed)
	showScenarios(result)
	showFlat(result)
	showForecasts(result)
	return showChecks(result)
}

func newTable(header table.Row) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(header)
	return t
}

func render(t table.Writer) {
	t.RenderMarkdown()
	fmt.Println()
}

// perColumn makes a row with a cell for each horizon and each declaration of yearly habits.
func perColumn(name string, cell func(horizon int, habits simulate.Habits) string) table.Row {
	row := table.Row{name}
	for _, habits := range []simulate.Habits{simulate.None, simulate.Yearly} {
		for _, horizon := range simulate.Horizons {
			row = append(row, cell(horizon, habits))
		}
	}
	return row
}

func showScenarios(r simulate.Result) {
	t := newTable(perColumn("READY false, %", func(horizon int, habits simulate.Habits) string {
		return fmt.Sprintf("%d days, %s", horizon, habits)
	}))
	row := func(name string, count func(horizon int, habits simulate.Habits) simulate.Count) {
		t.AppendRow(perColumn(name, func(horizon int, habits simulate.Habits) string {
			return fmt.Sprintf("%.1f", count(horizon, habits).Percent())
		}))
	}
	for _, s := range simulate.Scenarios {
		row(s.Name, func(horizon int, habits simulate.Habits) simulate.Count { return r.False(s.Name, horizon, habits) })
	}
	row("all but january, any look", func(horizon int, habits simulate.Habits) simulate.Count { return r.EverFalse("", horizon, habits) })
	for _, s := range simulate.Surprises {
		row("surprise: "+s.Name, func(horizon int, habits simulate.Habits) simulate.Count { return r.False(s.Name, horizon, habits) })
		row("the same, any look", func(horizon int, habits simulate.Habits) simulate.Count { return r.EverFalse(s.Name, horizon, habits) })
	}
	t.AppendRow(perColumn("weeks from safe to READY, median, all but january", func(horizon int, habits simulate.Habits) string {
		return finite("%.0f", r.Delay(horizon, habits))
	}))
	render(t)
}

// showFlat shows the worst tolerance, for each rate, and then of all small ones.
func showFlat(r simulate.Result) {
	header := table.Row{"first READY false at a flat rate, the worst tolerance, %"}
	for _, horizon := range simulate.Horizons {
		header = append(header, fmt.Sprintf("%d days", horizon))
	}
	t := newTable(header)
	row := func(name string, cells []simulate.Cell, belongs func(simulate.Cell) bool) {
		row := table.Row{name}
		for _, horizon := range simulate.Horizons {
			worst := simulate.Worst(slices.DeleteFunc(slices.Clone(cells), func(c simulate.Cell) bool {
				return c.Horizon != horizon || !belongs(c)
			}))
			row = append(row, fmt.Sprintf("%.1f (%d)", worst.False.Percent(), worst.Tolerance))
		}
		t.AppendRow(row)
	}
	for _, rate := range simulate.Rates {
		row(fmt.Sprintf("%v of the tolerance", rate), r.Cells, func(c simulate.Cell) bool { return c.Rate == rate })
	}
	for _, habits := range []simulate.Habits{simulate.None, simulate.Yearly} {
		name := fmt.Sprintf("the tolerance, trying every one from 1 to 40, habits: %s", habits)
		row(name, r.Scan, func(c simulate.Cell) bool { return c.Habits == habits })
	}
	render(t)
}

func showForecasts(r simulate.Result) {
	t := newTable(table.Row{
		"forecasts, days ahead", "number", "in the 80 % interval", "without an end", "median error", "forecast by truth: 10 %, median, 90 %",
	})
	for _, horizon := range simulate.Horizons {
		f := r.Forecasts(horizon)
		ratios := make([]string, len(f.Ratios))
		for i, ratio := range f.Ratios {
			ratios[i] = finite("%.2f", ratio)
		}
		t.AppendRow(table.Row{
			horizon, f.Covered.Of, fmt.Sprintf("%.1f %%", f.Covered.Percent()), fmt.Sprintf("%.1f %%", f.OpenEnded.Percent()),
			finite("%.0f %%", 100*f.MedianError), strings.Join(ratios, ", "),
		})
	}
	render(t)
}

func finite(format string, value float64) string {
	if math.IsInf(value, 1) {
		return "never"
	}
	return fmt.Sprintf(format, value)
}

func showChecks(r simulate.Result) error {
	t := newTable(table.Row{"acceptance", "measured", "limit", ""})
	var errs []error
	for _, c := range r.Checks() {
		kept := "kept"
		if !c.OK() {
			kept = "NOT KEPT"
			errs = append(errs, fmt.Errorf("%s: %.2f %%, want %s", c.What, c.Measured, c.Limit()))
		}
		t.AppendRow(table.Row{c.What, fmt.Sprintf("%.2f %%", c.Measured), c.Limit(), kept})
	}
	render(t)
	return errors.Join(errs...)
}
