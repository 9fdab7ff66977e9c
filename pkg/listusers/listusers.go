// Package listusers lists the users of a pool in pages, no faster than it is let. ListUsers makes nobody an active user, as AdminGetUser
// does.
// https://docs.aws.amazon.com/cognito/latest/developerguide/tracking-cost.html
package listusers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// maxPage is the largest page that Cognito gives.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html
const maxPage = 60

// Listing is a pool as a list of users.
type Listing struct {
	Client     *cognito.Client
	Limiter    *rate.Limiter
	PoolID     string
	Attributes []string // to give of each user; none gives all. Cognito refuses a list by attributes that a user lacks: sub is safe
}

// List returns a page of at most 60 of the users whose sub begins with a prefix, which may be empty, and the token of the page after it; no token after the last. A page may be shorter, even
// empty, with more to come. The first page has no token. A token is good for an hour: then the error is an *InvalidTokenError, and the
// list has to be begun again. Each try of a call waits for the limiter.
func (l Listing) List(ctx context.Context, prefix, token string) ([]migration.Account, string, error) {
	input := &cognito.ListUsersInput{UserPoolId: &l.PoolID, Limit: aws.Int32(maxPage), AttributesToGet: l.Attributes}
	if prefix != "" {
		input.Filter = aws.String(`sub ^= "` + quoted.Replace(prefix) + `"`)
	}
	if token != "" {
		input.PaginationToken = &token
	}
	out, err := l.Client.ListUsers(ctx, input, patient, limited(l.Limiter))
	var refused *types.InvalidParameterException
	switch {
	case token != "" && errors.As(err, &refused):
		return nil, "", &InvalidTokenError{err}
	case err != nil:
		return nil, "", fmt.Errorf("list the users of %s: %w", l.PoolID, err)
	}
	accounts := make([]migration.Account, len(out.Users))
	for i, u := range out.Users {
		accounts[i] = account(u)
	}
	return accounts, aws.ToString(out.PaginationToken), nil
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func account(u types.UserType) migration.Account {
	a := migration.Account{
		Username: aws.ToString(u.Username), Enabled: u.Enabled, Status: string(u.UserStatus),
		Created: aws.ToTime(u.UserCreateDate), Modified: aws.ToTime(u.UserLastModifiedDate),
		Attributes: map[string]string{},
	}
	for _, attribute := range u.Attributes {
		a.Attributes[aws.ToString(attribute.Name)] = aws.ToString(attribute.Value)
	}
	a.Sub = a.Attributes["sub"]
	return a
}

// Estimate returns how many users Cognito believes that the pool has. Nobody says how old that is.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
func (l Listing) Estimate(ctx context.Context) (int, error) {
	out, err := l.Client.DescribeUserPool(ctx, &cognito.DescribeUserPoolInput{UserPoolId: &l.PoolID}, patient)
	if err != nil {
		return 0, fmt.Errorf("ask how many users %s has: %w", l.PoolID, err)
	}
	return int(out.UserPool.EstimatedNumberOfUsers), nil
}

// InvalidTokenError says that Cognito does not take a page's token any more.
type InvalidTokenError struct{ error }

// Unwrap gives Cognito's own error.
func (e *InvalidTokenError) Unwrap() error { return e.error }

// InvalidToken implements what a caller that knows no AWS asks an error.
func (e *InvalidTokenError) InvalidToken() bool { return true }

// patient waits for a pool that is busy.
func patient(o *cognito.Options) {
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 8
		o.RateLimiter = ratelimit.None
	})
}

// limited has each try of a call wait for the limiter.
func limited(limiter *rate.Limiter) func(*cognito.Options) {
	wait := middleware.FinalizeMiddlewareFunc("RateLimit", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if err := limiter.Wait(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleFinalize(ctx, in)
	})
	return cognito.WithAPIOptions(func(s *middleware.Stack) error {
		return s.Finalize.Insert(wait, "Retry", middleware.After)
	})
}
