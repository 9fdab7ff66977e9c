package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	noon = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)
	dawn = time.Date(2026, 7, 1, 4, 30, 0, 0, time.UTC)
)

const sub = "8f1c0d5e-0000-4000-8000-000000000001"

// midway is the progress of a migration that is going well.
func midway() progress.Progress {
	return progress.Progress{
		AsOf: noon, LastActivity: &noon, Users: progress.Users{Attempted: 1, Blocked: 1_200, Migrated: 2_798, Confirmed: 1},
		Blocked: []progress.Blocked{
			{Reason: migration.ChallengeRequired, Challenge: "SMS_MFA", Waiting: progress.Waiting{Users: 1_000, Oldest: &dawn}},
			{Reason: migration.Disabled, Waiting: progress.Waiting{Users: 200}},
		},
		Unconfirmed: progress.Waiting{Users: 2_798, Oldest: &dawn}, Reoffered: 3, Spool: &progress.Spool{Waiting: 2},
		Verification: &progress.LastVerification{StartedAt: dawn, FinishedAt: noon, Complete: true, Users: 4_000, Events: 5_000},
	}
}

// events are what a user met.
func events() []migration.Event {
	return []migration.Event{
		{
			Sub: sub, Seq: 1, Kind: migration.Attempt, At: dawn, Trigger: migration.SignIn,
			Outcome: migration.Rejected, Reason: migration.ChallengeRequired, Challenge: "SMS_MFA",
		},
		{Sub: sub, Seq: 2, Kind: migration.Attempt, At: noon, Trigger: migration.ForgotPassword, Outcome: migration.Migrated},
		{Sub: sub, Seq: 3, Kind: migration.Confirmation, At: noon.Add(time.Hour)},
	}
}

// waiting is a list of users who wait.
func waiting(n int) map[string]any {
	users := []map[string]any{}
	for i := range n {
		users = append(users, map[string]any{"sub": fmt.Sprintf("sub-%d", i), "since": dawn, "last_at": noon, "reoffered": i % 2})
	}
	return map[string]any{"users": users, "next": ""}
}

// readyAnswer is what the report says of readiness after so many quiet days.
func readyAnswer(t *testing.T, days int) map[string]any {
	in := readiness.Input{
		Start: noon.Truncate(24*time.Hour).AddDate(0, 0, -days), Days: make([]readiness.Day, days),
		Declared: readiness.Declared{Tolerance: readiness.Tolerance{Users: 10}, Horizon: 30, NoYearlyHabits: true},
	}
	for i := range in.Days {
		in.Days[i] = readiness.Day{Demand: 40 / (i + 1), Moved: 40 / (i + 1), Probe: readiness.ProbeOK}
	}
	d, err := readiness.Decide(in, readiness.SpoolCriterion(&readiness.SpoolDepth{}))
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{"evidence": map[string]any{"days": days, "from": "2026-01-01", "probed": map[string]int{"ok": days}}}
	text, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAnswersForPeople(t *testing.T) {
	bare := progress.Progress{AsOf: noon, Blocked: []progress.Blocked{}}
	troubled := midway()
	troubled.Spool = &progress.Spool{Waiting: 1, DeadLetters: 12_345}
	troubled.Verification = &progress.LastVerification{StartedAt: dawn, Users: 1, Events: 2, Findings: 3}
	blind := midway()
	blind.Spool, blind.Verification = nil, &progress.LastVerification{StartedAt: dawn, Users: 1, Events: 2}
	found := ledger.NewVerification(dawn)
	found.FinishedAt, found.Complete, found.Streams, found.Events = dawn.Add(3*time.Second), true, 1_000, 1_500
	clean := found
	for i := range ledger.MaxFindings + 1 {
		found.Find(ledger.Finding{Kind: ledger.Gap, Sub: sub, Seq: i + 1, Detail: "events 1 to 2 are missing"})
	}
	found.Findings = append(found.Findings[:2], ledger.Finding{Kind: ledger.TallyDiffers, Day: "2026-07-14", Detail: "the counters differ"})
	asks := func(view string, answer any) func(string, map[string]any) any {
		return func(function string, question map[string]any) any {
			if question["view"] != view {
				return failure(fmt.Sprintf("%s was asked %v", function, question))
			}
			return answer
		}
	}
	raw := map[string]any{"users": map[string]int{"migrated": 1}, "new": "member"} // of a newer version
	rebuilt := map[string]any{"complete": true, "streams": 1_000, "events": 2_000, "records_written": 3, "tallies_written": 4}
	four, two := 4, 2
	counted := census.Result{
		StartedAt: dawn, FinishedAt: noon, Complete: true,
		Old: census.OldPool{
			Counted: census.Counted{Users: 12_000, Estimated: 12_345}, Statuses: map[string]int{"confirmed": 1_000, "blocked": 1_000, "never_came": 10_000},
			Remaining: 11_000, RemainingStates: map[string]int{"CONFIRMED": 10_990, "disabled.CONFIRMED": 10}, RemainingYears: map[string]int{"2019": 9_000, "2025": 2_000},
		},
		New: census.NewPool{Counted: census.Counted{Users: 6, Estimated: 900, Differs: true, Created: 3}, Linked: &four, Arrived: &four, ResetUnfinished: &two, LinkedWithoutRecord: &two, NoRecord: &two},
	}
	unlinked := counted
	unlinked.New = census.NewPool{}
	withCensus := struct {
		progress.Progress
		Census census.Result `json:"census"`
		Probe  probe.Latest  `json:"probe"`
	}{midway(), counted, probe.Latest{State: probe.Alive, AnsweredAt: noon, FailedAt: dawn, Reason: probe.OldPool}}
	withVerdict := struct {
		progress.Progress
		Readiness readiness.Decision `json:"readiness"`
	}{midway(), readiness.Decision{Verdict: readiness.NotReady}}
	entries := []migration.Event{
		{Seq: 4, At: noon, Kind: journal.Verdict, Evidence: `{"verdict":"NOT_READY","reason":"rate","criteria":[]}`},
		{Seq: 3, At: noon, Kind: journal.Verdict, Evidence: `{"verdict":"READY","reason":""}`},
		{Seq: 2, At: dawn, Kind: journal.Census, Evidence: `{"old":{"users":1200,"remaining":300}}`},
		{Seq: 1, At: dawn, Kind: journal.Declaration, Evidence: `{"tolerance":"0.5%","horizon":90,"opened":"2026-01-01"}`},
	}
	unanswered := struct {
		progress.Progress
		Probe probe.Latest `json:"probe"`
	}{troubled, probe.Latest{State: probe.Dead, AnsweredAt: dawn, FailedAt: noon, Reason: probe.NotPermitted}}
	unprobed := struct {
		progress.Progress
		Probe probe.Latest `json:"probe"`
	}{blind, probe.Latest{State: probe.NotProbed}}
	allRight := preflight.Report{Verdict: preflight.OK, Findings: []preflight.Issue{}}
	for name, tt := range map[string]struct {
		args   []string
		answer func(string, map[string]any) any
		code   int
	}{
		"report":                        {[]string{"report"}, asks("progress", midway()), 0},
		"report with a verdict":         {[]string{"report"}, asks("progress", withVerdict), 0},
		"readiness":                     {[]string{"readiness"}, asks("readiness", readyAnswer(t, 300)), 0},
		"readiness that is not proven":  {[]string{"readiness"}, asks("readiness", readyAnswer(t, 40)), 1},
		"readiness as JSON":             {[]string{"readiness", "--json"}, asks("readiness", map[string]any{"verdict": "READY", "new": "member"}), 0},
		"readiness on the day":          {[]string{"readiness", "--record"}, asks("record", map[string]any{"readiness": readyAnswer(t, 300), "version": 812}), 0},
		"readiness of an older version": {[]string{"readiness"}, asks("readiness", map[string]any{}), 1},
		"journal":                       {[]string{"journal", "--limit=3"}, asks("journal", map[string]any{"entries": entries}), 0},
		"journal as JSON":               {[]string{"journal", "--json"}, asks("journal", map[string]any{"entries": entries[:1]}), 0},
		"journal at the beginning":      {[]string{"journal"}, asks("journal", map[string]any{"entries": entries[:0]}), 0},
		"report with a census":          {[]string{"report"}, asks("progress", withCensus), 0},
		"census":                        {[]string{"census"}, asks("run", map[string]any{"result": counted}), 0},
		"census without a link":         {[]string{"census"}, asks("run", map[string]any{"result": unlinked}), 0},
		"report at the beginning":       {[]string{"report"}, asks("progress", bare), 0},
		"report of trouble":             {[]string{"report"}, asks("progress", unanswered), 0},
		"report without queues":         {[]string{"report"}, asks("progress", unprobed), 0},
		"report as JSON":                {[]string{"report", "--json"}, asks("progress", raw), 0},
		"report as a page":              {[]string{"report", "--html"}, asks("html", "<html>\n\t<p>30 %</p>\n</html>\n"), 0},
		"user":                          {[]string{"user", "ada"}, asks("user", history.Tell(sub, events(), "")), 0},
		"user who never came":           {[]string{"user", "--sub=" + sub}, asks("user", history.Tell(sub, nil, "")), 0},
		"user who is blocked":           {[]string{"user", "ada"}, asks("user", history.Tell(sub, events()[:1], "")), 0},
		"user as JSON":                  {[]string{"user", "ada", "--json"}, asks("user", map[string]any{"sub": sub, "new": "member"}), 0},
		"blocked":                       {[]string{"blocked"}, asks("progress", midway()), 0},
		"blocked by nothing":            {[]string{"blocked"}, asks("progress", bare), 0},
		"blocked as JSON":               {[]string{"blocked", "--json"}, asks("progress", midway()), 0},
		"blocked by a challenge":        {[]string{"blocked", "challenge", "--challenge=SMS_MFA"}, asks("blocked", waiting(2)), 0},
		"blocked by what blocks nobody": {[]string{"blocked", "disabled"}, asks("blocked", waiting(0)), 0},
		"unconfirmed":                   {[]string{"unconfirmed", "--limit=2"}, asks("unconfirmed", waiting(3)), 0},
		"unconfirmed as JSON":           {[]string{"unconfirmed", "--limit=1", "--json"}, asks("unconfirmed", waiting(3)), 0},
		"trail":                         {[]string{"trail", "--from=2026-07-01"}, asks("trail", map[string]any{"events": events()}), 0},
		"trail of nothing":              {[]string{"trail", "--from=2026-07-01"}, asks("trail", map[string]any{"events": []int{}}), 0},
		"trail as JSON":                 {[]string{"trail", "--from=2026-07-01", "--json"}, asks("trail", map[string]any{"events": events()[:2]}), 0},
		"preflight":                     {[]string{"preflight"}, asks("preflight", problems), 1},
		"preflight without errors":      {[]string{"preflight"}, asks("preflight", allRight), 0},
		"preflight as JSON":             {[]string{"preflight", "--json"}, asks("preflight", problems), 1},
		"safeguards":                    {[]string{"safeguards"}, asks("safeguards", map[string]any{"findings": []int{}}), 0},
		"safeguards that are missing": {[]string{"safeguards"}, asks("safeguards", map[string]any{
			"findings": []map[string]string{{"kind": "table_policy", "what": "the audit table has no policy"}},
		}), 1},
		"verify":                    {[]string{"verify"}, asks("verify", clean), 0},
		"verify with findings":      {[]string{"verify"}, asks("verify", found), 1},
		"rebuild":                   {[]string{"rebuild"}, asks("rebuild", rebuilt), 0},
		"rebuild of broken streams": {[]string{"rebuild"}, asks("rebuild", map[string]any{"complete": true, "broken_streams": 5}), 1},
		"close":                     {[]string{"close"}, asks("close", map[string][]string{"closed": {"2026-06", "2026-07-13"}}), 0},
		"close again":               {[]string{"close"}, asks("close", map[string][]string{"closed": {}}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			startFake(t, tt.answer)
			stdout, stderr, code := tool(t, append(tt.args, "--stack=live")...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			golden(t, stdout+stderr)
		})
	}
}

var problems = preflight.Report{Verdict: preflight.Problems, Findings: []preflight.Issue{
	{
		ID: "client_has_secret", Severity: preflight.Error, What: "The old pool's app client has a secret: 1old",
		Why: "Nobody can sign in.", Mend: "Make an app client without a secret, and deploy with its id as APP_CLIENT_ID. Then take the old one away.",
		Docs: "https://docs.aws.amazon.com/cognito/",
	},
	{ID: "not_checked", Severity: preflight.Warning, What: "Not everything could be looked at", Why: "It may be wrong.", Mend: "Ask again.", Docs: "https://x"},
	{ID: "trigger_detached", Severity: preflight.Info, What: "The trigger is not attached", Why: "Nobody migrates.", Mend: "Attach it.", Docs: "https://y"},
}}

// golden holds what was printed to a file, which "go test -update" writes.
func golden(t *testing.T, got string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.Base(t.Name())+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A user's events may come in pages: all of them are printed, and nothing else changes.
func TestAUserInPages(t *testing.T) {
	all := history.Tell(sub, events(), "")
	fake := startFake(t, func(_ string, question map[string]any) any {
		page := told{History: all, Next: "2"}
		if page.Events = all.Events[:2]; question["next"] == "2" {
			page.Events, page.Next = all.Events[2:], ""
		}
		return page
	})
	stdout, stderr, code := tool(t, "user", "ada", "--json", "--stack=live")
	var got told
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || len(fake.calls) != 2 {
		t.Fatalf("%v, exit code %d, %d calls: %s%s", err, code, len(fake.calls), stdout, stderr)
	}
	if diff := cmp.Diff(told{History: all}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
