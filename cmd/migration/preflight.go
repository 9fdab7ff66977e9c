package main

import (
	"context"
	"errors"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

type preflightCommand struct {
	JSON  bool  `name:"json" help:"Print the answer as JSON."`
	Users bool  `help:"Walk through the old pool's users instead, and count those with whom something would go wrong."`
	Show  limit `placeholder:"N" help:"With --users, name at most N users of each kind (default: none)."`
}

func (preflightCommand) Help() string { return example("migration preflight --stack=my-migration") }

func (c preflightCommand) Validate() error {
	if c.Show > 0 && !c.Users {
		return errors.New("--show=N needs --users")
	}
	return nil
}

func (c preflightCommand) Run(ctx context.Context, s *stack, out *output) error {
	if c.Users {
		return c.survey(ctx, s, out)
	}
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return err
	}
	var report preflight.Report
	raw, err := inspect.askInto(ctx, question{View: "preflight"}, &report)
	if err != nil {
		return err
	}
	if c.JSON {
		err = out.json(raw)
	} else {
		printPreflight(out, report)
	}
	if err == nil && report.Verdict != preflight.OK {
		return errFound
	}
	return err
}

func printPreflight(out *output, report preflight.Report) {
	colours := map[preflight.Severity]string{preflight.Error: red, preflight.Warning: yellow}
	counts := map[preflight.Severity]int{}
	for _, f := range report.Findings {
		counts[f.Severity]++
		out.colouredf(colours[f.Severity], "%s  %s\n", f.Severity, f.ID)
		for _, text := range []string{f.What, f.Why, f.Mend} {
			out.wrapped("  ", text)
		}
		out.printf("  %s\n\n", f.Docs)
	}
	colour := ""
	if report.Verdict != preflight.OK {
		colour = red
	}
	out.colouredf(colour, "%s: errors %v, warnings %v, for your information %v\n", report.Verdict,
		counts[preflight.Error], counts[preflight.Warning], counts[preflight.Info])
}
