package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
)

var now = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

// after is the progress after so many days.
func after(days int) report.Report {
	var tallies []ledger.Tally
	for i := range days {
		day := now.AddDate(0, 0, i+1-days)
		tallies = append(tallies, ledger.DayTally(ledger.Day(day), migration.Counters{
			"+migrated": 1400, "Authentication.migrated": 1400, "Authentication.failed.timeout": 3, "+blocked.disabled": 10,
		}, day))
	}
	return report.Report{Progress: progress.From(tallies, now)}
}

// A page is whole from the first day, before any event, to two years and a million users later.
func TestPage(t *testing.T) {
	counted := after(1)
	counted.Census = &census.Result{
		StartedAt: now.Add(-time.Hour), FinishedAt: now, Complete: true,
		Old: census.OldPool{Counted: census.Counted{Users: 10_000, Estimated: 12_000, Differs: true}, Remaining: 8_600},
	}
	for name, tt := range map[string]struct {
		progress report.Report
		want     []string
		picture  bool
	}{
		"with a census": {counted, []string{
			"1,400 of 10,000 users of the old pool have moved (14%), 8,600 are left", "counted 2026-07-14 11:00 UTC", "Cognito estimates 12,000",
		}, true},
		"before the first event": {after(0), []string{"How many are left is not counted yet", "0 of 0 users", "no event yet", "Nobody", "could not be asked"}, false},
		"on the first day":       {after(1), []string{"1,400 of 1,410 users", "99.2%", "Failures today: <span class=\"bad\">3"}, true},
		"after two years":        {after(730), []string{"1,022,000 of 1,029,300 users"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := report.Page(tt.progress, report.Auto)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("%q is missing", want)
				}
			}
			if strings.Contains(page, "<svg") != tt.picture {
				t.Errorf("picture: %t", !tt.picture)
			}
			if strings.Contains(page, "ZgotmplZ") {
				t.Error("a value was not safe in its place")
			}
			// CloudWatch's limit for what a widget returns is Lambda's: 6 MB. A page is far below.
			if len(page) > 1<<20 {
				t.Errorf("%d bytes", len(page))
			}
		})
	}
}

func TestPictureIsWellFormed(t *testing.T) {
	for _, theme := range []report.Theme{report.Light, report.Dark} {
		svg, err := report.Picture(after(60).Days, now, theme)
		if err != nil {
			t.Fatal(err)
		}
		for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func BenchmarkPageOfTwoYears(b *testing.B) {
	p := after(730)
	for b.Loop() {
		if _, err := report.Page(p, report.Auto); err != nil {
			b.Fatal(err)
		}
	}
}
