package main

import "context"

type safeguardsCommand struct {
	JSON bool `name:"json" help:"Print the answer as JSON."`
}

func (safeguardsCommand) Help() string { return example("migration safeguards --stack=my-migration") }

func (c safeguardsCommand) Run(ctx context.Context, s *stack, out *output) error {
	maintain, err := s.function(ctx, "maintain")
	if err != nil {
		return err
	}
	var look struct {
		Findings []struct{ Kind, What string }
	}
	raw, err := maintain.askInto(ctx, question{View: "safeguards"}, &look)
	if err != nil {
		return err
	}
	if c.JSON {
		err = out.json(raw)
	} else {
		for _, f := range look.Findings {
			out.colouredf(red, "%s\n", f.Kind)
			out.wrapped("  ", f.What)
		}
		if len(look.Findings) == 0 {
			out.printf("Everything that guards the record is there.\n")
		} else {
			out.printf("Findings: %v\n", len(look.Findings))
		}
	}
	if err == nil && len(look.Findings) > 0 {
		return errFound
	}
	return err
}
