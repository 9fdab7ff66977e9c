package report_test

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
)

const (
	noCensus   = "How many users are left is not known: no census yet"
	noDate     = "No date can be given"
	recheck    = "Ask again on the day of the switch"
	ofThePool  = "users of the old pool have moved"
	undeclared = "It is not declared what a verdict needs"
)

// Each state says what it knows, what is missing and what to do, and nothing that it can't know.
func TestPage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ want, not []string }{
		"nobody yet": {
			[]string{"? INCONCLUSIVE", noCensus, "migration census", "No user has come yet", undeclared, "not declared", noDate, "Verification none yet", "never READY"},
			[]string{ofThePool, "%.", "READY expected", recheck, "<svg"},
		},
		"before a census": {
			[]string{"? INCONCLUSIVE", noCensus, "560 of 588 users who came have moved: confirmed 504, handed over 56, blocked 14, tried 14", "Users moved", "56 users are handed over and not confirmed"},
			[]string{ofThePool, "never came", "Users left in the old pool"},
		},
		"undeclared": {
			[]string{"? INCONCLUSIVE", "9,781 of 20,000 users of the old pool have moved, 10,219 left", "48.9% of them", undeclared, "make deploy PARAMETERS='Tolerance=100 Opened=2026-07-14'", noDate, "Users left in the old pool, by census"},
			[]string{noCensus, recheck, "READY expected"},
		},
		"not ready": {
			[]string{
				"✗ NOT_READY", "The old pool is still needed", "you tolerate 100, and 30 are blocked already", "✗ late users (fail) ? season (unknown)",
				"never came 8,651", "1,129 users who were handed over asked for a new password and have not set it", "✗ fail late users", "✓ pass path", "census does not decide", "earliest " + in(349), "latest no date can be given", "READY expected",
				"15 users are blocked: disabled", "migration blocked disabled", "migration blocked challenge --challenge=SOFTWARE_TOKEN_MFA",
			},
			[]string{recheck, undeclared, "Nothing."},
		},
		"season": {
			[]string{"? INCONCLUSIVE", "? season (unknown)", "455 show a year's habits", "yearly habits possible", "If nobody else came, READY would be possible on " + in(269), "in about 9 months"},
			[]string{recheck},
		},
		"persistence": {
			[]string{"? INCONCLUSIVE", "1 look has passed in a row", "yearly habits none", "✗ persistence (fail)", "Nothing."},
			[]string{recheck, "? season"},
		},
		"ready": {
			[]string{"✓ READY", "The old pool may be switched off", recheck, "migration readiness --record", "tolerated 3% of those moved: 328 users", "horizon 90 days", "confidence 95 %", "Nothing."},
			[]string{"What is missing", "When", "READY expected", "NOT_READY"},
		},
		"ready by a census": {
			[]string{"✓ READY", "A census found 40 users left in the old pool; you tolerate 50", recheck, "census decides alone", "✗ fail window does not decide"},
			[]string{"What is missing", "NOT_READY"},
		},
		"a million users": {
			[]string{"✗ NOT_READY", "824,550 of 1,234,567 users of the old pool have moved, 410,017 left", "2% of those moved: 16,491 users", "confirmed 742,095", "READY expected", "most likely", "Attempts recorded a week"},
			[]string{recheck},
		},
		"two years": {
			[]string{"✓ READY", "114,665 of 160,000 users", "730 censuses", "730 whole days"},
			nil,
		},
		"much is wrong": {
			[]string{
				"✗ NOT_READY", "READY was lost", "docs/playbooks/ready-lost.md", "12 attempts failed today", "migration logs --failed", "The last probe was not answered: not permitted",
				"Verifying the ledger found 2 things wrong", "migration verify", "1 event was given up and not recorded", "7 events wait in the spool",
				"mailings 1, the last on " + in(20), "last READY", "2 things are wrong",
			},
			[]string{recheck, "Nothing."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := report.Page(examples()[name].report(t), report.Auto)
			if err != nil {
				t.Fatal(err)
			}
			isValid(t, page)
			text := textOf(page)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing", want)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) || strings.Contains(page, not) && strings.HasPrefix(not, "<") {
					t.Errorf("%q is there", not)
				}
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

// The widget is the upper part of the page, without what CloudWatch would remove.
func TestWidget(t *testing.T) {
	t.Parallel()
	for _, theme := range []report.Theme{report.Light, report.Dark} {
		page, err := report.Widget(examples()["not ready"].report(t), theme)
		if err != nil {
			t.Fatal(err)
		}
		isValid(t, page)
		text := textOf(page)
		for _, want := range []string{"✗ NOT_READY", "11,289 of 20,000 " + ofThePool, "✗ fail: late users, persistence", "? unknown: season", "✓ pass: blocked", "migration blocked disabled"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in %s", want, text)
			}
		}
		if !strings.Contains(page, "cwdb-no-default-styles "+string(theme)) {
			t.Errorf("it is not %s", theme)
		}
		for _, not := range []string{"<html", "<figure", "Attempts", "<iframe"} {
			if strings.Contains(page, not) {
				t.Errorf("%q is there", not)
			}
		}
	}
}

// in is the date in so many days.
func in(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }

var (
	styles  = regexp.MustCompile(`(?s)<style>.*?</style>|<title>.*?</title>`)
	tags    = regexp.MustCompile(`<[^>]*>`)
	space   = regexp.MustCompile(`\s+`)
	ids     = regexp.MustCompile(`\bid="([^"]*)"`)
	uses    = regexp.MustCompile(`url\(#([^)]*)\)`)
	outside = regexp.MustCompile(`(?i)<script|<iframe|<link|<img|<use|javascript:|\son\w+=|@import|(src|href)="|https?://`)
)

// textOf is what a page says, in one line.
func textOf(page string) string {
	return strings.TrimSpace(space.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(styles.ReplaceAllString(page, ""), " ")), " "))
}

// isValid holds a page to well-formed HTML that is complete in itself, static, and small.
func isValid(t *testing.T, page string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if !slices.Contains([]string{"meta"}, e.Name.Local) {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
	known := map[string]bool{}
	for _, id := range ids.FindAllStringSubmatch(page, -1) {
		if known[id[1]] {
			t.Errorf("two elements have the id %s", id[1])
		}
		known[id[1]] = true
	}
	if strings.Contains(page, `class="bar"`) {
		for _, use := range uses.FindAllStringSubmatch(page, -1) {
			if !known[use[1]] {
				t.Errorf("nothing has the id %s", use[1])
			}
		}
	}
	if found := outside.FindString(strings.ReplaceAll(page, "http://www.w3.org/", "")); found != "" {
		t.Errorf("it holds %q", found)
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("a value was not safe in its place")
	}
	// CloudWatch's limit for what a widget returns is Lambda's: 6 MB. A page is far below.
	if len(page) > 1<<20 {
		t.Errorf("%d bytes", len(page))
	}
}

// A page of today's first events has one day to draw.
func TestPageOfTheFirstDay(t *testing.T) {
	t.Parallel()
	page, err := report.Page(example{failures: 3}.report(t), report.Auto)
	if err != nil {
		t.Fatal(err)
	}
	isValid(t, page)
	if text := textOf(page); !strings.Contains(text, "3 attempts failed today") || !strings.Contains(page, "Users moved: 0 on "+ledger.Day(today)) {
		t.Error(text)
	}
}

// A report of two years takes some ten milliseconds beside its reads: adding up, judging and drawing.
func BenchmarkReportOfTwoYears(b *testing.B) {
	for b.Loop() {
		r, err := examples()["two years"].collect(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := report.Page(r, report.Auto); err != nil {
			b.Fatal(err)
		}
	}
}
