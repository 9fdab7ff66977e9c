// Package report shows the progress of a migration to people: as a page, as a widget on a CloudWatch dashboard, and as a picture.
// It is the only package that knows HTML and plotting.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/version"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"minute":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"day":     func(t *time.Time) string { return t.UTC().Format(time.DateOnly) },
	"percent": percent,
	"count":   func(n int) string { return message.NewPrinter(language.English).Sprint(n) },
}).Parse(pageHTML))

// percent rounds down: 100% means all of them.
func percent(part, whole int) string {
	if whole == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.4g%%", float64(part*1000/whole)/10)
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
func Page(r Report, theme Theme) (string, error) { return render("page", r, theme) }

// Widget returns what a CloudWatch custom widget shows: HTML without a page around it, and without scripts, which CloudWatch would
// strip. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html
func Widget(r Report, theme Theme) (string, error) { return render("view", r, theme) }

// WidgetDescription is what a widget answers to {"describe": true}, in Markdown.
const WidgetDescription = `### Progress of the Cognito user migration
Shows how many users have moved, who is blocked by what, and what failed today. It takes no parameters.
`

func render(name string, r Report, theme Theme) (string, error) {
	data := struct {
		Progress    progress.Progress
		Census      *census.Result
		Theme       Theme
		Today       ledger.Totals
		Light, Dark template.HTML
		Version     string // of the function that shows it
	}{Progress: r.Progress, Census: r.Census, Theme: theme, Version: version.String()}
	p := r.Progress
	for _, day := range p.Days {
		if day.Day == ledger.Day(p.AsOf) {
			data.Today = day.Totals
		}
	}
	if len(p.Days) > 0 {
		for painted, svg := range map[Theme]*template.HTML{Light: &data.Light, Dark: &data.Dark} {
			if theme != Auto && theme != painted {
				continue
			}
			picture, err := Picture(p.Days, p.AsOf, painted)
			if err != nil {
				return "", err
			}
			*svg = template.HTML(picture) //nolint:gosec // drawn here from numbers and dates
		}
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("show the progress: %w", err)
	}
	return out.String(), nil
}
