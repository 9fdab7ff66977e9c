package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/attach"
)

// change shows what will differ, asks, saves what is, updates the pool, and looks whether it is as it should be.
func (s settings) change(ctx context.Context, out *output, c consent, before, wanted state) error {
	out.printf("The pool %s, in Region %s\n\n", s.id, s.client.Options().Region)
	printDifferences(out, before.differences(wanted))
	out.printf("\nEverything else is sent back as it is.\n")
	if err := c.ask(ctx, out, "Change the pool?"); err != nil {
		return err
	}
	now, err := s.look(ctx)
	if err != nil {
		return err
	}
	if changed := before.differences(now); len(changed) > 0 || before.UserPool.Modified() != now.UserPool.Modified() {
		return fmt.Errorf("somebody else changed the pool meanwhile (%s): nothing was changed; run the command again", list(changed))
	}
	file, err := before.save(time.Now())
	if err != nil {
		return err
	}
	out.printf("What the pool was like is in %s\n", file)
	if err := s.set(ctx, before, wanted); err != nil {
		return s.failed(ctx, before, file, err)
	}
	after, err := s.look(ctx)
	if err != nil {
		return fmt.Errorf("the pool was changed, and can't be looked at: %w", err)
	}
	wrong := wanted.differences(after)
	if shown := slices.DeleteFunc(slices.Clone(wrong), isWrong); len(shown) > 0 {
		out.printf("\nCognito now shows what was not set before. That is no loss:\n\n")
		printDifferences(out, shown)
	}
	if wrong = slices.DeleteFunc(wrong, isNotWrong); len(wrong) > 0 {
		return s.offer(ctx, out, c, file, after, before, wrong)
	}
	out.printf("The pool is as it should be, and nothing else has changed. Back again: migration restore %s\n", file)
	return nil
}

// set updates the pool, and the second factors if those are to differ.
func (s settings) set(ctx context.Context, before, wanted state) error {
	if err := s.update(ctx, wanted.UserPool); err != nil {
		return err
	}
	if len(attach.Diff(before.UserPoolMfaConfig, wanted.UserPoolMfaConfig)) == 0 {
		return nil
	}
	return s.setMFA(ctx, wanted.UserPoolMfaConfig)
}

// isWrong tells whether a setting is not as it should be after an update. A setting that was not set, and now shows a value, is right: an
// update gives settings their defaults. A trigger has none.
func isWrong(c attach.Change) bool {
	return c.Before != "" || strings.HasPrefix(c.Setting, "LambdaConfig.")
}

func isNotWrong(c attach.Change) bool { return !isWrong(c) }

// failed says what became of a pool whose update failed.
func (s settings) failed(ctx context.Context, before state, file string, failure error) error {
	after, err := s.look(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w; whether the pool is unchanged is not known: it could not be looked at", failure)
	case len(before.differences(after)) > 0:
		return fmt.Errorf("%w; the pool has changed nevertheless (%s): migration restore %s", failure, list(before.differences(after)), file)
	default:
		return fmt.Errorf("%w; the pool is unchanged. The console can set one trigger and keep the rest", failure)
	}
}

// offer says what is not as it should be after an update, and offers to put it back.
func (s settings) offer(ctx context.Context, out *output, c consent, file string, after, before state, wrong []attach.Change) error {
	out.colouredf(red, "\nThe pool is not as it should be:\n\n")
	printDifferences(out, wrong)
	again := fmt.Errorf("the update changed more than it should, or somebody else changed the pool at the same time: compare, and "+
		"put it back with: migration restore %s", file)
	if c.Yes { // nobody is there to weigh whether another operator's change is undone
		return again
	}
	if err := c.ask(ctx, out, "Put back all that it was?"); err != nil {
		return again
	}
	return s.change(ctx, out, consent{Yes: true}, after, after.withSettings(before))
}

// with is the state with another description of the pool.
func (s state) with(pool attach.Pool) state { return state{pool, s.UserPoolMfaConfig} }

// withSettings is the state with the settings of another one. A file that has no second factors says nothing about them.
func (s state) withSettings(other state) state {
	changed := s.with(s.UserPool.WithSettings(other.UserPool))
	if other.UserPoolMfaConfig != nil {
		changed.UserPoolMfaConfig = other.UserPoolMfaConfig
	}
	return changed
}

// differences are what of the pool differs.
func (s state) differences(other state) []attach.Change {
	return slices.Concat(attach.Diff(s.UserPool, other.UserPool), attach.Diff(s.UserPoolMfaConfig, other.UserPoolMfaConfig))
}

// list names the settings that differ.
func list(changes []attach.Change) string {
	var names []string
	for _, c := range changes {
		names = append(names, c.Setting)
	}
	return cmp.Or(strings.Join(names, ", "), "and changed it back")
}

func printDifferences(out *output, changes []attach.Change) {
	var rows [][]any
	for _, c := range changes {
		rows = append(rows, []any{c.Setting, cmp.Or(c.Before, "-"), cmp.Or(c.After, "-")})
	}
	out.table([]string{"setting", "before", "after"}, rows)
}
