package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

const (
	frozen = 50                    // environments, and sign-ins
	apart  = 18 * time.Millisecond // between the starts of two sign-ins
	held   = time.Second           // each call of Cognito, so that every sign-in finds an environment of its own
)

var idleTimes = []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, 60 * time.Second}

// idle counts the sign-ins that are lost when the old pool closes connections while the functions are frozen.
func idle(ctx context.Context) error {
	sb, err := sandbox.Start(ctx, 1, io.Discard)
	if err != nil {
		return err
	}
	defer sb.Close()
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"the old pool closes after", "sign-ins", "lost"})
	for _, after := range idleTimes {
		lost, err := signInsLost(ctx, sb, after)
		if err != nil {
			return err
		}
		t.AppendRow(table.Row{after, frozen, lost})
	}
	t.RenderMarkdown()
	return nil
}

// signInsLost signs users in twice, each time in as many environments, and lets connections be closed in between.
func signInsLost(ctx context.Context, sb *sandbox.Sandbox, after time.Duration) (int, error) {
	if err := sb.OldFaults.CloseIdle(after); err != nil {
		return 0, err
	}
	sb.OldFaults.Set(fault.Rule{Kind: fault.Delay, Probability: 1, Delay: held})
	stack, err := sb.Deploy(ctx, "idle"+after.String(), nil)
	if err != nil {
		return 0, err
	}
	lost, err := signInAll(ctx, sb, stack, "warm"+after.String())
	if err != nil {
		return 0, err
	}
	if lost > 0 {
		return 0, fmt.Errorf("%d sign-ins failed with nothing closed: this machine is too busy", lost)
	}
	select {
	case <-time.After(after + apart*frozen):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return signInAll(ctx, sb, stack, "again"+after.String())
}

// signInAll signs new users in, so many at the same time, and returns how many were told to try again.
func signInAll(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, prefix string) (int, error) {
	var group errgroup.Group
	var lost atomic.Int64
	for i := range frozen {
		u := cognito.User{Username: fmt.Sprintf("%s-%d", prefix, i), Password: "Right-password-1"}
		if err := sb.Old.Put(ctx, u); err != nil {
			return 0, err
		}
		event, err := eventOf(u)
		if err != nil {
			return 0, err
		}
		time.Sleep(apart)
		group.Go(func() error {
			_, err := stack.Invoke(ctx, "migrate", event)
			if _, failed := errors.AsType[*sandbox.FunctionError](err); failed {
				lost.Add(1)
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	return int(lost.Load()), err
}
