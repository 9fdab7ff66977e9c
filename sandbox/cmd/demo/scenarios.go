package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// scenario is what some of the users are like and do, and what has to be recorded of each of them.
type scenario struct {
	name   string
	share  int // of every shares users
	user   func(*cognito.User)
	does   []step
	events []recorded
	status migration.Status

	refused bool // by the new pool, though the trigger says yes
}

// step is one thing that a user does: a method of app.
type step func(app, context.Context, cognito.User) error

// recorded is an event as the demo expects it.
type recorded struct {
	trigger   migration.Trigger
	reason    migration.Reason // empty: migrated
	challenge string
}

var (
	signedIn      = recorded{trigger: migration.SignIn}
	reset         = recorded{trigger: migration.ForgotPassword}
	wrongPassword = recorded{trigger: migration.SignIn, reason: migration.WrongPassword}
)

var scenarios = []scenario{
	{
		name: "sign in", share: 8,
		does:   []step{app.signsIn},
		events: []recorded{signedIn}, status: migration.StatusConfirmed,
	},
	{
		name: "sign in twice", share: 2,
		does:   []step{app.signsIn, app.signsIn},
		events: []recorded{signedIn}, status: migration.StatusConfirmed,
	},
	{
		name: "mistype the password first", share: 2,
		does:   []step{app.mistypes, app.signsIn},
		events: []recorded{wrongPassword, signedIn}, status: migration.StatusConfirmed,
	},
	{
		name: "forgot the password", share: 2,
		does:   []step{app.resetsPassword},
		events: []recorded{reset}, status: migration.StatusConfirmed,
	},
	{
		name: "forgot the password, and did not come back", share: 1,
		does:   []step{app.asksForReset},
		events: []recorded{reset}, status: migration.StatusMigrated,
	},
	{
		name: "has SMS codes, takes the way round", share: 1,
		user:   func(u *cognito.User) { u.MFA = []string{"SMS_MFA"} },
		does:   []step{app.isToldToReset, app.resetsPassword},
		events: []recorded{{migration.SignIn, migration.ChallengeRequired, "SMS_MFA"}, reset}, status: migration.StatusConfirmed,
	},
	{
		name: "keeps guessing the password", share: 1,
		does:   []step{app.mistypes, app.mistypes, app.mistypes},
		events: []recorded{wrongPassword}, status: migration.StatusAttempted,
	},
	{
		name: "lacks what the new pool requires", share: 1,
		user:   func(u *cognito.User) { delete(u.Attributes, "name") },
		does:   []step{app.isRefused},
		events: []recorded{{trigger: migration.SignIn, reason: migration.AttributeRejected}}, status: migration.StatusBlocked,
	},
	{
		name: "is disabled", share: 1,
		user:   func(u *cognito.User) { u.Disabled = true },
		does:   []step{app.isRefused},
		events: []recorded{{trigger: migration.SignIn, reason: migration.Disabled}}, status: migration.StatusBlocked,
	},
	{
		name: "never changed the first password", share: 1,
		user:   func(u *cognito.User) { u.Status = "FORCE_CHANGE_PASSWORD" },
		does:   []step{app.isToldToReset},
		events: []recorded{{migration.SignIn, migration.ChallengeRequired, "NEW_PASSWORD_REQUIRED"}}, status: migration.StatusBlocked,
	},
	{
		name: "has an address that works for somebody else at the new pool", share: 1,
		does:   []step{app.isNotTaken},
		events: []recorded{signedIn, signedIn}, status: migration.StatusMigrated, // the first was 20 minutes ago
		refused: true,
	},
	{
		name: "has not come yet", share: 2,
	},
}

// shares is the sum of all shares.
var shares = func() (sum int) {
	for _, s := range scenarios {
		sum += s.share
	}
	return sum
}()

// of returns the scenario of the i-th user.
func of(i int) scenario {
	// 7 has no divisor in common with the shares' sum, so each scenario gets its share however few users there are.
	place := i * 7 % shares
	for _, s := range scenarios {
		if place < s.share {
			return s
		}
		place -= s.share
	}
	panic("the shares do not add up")
}

// oldUser is the i-th user of the old pool.
func oldUser(i int) cognito.User {
	u := cognito.User{
		Username: fmt.Sprintf("User%04d", i), // with a capital: the old pool minds it
		Password: fmt.Sprintf("Correct-horse-%04d!", i),
		Attributes: map[string]string{
			"email": fmt.Sprintf("user%04d@example.com", i), "email_verified": "true",
			"phone_number": fmt.Sprintf("+1555%07d", i), "phone_number_verified": "false",
			"name": fmt.Sprintf("User number %d", i), "custom:tenant": tenant(i), "custom:legacy": "yes",
		},
	}
	if change := of(i).user; change != nil {
		change(&u)
	}
	return u
}

// app is an app that signs users in at the new pool.
type app struct {
	client *cognitoidp.Client
	pool   *cognito.Pool
}

func (a app) signIn(ctx context.Context, username, password string) error {
	_, err := a.client.InitiateAuth(ctx, &cognitoidp.InitiateAuthInput{
		ClientId:       aws.String(sandbox.NewClientID),
		AuthFlow:       types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
		ClientMetadata: map[string]string{"typed": username},
	})
	return err
}

// typed is the name that a user types: every third one the email address, and the others the username.
func typed(u cognito.User) string {
	var i int
	if _, err := fmt.Sscanf(u.Username, "User%d", &i); err == nil && i%3 == 0 {
		return u.Attributes["email"]
	}
	return u.Username
}

func (a app) signsIn(ctx context.Context, u cognito.User) error {
	if err := a.signIn(ctx, typed(u), u.Password); err != nil {
		return fmt.Errorf("%s could not sign in: %w", u.Username, err)
	}
	return nil
}

func (a app) mistypes(ctx context.Context, u cognito.User) error {
	return mustBeRefused(u, a.signIn(ctx, typed(u), "not-"+u.Password))
}

func (a app) isRefused(ctx context.Context, u cognito.User) error {
	return mustBeRefused(u, a.signIn(ctx, typed(u), u.Password))
}

func mustBeRefused(u cognito.User, err error) error {
	var refused *types.NotAuthorizedException
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s was not refused as with a wrong password: %w", u.Username, err)
	}
	return nil
}

func (a app) isToldToReset(ctx context.Context, u cognito.User) error {
	err := a.signIn(ctx, typed(u), u.Password)
	var told *types.UserLambdaValidationException
	if !errors.As(err, &told) || !strings.Contains(told.ErrorMessage(), "RESET_PASSWORD_TO_CONTINUE") {
		return fmt.Errorf("%s was not told to reset the password: %w", u.Username, err)
	}
	return nil
}

// asksForReset begins with a forgotten password.
func (a app) asksForReset(ctx context.Context, u cognito.User) error {
	name := typed(u)
	_, err := a.client.ForgotPassword(ctx, &cognitoidp.ForgotPasswordInput{
		ClientId: aws.String(sandbox.NewClientID), Username: &name, ClientMetadata: map[string]string{"typed": name},
	})
	if err != nil {
		return fmt.Errorf("%s could not ask for a new password: %w", u.Username, err)
	}
	return nil
}

// resetsPassword goes through a forgotten password to the end, and signs in with the new one.
func (a app) resetsPassword(ctx context.Context, u cognito.User) error {
	if err := a.asksForReset(ctx, u); err != nil {
		return err
	}
	name := typed(u)
	code, err := a.mailedCode(ctx, u.Username)
	if err != nil {
		return err
	}
	u.Password = "New-" + u.Password
	_, err = a.client.ConfirmForgotPassword(ctx, &cognitoidp.ConfirmForgotPasswordInput{
		ClientId: aws.String(sandbox.NewClientID), Username: &name, ConfirmationCode: &code, Password: &u.Password,
	})
	if err != nil {
		return fmt.Errorf("%s could not set a new password: %w", u.Username, err)
	}
	return a.signsIn(ctx, u)
}

func (a app) mailedCode(ctx context.Context, username string) (string, error) {
	users, err := a.pool.Users(ctx)
	if err != nil {
		return "", err
	}
	for _, u := range users {
		if strings.EqualFold(u.Username, username) && u.Code != "" {
			return u.Code, nil
		}
	}
	return "", fmt.Errorf("%s was sent no code", username)
}
