package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

// Colours are for a terminal, and say nothing that the text does not.
func TestColours(t *testing.T) {
	trouble := midway()
	trouble.Spool = &progress.Spool{DeadLetters: 1}
	finding := func(verdict preflight.Conclusion, severity preflight.Severity) preflight.Report {
		return preflight.Report{Verdict: verdict, Findings: []preflight.Issue{{ID: "x", Severity: severity}}}
	}
	for name, tt := range map[string]struct {
		args   []string
		answer any
		want   string
	}{
		"an error":        {[]string{"preflight"}, finding(preflight.Problems, preflight.Error), "\x1b[31merror  x\n\x1b[0m"},
		"a warning":       {[]string{"preflight"}, finding(preflight.OK, preflight.Warning), "\x1b[33mwarning  x\n\x1b[0m"},
		"dead letters":    {[]string{"report"}, trouble, "\x1b[31mSpool"},
		"nothing of note": {[]string{"report"}, midway(), ""},
		"JSON":            {[]string{"report", "--json"}, trouble, ""},
	} {
		t.Run(name, func(t *testing.T) {
			startFake(t, only(tt.answer))
			var plain, coloured bytes.Buffer
			args := slices.Concat(tt.args, []string{"--stack=live"})
			run(t.Context(), args, &output{stdout: &plain, stderr: &plain})
			run(t.Context(), args, &output{stdout: &coloured, stderr: &coloured, colour: true})
			if strings.Contains(plain.String(), "\x1b") {
				t.Errorf("colours without a terminal: %q", &plain)
			}
			if !strings.Contains(coloured.String(), tt.want) || strings.Contains(coloured.String(), "\x1b") != (tt.want != "") {
				t.Errorf("%q, want %q", &coloured, tt.want)
			}
			without := strings.NewReplacer("\x1b[31m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(coloured.String())
			if without != plain.String() {
				t.Errorf("the colours change what is said: %q, %q", without, &plain)
			}
		})
	}
}

// A person who looks on sees a bar on stderr, which is gone at the end; the answer is as it is without it.
func TestBar(t *testing.T) {
	var fake *fakeAWS
	fake = startFake(t, func(string, map[string]any) any {
		return map[string]any{"complete": len(fake.calls)%2 == 0, "events": 1_000}
	})
	var answers [2]bytes.Buffer
	var bar bytes.Buffer
	if code := run(t.Context(), []string{"verify", "--stack=live"}, &output{stdout: &answers[0], stderr: &bar, watched: true}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &bar)
	}
	if !strings.Contains(bar.String(), "Events verified") || strings.Contains(bar.String(), "so far") {
		t.Errorf("%q", &bar)
	}
	if last := bar.String()[strings.LastIndex(bar.String(), "\r")+1:]; strings.TrimSpace(last) != "" {
		t.Errorf("%q stays", last)
	}
	run(t.Context(), []string{"verify", "--stack=live"}, &output{stdout: &answers[1], stderr: &bytes.Buffer{}})
	if answers[0].String() != answers[1].String() || answers[0].Len() == 0 {
		t.Errorf("%q with a bar, %q without", &answers[0], &answers[1])
	}
}
