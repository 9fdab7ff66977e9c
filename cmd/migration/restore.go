package main

import "context"

type restoreCommand struct {
	File string `arg:"" help:"What attach, detach or restore saved."`
	consent
}

func (restoreCommand) Help() string {
	return example("migration restore eu-west-1_aB3dE5gH7-20260714T120000Z-1234567890.json")
}

func (c restoreCommand) Run(ctx context.Context, s *stack, out *output) error {
	if err := c.possible(out); err != nil {
		return err
	}
	wanted, err := saved(c.File)
	if err != nil {
		return usageError{err}
	}
	if err := s.signIn(ctx); err != nil {
		return err
	}
	pool := s.settings(wanted.UserPool.ID())
	before, err := pool.look(ctx)
	if err != nil {
		return err
	}
	wanted = before.withSettings(wanted)
	if len(before.differences(wanted)) == 0 {
		out.printf("The pool %s is as %s has it. Nothing was changed.\n", pool.id, c.File)
		return nil
	}
	return pool.change(ctx, out, c.consent, before, wanted)
}
