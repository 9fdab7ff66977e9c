package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
)

type censusCommand struct {
	JSON bool `name:"json" help:"Print the answer as JSON."`
}

func (censusCommand) Help() string { return example("migration census --stack=my-migration") }

// censusSeconds is how long the census works on one question: short, so that one sees how far it is.
const censusSeconds = 20

// waitForAnother is how long to wait for an invocation that goes on with the census already.
const waitForAnother = 5 * time.Second

func (c censusCommand) Run(ctx context.Context, s *stack, out *output) error {
	f, err := s.function(ctx, "census")
	if err != nil {
		return err
	}
	var status struct {
		Result, Running *census.Result
		AtWork          bool `json:"at_work"`
	}
	meter := out.meter("Users counted", -1)
	for {
		raw, err := f.askInto(ctx, question{View: "run", Seconds: censusSeconds}, &status)
		if err != nil {
			meter.end()
			return err
		}
		if status.Running == nil {
			meter.end()
			if c.JSON {
				return out.json(raw)
			}
			break
		}
		meter.set(status.Running.Old.Users + status.Running.New.Users)
		if status.AtWork {
			if err := smithytime.SleepWithContext(ctx, waitForAnother); err != nil {
				meter.end()
				return s.explain(ctx, err)
			}
		}
		status.Running = nil
	}
	if status.Result == nil {
		return fmt.Errorf("the answer of %s holds no census: is this tool of the version that is deployed?", f.name)
	}
	printCensus(out, *status.Result)
	return nil
}

func printCensus(out *output, r census.Result) {
	out.printf("Counted from %s to %s\n\n", r.StartedAt, r.FinishedAt)
	row := func(what string, n int) []any { return []any{what, n} }
	rows := [][]any{row("users of the old pool", r.Old.Users), row("moved", r.Old.Moved()), row("left", r.Old.Remaining)}
	for _, group := range []struct {
		prefix string
		counts map[string]int
	}{{"left, by record: ", leftOf(r.Old.Statuses)}, {"left, by state: ", r.Old.RemainingStates}, {"left, last modified: ", r.Old.RemainingYears}} {
		for _, name := range slices.Sorted(maps.Keys(group.counts)) {
			rows = append(rows, row(group.prefix+name, group.counts[name]))
		}
	}
	rows = append(rows, row("users of the new pool", r.New.Users))
	for _, linked := range []struct {
		what string
		n    *int
	}{
		{"arrived", r.New.Arrived},
		{"reset of the password not finished", r.New.ResetUnfinished},
		{"linked", r.New.Linked},
		{"imported, without a password", r.New.LinkedWithoutRecord},
		{"of whom no record knows", r.New.NoRecord},
	} {
		if linked.n != nil {
			rows = append(rows, row(linked.what, *linked.n))
		}
	}
	out.table([]string{"", "users"}, rows)
	if n := r.Old.Created + r.New.Created + r.Old.MovedMeanwhile; n > 0 {
		out.printf("\nMeanwhile %v users moved, %v came into the old pool and %v into the new one, as far as they were met. Others may have, behind "+
			"the count, and nobody can tell who was deleted (docs/census.md).\n", r.Old.MovedMeanwhile, r.Old.Created, r.New.Created)
	}
	if r.New.Linked == nil {
		out.printf("\nWho of them has arrived is not measured: no rule of Attributes keeps the old sub (docs/census.md).\n")
	}
	if r.Old.Differs || r.New.Differs {
		out.colouredf(yellow, "\nCognito itself estimates %v users in the old pool and %v in the new one (docs/census.md).\n",
			r.Old.Estimated, r.New.Estimated)
	}
}

// leftOf are those of the statuses whose users are left.
func leftOf(statuses map[string]int) map[string]int {
	left := maps.Clone(statuses)
	maps.DeleteFunc(left, func(status string, _ int) bool { return !census.Remains(status) })
	return left
}

// printCensusLine prints what a report says of the last census.
func printCensusLine(out *output, r *census.Result) {
	if r == nil {
		out.printf("Census         none yet: \"migration census\" counts how many are left\n")
		return
	}
	share := float64(r.Old.Moved()*1000/cmp.Or(r.Old.Users, 1)) / 10 // rounded down: 100 % means all of them
	out.printf("Census         %s: %v of %v users of the old pool have moved (%.1f %%), %v are left\n",
		r.FinishedAt, r.Old.Moved(), r.Old.Users, share, r.Old.Remaining)
}
