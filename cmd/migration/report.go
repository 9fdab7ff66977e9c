package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

type reportCommand struct {
	JSON bool `name:"json" xor:"form" help:"Print the whole answer as JSON."`
	HTML bool `name:"html" xor:"form" help:"Print it as a page."`
}

func (reportCommand) Help() string {
	return example("migration report --stack=my-migration --html >report.html")
}

func (c reportCommand) Run(ctx context.Context, s *stack, out *output) error {
	report, err := s.function(ctx, "report")
	if err != nil {
		return err
	}
	if c.HTML {
		var page string
		if _, err := report.askInto(ctx, question{View: "html"}, &page); err != nil {
			return err
		}
		return out.raw(page)
	}
	var p struct {
		progress.Progress
		Census    *census.Result     `json:"census"`
		Readiness readiness.Decision `json:"readiness"`
		Probe     *probe.Latest      `json:"probe"`
	}
	raw, err := report.askInto(ctx, question{View: "progress"}, &p)
	if err != nil {
		return err
	}
	if c.JSON {
		return out.json(raw)
	}
	out.printf("Migration %s in %s, as of %s\n\n", s.name, s.cfg.Region, p.AsOf)
	printUsers(out, p.Users)
	if len(p.Blocked) > 0 {
		out.printf("\n")
		printBlocked(out, p.Blocked)
	}
	out.printf("\n")
	printVerdictLine(out, p.Readiness)
	printCensusLine(out, p.Census)
	printHealth(out, p.Progress)
	printProbe(out, p.Probe)
	return nil
}

// printVerdictLine prints what a report says of readiness; nothing if the stack is of a version that does not know it.
func printVerdictLine(out *output, d readiness.Decision) {
	if d.Verdict == "" {
		return
	}
	out.printf("Verdict        ")
	out.colouredf(colourOf(d.Verdict), "%s", d.Verdict)
	out.printf(": \"migration readiness\" says why\n")
}

// printProbe prints whether the new pool's trigger can be reached.
func printProbe(out *output, p *probe.Latest) {
	switch {
	case p == nil:
		out.printf("Probe          not measured: nothing is probed (ProbeAppClientId)\n")
	case p.State == probe.Dead:
		out.colouredf(red, "Probe          not answered at %s: %s (docs/playbooks/probe.md)\n", minute(p.FailedAt), p.Reason)
	case p.State == probe.NotProbed:
		out.colouredf(red, "Probe          none for two hours (docs/playbooks/probe.md)\n")
	default:
		out.printf("Probe          answered at %s\n", minute(p.AnsweredAt))
	}
}

func printUsers(out *output, u progress.Users) {
	if u.Seen() == 0 {
		out.printf("No user has come yet.\n")
		return
	}
	share := func(n int) string {
		return fmt.Sprintf("%.1f %%", float64(n*1000/u.Seen())/10) // rounded down: 100 % means all of them
	}
	out.table([]string{"users who came", "", "share"}, [][]any{
		{migration.StatusConfirmed, u.Confirmed, share(u.Confirmed)},
		{migration.StatusMigrated, u.Migrated, share(u.Migrated)},
		{migration.StatusBlocked, u.Blocked, share(u.Blocked)},
		{migration.StatusAttempted, u.Attempted, share(u.Attempted)},
		{"all", u.Seen(), ""},
	})
}

func printBlocked(out *output, blocked []progress.Blocked) {
	var rows [][]any
	for _, b := range blocked {
		since := "unknown"
		if b.Oldest != nil {
			since = minute(*b.Oldest)
		}
		rows = append(rows, []any{b.Reason, b.Challenge, b.Users, since})
	}
	out.table([]string{"blocked by", "challenge", "users", "first since"}, rows)
}

// printHealth prints what needs action, and how fresh the figures are.
func printHealth(out *output, p progress.Progress) {
	unconfirmed := ""
	if p.Unconfirmed.Oldest != nil {
		unconfirmed = ", the first since " + minute(*p.Unconfirmed.Oldest)
	}
	out.printf("Unconfirmed    %v migrated and not confirmed%s\n", p.Unconfirmed.Users, unconfirmed)
	out.printf("Reoffered      %v handed over again, since the new pool asked again\n", p.Reoffered)
	switch {
	case p.Spool == nil:
		out.colouredf(red, "Spool          unknown: the queues could not be asked (docs/playbooks/gauges-stale.md)\n")
	case p.Spool.DeadLetters > 0:
		out.colouredf(red, "Spool          %v waiting, %v given up (docs/playbooks/dead-letters.md)\n", p.Spool.Waiting, p.Spool.DeadLetters)
	default:
		out.printf("Spool          %v waiting, none given up\n", p.Spool.Waiting)
	}
	printVerification(out, p.Verification)
	last := "none yet"
	if p.LastActivity != nil {
		last = minute(*p.LastActivity)
	}
	out.printf("Last event     %s\n", last)
}

func printVerification(out *output, v *progress.LastVerification) {
	switch {
	case v == nil:
		out.printf("Verification   none yet\n")
	case v.Findings > 0:
		out.colouredf(red, "Verification   %v findings since %s: \"migration verify\" names them (docs/playbooks/verify.md)\n",
			v.Findings, v.StartedAt)
	case !v.Complete:
		out.printf("Verification   under way since %s; nothing found so far (users %v, events %v)\n", v.StartedAt, v.Users, v.Events)
	default:
		out.printf("Verification   %s: nothing found (users %v, events %v)\n", v.FinishedAt, v.Users, v.Events)
	}
}

// blockedCommand is in this file because without a reason it prints a part of the report.
type blockedCommand struct {
	Reason    string `arg:"" optional:"" help:"The reason, by its name in the table that the command prints without one."`
	Challenge string `placeholder:"NAME" help:"The challenge, if the reason is challenge."`
	JSON      bool   `name:"json" help:"Print the answer as JSON."`
	Limit     limit  `default:"100" placeholder:"N" help:"How many to print at most; 0 is all (default: ${default})."`
}

func (blockedCommand) Help() string {
	return example("migration blocked challenge --challenge=SMS_MFA --stack=my-migration")
}

func (c blockedCommand) Validate() error {
	switch {
	case c.Reason == "" && c.Challenge != "":
		return fmt.Errorf("--challenge=NAME needs a reason before it: migration blocked %s --challenge=NAME", migration.ChallengeRequired)
	case c.Reason == string(migration.ChallengeRequired) && c.Challenge == "":
		return fmt.Errorf(`%s needs --challenge=NAME: "migration blocked" lists them`, c.Reason)
	}
	return nil
}

func (c blockedCommand) Run(ctx context.Context, s *stack, out *output) error {
	if c.Reason != "" {
		waiting := question{View: "blocked", Reason: c.Reason, Challenge: c.Challenge}
		return printWaiting(ctx, s, out, waiting, c.Limit, c.JSON, "is blocked by "+strings.TrimSpace(c.Reason+" "+c.Challenge))
	}
	report, err := s.function(ctx, "report")
	if err != nil {
		return err
	}
	var answer struct {
		Blocked json.RawMessage `json:"blocked"`
	}
	if _, err := report.askInto(ctx, question{View: "progress"}, &answer); err != nil {
		return err
	}
	if c.JSON {
		return out.json(answer.Blocked)
	}
	var blocked []progress.Blocked
	if err := json.Unmarshal(answer.Blocked, &blocked); err != nil {
		return err
	}
	if len(blocked) == 0 {
		out.printf("Nobody is blocked.\n")
		return nil
	}
	printBlocked(out, blocked)
	return nil
}
