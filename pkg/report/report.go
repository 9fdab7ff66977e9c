// Package report shows a migration to people: as a page and as a widget on a CloudWatch dashboard. It collects what they show, and has
// readiness judge it. It is the only package that knows HTML and plotting.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/version"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"minute":  minute,
	"period":  period,
	"people":  people,
	"percent": percent,
	"share":   func(f float64) string { return fmt.Sprintf("%.0f%%", 100*f) },
	"count":   count,
	"amount":  amount,
	"figures": figures,
	"words":   words,
	"split":   strings.Fields,
	"mark":    func(s readiness.State) mark { return marks[s] },
}).Parse(pageHTML))

// percent rounds down: 100% means all of them.
func percent(part, whole int) string {
	if whole == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.4g%%", float64(part*1000/whole)/10)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// period is from when to when something ran.
func period(from, to time.Time) string {
	switch {
	case minute(from) == minute(to):
		return minute(to)
	case day(from) == day(to):
		return from.UTC().Format("2006-01-02 15:04") + to.UTC().Format(" to 15:04 UTC")
	}
	return minute(from) + " to " + minute(to)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func count(n int) string { return message.NewPrinter(language.English).Sprint(n) }

// amount is a figure, to a tenth; empty if there is none.
func amount(f *float64) string {
	if f == nil {
		return ""
	}
	return strings.TrimSuffix(message.NewPrinter(language.English).Sprintf("%.1f", *f), ".0")
}

// figures are a criterion's figures, in a line.
func figures(c readiness.Criterion) string {
	var all []string
	for _, f := range []struct {
		name   string
		figure *float64
	}{{"value", c.Value}, {"bound", c.Bound}, {"threshold", c.Threshold}} {
		if f.figure != nil {
			all = append(all, f.name+" "+amount(f.figure))
		}
	}
	return strings.Join(all, " · ")
}

// words is the name of a criterion or a verdict in words.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// mark shows a state without colour: by a symbol, beside its word.
type mark struct{ Symbol, Class string }

var marks = map[readiness.State]mark{
	readiness.Pass: {"✓", "pass"}, readiness.Fail: {"✗", "fail"}, readiness.Unknown: {"?", "unknown"},
}

// answer is a verdict for people.
type answer struct {
	mark
	Text string
}

var answers = map[readiness.Verdict]answer{
	readiness.Ready:        {marks[readiness.Pass], "The old pool may be switched off"},
	readiness.NotReady:     {marks[readiness.Fail], "The old pool is still needed"},
	readiness.Inconclusive: {marks[readiness.Unknown], "The old pool may still be needed"},
}

// Theme is whether what is shown is light or dark.
type Theme string

// Auto leaves it to the browser.
const (
	Auto  Theme = "auto"
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Page returns a whole page. It is static and complete in itself: no script, and nothing to load.
func Page(r Report, theme Theme) (string, error) {
	v := newView(r, theme)
	var err error
	if v.Course, v.Tries, err = pictures(r); err != nil {
		return "", err
	}
	return v.render("page")
}

// Widget returns what a CloudWatch custom widget shows: the upper part of the page, as HTML without a page around it. CloudWatch would
// remove scripts, frames and SVG's use. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_security.html
func Widget(r Report, theme Theme) (string, error) { return newView(r, theme).render("widget") }

// WidgetDescription is what a widget answers to {"describe": true}, in Markdown.
const WidgetDescription = `### Progress of the Cognito user migration
Shows whether the old pool may be switched off, how many users have moved, what is not proven yet, and what to act on. It takes no parameters.
`

// view is what the template shows.
type view struct {
	Report
	Theme      Theme
	Answer     answer
	Facts      []fact
	Parts      []part                // of the users of the old pool
	Unfinished int                   // of those handed over: they asked for a new password and have not set it
	Missing    []readiness.Criterion // what keeps the verdict from READY
	Summary    []group
	Forecast   []expected
	Actions    []action
	Today      ledger.Totals
	Course     *picture // nil if there is nothing to draw
	Tries      *picture // of the attempts
	Version    string   // of the function that shows it
}

func newView(r Report, theme Theme) view {
	v := view{
		Report: r, Theme: theme, Answer: answers[r.Readiness.Verdict], Facts: r.Readiness.facts(),
		Parts: parts(r.Census), Forecast: forecast(r.Readiness.Decision), Actions: r.actions(), Today: r.today(),
		Version: version.String(),
	}
	if r.Census != nil && r.Census.New.ResetUnfinished != nil {
		v.Unfinished = *r.Census.New.ResetUnfinished
	}
	for _, c := range r.Readiness.Criteria {
		if c.Decisive && c.State != readiness.Pass {
			v.Missing = append(v.Missing, c)
		}
	}
	for _, state := range []readiness.State{readiness.Fail, readiness.Unknown, readiness.Pass} {
		g := group{State: state}
		for _, c := range r.Readiness.Criteria {
			if c.State == state && (c.Decisive || state == readiness.Pass) {
				g.Names = append(g.Names, c.Name)
			}
		}
		if g.Names != nil {
			v.Summary = append(v.Summary, g)
		}
	}
	return v
}

// group has the names of the criteria in a state. Those that fail, or are unknown, without deciding are left out.
type group struct {
	State readiness.State
	Names []string
}

// today returns the totals of the present day.
func (r Report) today() ledger.Totals {
	for _, day := range r.Days {
		if day.Day == ledger.Day(r.AsOf) {
			return day.Totals
		}
	}
	return ledger.Totals{}
}

func (v view) render(name string) (string, error) {
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, name, v); err != nil {
		return "", fmt.Errorf("show the report: %w", err)
	}
	return out.String(), nil
}
