package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// Link is the attribute of the new pool that has to keep the old sub.
const Link = "custom:old_sub"

// keepAsking asks for the new pool's word again and again. What fails is tried again, as Lambda's schedules and pollers do.
func (s *storm) keepAsking(ctx context.Context, ask func(context.Context) error) {
	for ctx.Err() == nil {
		_ = ask(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *storm) sweep(ctx context.Context) error {
	_, err := s.stack.Invoke(ctx, "confirm", []byte(`{"view":"sweep"}`))
	return err
}

func (s *storm) count(ctx context.Context) error {
	_, err := s.stack.Invoke(ctx, "census", []byte(`{"view":"run","seconds":2}`))
	return err
}

// settle lets half of the users who forgot their password finish the reset, and then has everyone asked about who can sign in at the new
// pool: by what is left of the stream, by the sweep, and by a census, which it returns.
func (s *storm) settle(ctx context.Context, r *Result) (counted census.Result, err error) {
	if r.Finished, err = s.finishResets(ctx); err != nil {
		return counted, err
	}
	before := 0
	for _, stage := range []struct {
		by  *int
		ask func(context.Context) error
	}{
		{&r.ConfirmedInStorm, func(context.Context) error { return nil }},
		{&r.ConfirmedByStream, s.stack.Confirm},
		{&r.ConfirmedBySweep, s.sweep},
		{&r.ConfirmedByCensus, func(ctx context.Context) error {
			counted, err = s.wholeCensus(ctx)
			return err
		}},
	} {
		if err := stage.ask(ctx); err != nil {
			return counted, err
		}
		var p progress.Progress
		if err := s.ask(ctx, "report", `{"view":"progress"}`, &p); err != nil {
			return counted, err
		}
		*stage.by, before = p.Users.Confirmed-before, p.Users.Confirmed
	}
	return counted, nil
}

// finishResets does what every second user does who has forgotten the password: sets a new one with the code.
func (s *storm) finishResets(ctx context.Context) (finished int, err error) {
	users, err := s.sandbox.New.Users(ctx)
	if err != nil {
		return 0, err
	}
	second := false
	for _, u := range users {
		if u.Status != "RESET_REQUIRED" || u.Code == "" {
			continue
		}
		if second = !second; !second {
			continue
		}
		finished++
		if _, err := s.client.ConfirmForgotPassword(ctx, &cognitoidp.ConfirmForgotPasswordInput{
			ClientId: aws.String(sandbox.NewClientID), Username: &u.Username, ConfirmationCode: &u.Code, Password: aws.String(rightPassword),
		}); err != nil {
			return finished, err
		}
	}
	return finished, nil
}

// wholeCensus takes a census that begins now: one that is under way from the storm is brought to its end before.
func (s *storm) wholeCensus(ctx context.Context) (census.Result, error) {
	for began := time.Now(); ; {
		var status struct {
			Result, Running *census.Result
			AtWork          bool `json:"at_work"`
		}
		if err := s.ask(ctx, "census", `{"view":"run"}`, &status); err != nil {
			return census.Result{}, err
		}
		if status.Running == nil && status.Result.StartedAt.After(began) {
			return *status.Result, nil
		}
		if status.AtWork { // one that was killed holds it for some seconds
			select {
			case <-ctx.Done():
				return census.Result{}, ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// judgeArrivals holds the confirmations and the census to who is in the new pool.
func (s *storm) judgeArrivals(confirmed map[string]int, users progress.Users, there []cognito.User, counted census.Result) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	ready, unfinished := map[string]bool{}, 0
	for _, u := range there {
		switch sub := u.Attributes[Link]; {
		case sub == "":
			wrong("%s came into the new pool without a link", u.Username)
		case !u.Disabled && u.Status == "CONFIRMED":
			ready[sub] = true
		case u.Status == "RESET_REQUIRED":
			unfinished++
		}
	}
	for _, u := range s.users {
		want := 0
		if ready[u.Sub] {
			want = 1
		}
		if got := confirmed[u.Sub]; got != want {
			wrong("%s is confirmed %d times, want %d", u.Username, got, want)
		}
	}
	type figures struct {
		old, left, moved, confirmed, here, linked, arrived, unfinished, unknown int
	}
	o, n := counted.Old, counted.New
	got := figures{
		o.Users, o.Remaining, o.Moved(), o.Statuses["confirmed"], n.Users, *n.Linked, *n.Arrived, *n.ResetUnfinished, *n.LinkedWithoutRecord,
	}
	want := figures{
		len(s.users), len(s.users) - users.HandedOver(), users.HandedOver(), users.Confirmed, len(there), len(there), len(ready), unfinished, 0,
	}
	if got != want || !counted.Complete {
		wrong("the census counted %+v, there are %+v", got, want)
	}
	return errors.Join(errs...)
}
