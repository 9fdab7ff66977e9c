package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/attach"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

type attachCommand struct {
	consent
	Guard bool `negatable:"" default:"true" help:"Attach the guard as well, if the stack has one and the place is free (default: yes)."`
	Force bool `help:"Attach though preflight finds errors."`
	Drift bool `help:"Attach though a template or configuration owns the pool, and may take the trigger away."`
}

func (attachCommand) Help() string { return example("migration attach --stack=my-migration") }

func (c attachCommand) Run(ctx context.Context, s *stack, out *output) error {
	if err := c.possible(out); err != nil {
		return err
	}
	w, err := s.wiring(ctx)
	if err != nil {
		return err
	}
	wanted, err := c.wanted(w, out)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		out.printf("The new pool %s calls the stack's functions already. Nothing was changed.\n", w.pool.id)
		return nil
	}
	for _, refuses := range []func(context.Context, *wiring, *output, attach.Triggers) error{
		refuseBroken, c.refuseOwned, refuseUninvited, c.refuseErrors,
	} {
		if err := refuses(ctx, w, out, wanted); err != nil {
			return err
		}
	}
	return w.pool.change(ctx, out, c.consent, w.before, w.before.with(w.before.UserPool.With(wanted)))
}

// wiring is a new pool, and the functions of a stack for it.
type wiring struct {
	stack     *stack
	pool      settings
	before    state
	functions attach.Triggers // of the stack: ARNs
	names     map[string]string
}

// wiring looks at the stack's new pool.
func (s *stack) wiring(ctx context.Context) (*wiring, error) {
	parameters, err := s.parameters(ctx)
	if err != nil {
		return nil, err
	}
	resources, err := s.resources(ctx)
	if err != nil {
		return nil, err
	}
	if resources["MigrateFunction"] == "" {
		return nil, fmt.Errorf("the stack %s in Region %s has no MigrateFunction: check that its deployment is complete", s.name, s.cfg.Region)
	}
	w := &wiring{stack: s, pool: s.settings(parameters["NEW_USER_POOL_ID"]), functions: attach.Triggers{}, names: map[string]string{}}
	if w.before, err = w.pool.look(ctx); err != nil {
		return nil, err
	}
	pool, err := arn.Parse(w.before.UserPool.ARN())
	if err != nil {
		return nil, fmt.Errorf("the pool %s has no ARN: %w", w.pool.id, err)
	}
	for trigger, id := range map[string]string{attach.UserMigration: resources["MigrateFunction"], attach.PreSignUp: resources["GuardFunction"]} {
		if id != "" {
			// The pool calls functions of its own account and Region only.
			function := arn.ARN{Partition: pool.Partition, Service: "lambda", Region: pool.Region, AccountID: pool.AccountID, Resource: "function:" + id}
			w.functions[trigger], w.names[trigger] = function.String(), id
		}
	}
	return w, nil
}

// ours tells whether a trigger calls the stack's function, or a version or alias of it.
func (w *wiring) ours(trigger string) bool {
	function, called := w.functions[trigger], w.before.UserPool.Trigger(trigger)
	return function != "" && (called == function || strings.HasPrefix(called, function+":"))
}

// wanted returns the functions that are to be attached.
func (c attachCommand) wanted(w *wiring, out *output) (attach.Triggers, error) {
	wanted := attach.Triggers{}
	for _, trigger := range slices.Sorted(maps.Keys(w.functions)) {
		called := w.before.UserPool.Trigger(trigger)
		switch {
		case w.ours(trigger), trigger == attach.PreSignUp && !c.Guard:
		case called == "":
			wanted[trigger] = w.functions[trigger]
		case trigger == attach.PreSignUp:
			out.sayf("the guard is not attached: PreSignUp calls %s, which is not the stack's", called)
		default:
			return nil, fmt.Errorf("%s of the pool %s calls %s, which is not the stack's: detach that first, if it is not needed any more",
				trigger, w.pool.id, called)
		}
	}
	return wanted, nil
}

// refuseBroken refuses a pool of which Cognito would refuse any update.
func refuseBroken(_ context.Context, w *wiring, _ *output, _ attach.Triggers) error {
	if broken := w.before.UserPool.Broken(); broken != "" {
		return fmt.Errorf("%s, and so Cognito refuses every update: mend that first (SES identity, or the role for SMS)", broken)
	}
	return nil
}

// refuseOwned refuses a pool that a template or a configuration owns.
func (c attachCommand) refuseOwned(ctx context.Context, w *wiring, out *output, wanted attach.Triggers) error {
	owner, err := w.owner(ctx, out)
	switch {
	case err != nil:
		return err
	case owner == "":
		out.sayf("no mark says who sets this pool up: if a template, Terraform or another tool does, set the trigger there instead, " +
			"or its next run takes it away")
		return nil
	case c.Drift:
		out.sayf("%s owns the pool: its next deployment may take the trigger away", owner)
		return nil
	}
	if err := out.raw(attach.Elsewhere(wanted)); err != nil {
		return err
	}
	return fmt.Errorf("%s owns the pool, and would take a trigger away that it does not know: put the lines above there, and deploy that; "+
		"or attach anyway with --drift", owner)
}

// owner says who sets the pool up, or "". CloudFormation knows for certain what it made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
func (w *wiring) owner(ctx context.Context, out *output) (string, error) {
	if owner := w.before.UserPool.Owner(); owner != "" {
		return owner, nil
	}
	found, err := cloudformation.NewFromConfig(*w.stack.cfg).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{
		PhysicalResourceId: &w.pool.id,
	})
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "ValidationError":
		return "", nil // "Stack for … does not exist"
	case errors.As(err, &api) && slices.Contains(denied, api.ErrorCode()):
		out.sayf("whether a CloudFormation stack owns the pool is not known: your credentials lack " +
			"cloudformation:DescribeStackResources for other stacks")
		return "", nil
	case err != nil:
		return "", w.stack.explain(ctx, err)
	case len(found.StackResources) == 0:
		return "", nil
	}
	return "the CloudFormation stack " + aws.ToString(found.StackResources[0].StackName), nil
}

// refuseUninvited refuses functions that the pool may not call: with them every sign-in that reaches them would fail.
func refuseUninvited(ctx context.Context, w *wiring, _ *output, wanted attach.Triggers) error {
	pool, err := arn.Parse(w.before.UserPool.ARN())
	if err != nil {
		return err
	}
	for _, trigger := range slices.Sorted(maps.Keys(wanted)) {
		policy, err := preflight.PolicyOf(ctx, lambda.NewFromConfig(*w.stack.cfg), w.names[trigger])
		if err != nil {
			return w.stack.explain(ctx, err)
		}
		if !policy.Admits(pool) {
			return fmt.Errorf("the policy of the function %s does not let %s call it: deploy the stack again with this pool as NewUserPoolId",
				w.names[trigger], pool)
		}
	}
	return nil
}

// refuseErrors refuses pools in which preflight finds errors, or which it can't look at.
func (c attachCommand) refuseErrors(ctx context.Context, w *wiring, out *output, _ attach.Triggers) error {
	if c.Force {
		return nil
	}
	inspect, err := w.stack.function(ctx, "inspect")
	if err != nil {
		return err
	}
	var report preflight.Report
	if _, err := inspect.askInto(ctx, question{View: "preflight"}, &report); err != nil {
		return fmt.Errorf("preflight fails: %w; attach without it by --force", err)
	}
	if report.Verdict == preflight.OK {
		return nil
	}
	printPreflight(out, report)
	return errors.New("preflight finds what would go wrong: mend that, or attach anyway with --force")
}

type detachCommand struct {
	consent
}

func (detachCommand) Help() string { return example("migration detach --stack=my-migration") }

func (c detachCommand) Run(ctx context.Context, s *stack, out *output) error {
	if err := c.possible(out); err != nil {
		return err
	}
	w, err := s.wiring(ctx)
	if err != nil {
		return err
	}
	ours := attach.Triggers{}
	for trigger := range w.functions {
		if w.ours(trigger) {
			ours[trigger] = ""
		}
	}
	if len(ours) == 0 {
		if other := w.before.UserPool.Trigger(attach.UserMigration); other != "" {
			return fmt.Errorf("the pool %s calls %s, which is not the stack's: it stays attached", w.pool.id, other)
		}
		out.printf("The new pool %s calls none of the stack's functions. Nothing was changed.\n", w.pool.id)
		return nil
	}
	if owner := w.before.UserPool.Owner(); owner != "" {
		out.sayf("%s owns the pool: take the trigger off there too, or its next deployment may attach it again", owner)
	}
	return w.pool.change(ctx, out, c.consent, w.before, w.before.with(w.before.UserPool.With(ours)))
}
