package preflight

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// Config names what is looked at besides the old pool.
type Config struct {
	NewUserPoolID   string `env:"NEW_USER_POOL_ID"`
	MigrateFunction string `env:"MIGRATE_FUNCTION"` // the trigger function: its name or ARN
	GuardFunction   string `env:"GUARD_FUNCTION"`   // the guard of the sign-up: its name or ARN
	ProbeAppClient  string `env:"PROBE_APP_CLIENT_ID"`
	CarryGroups     string `env:"CARRY_GROUPS"` // "yes" if confirm puts users into their groups
}

// Cognito reads how user pools are set up.
type Cognito interface {
	DescribeUserPool(context.Context, *cognito.DescribeUserPoolInput, ...func(*cognito.Options)) (*cognito.DescribeUserPoolOutput, error)
	DescribeUserPoolClient(context.Context, *cognito.DescribeUserPoolClientInput, ...func(*cognito.Options)) (*cognito.DescribeUserPoolClientOutput, error)
	GetUserPoolMfaConfig(context.Context, *cognito.GetUserPoolMfaConfigInput, ...func(*cognito.Options)) (*cognito.GetUserPoolMfaConfigOutput, error)
	ListGroups(context.Context, *cognito.ListGroupsInput, ...func(*cognito.Options)) (*cognito.ListGroupsOutput, error)
	ListUserPoolClients(context.Context, *cognito.ListUserPoolClientsInput, ...func(*cognito.Options)) (*cognito.ListUserPoolClientsOutput, error)
}

// Lambda reads how a function is set up, and who may invoke it. Without a policy, that is a ResourceNotFoundException.
type Lambda interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	GetPolicy(context.Context, *lambda.GetPolicyInput, ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error)
}

// Targets are what to look at, and who asks. The pools may be in two Regions.
type Targets struct {
	Old         Cognito
	OldPoolID   string
	OldClientID string
	New         Cognito
	NewPoolID   string
	Lambda      Lambda
	Function    string
	Guard       string // the guard of the sign-up
	ProbeClient string // the app client of the new pool that probes sign in by; empty if nothing is probed
	CarryGroups bool   // users are to keep their groups
}

// Look takes a snapshot. It does not fail: what could not be looked at is in the snapshot's errors. Cognito describes no more
// than 5 app clients a second, so a new pool with hundreds of them needs patience, in ctx and in its client's retries.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
func Look(ctx context.Context, t Targets) Snapshot {
	s := Snapshot{Function: t.Function, Guard: t.Guard, ProbeClient: t.ProbeClient, Errors: map[Part]error{}}
	if out, err := t.Old.DescribeUserPool(ctx, &cognito.DescribeUserPoolInput{UserPoolId: &t.OldPoolID}); err != nil {
		s.Errors[OldPool] = err
	} else {
		s.OldPool = out.UserPool
	}
	if out, err := t.Old.DescribeUserPoolClient(ctx, &cognito.DescribeUserPoolClientInput{
		UserPoolId: &t.OldPoolID, ClientId: &t.OldClientID,
	}); err != nil {
		s.Errors[OldClient] = err
	} else {
		s.OldClient = out.UserPoolClient
	}
	if out, err := t.New.DescribeUserPool(ctx, &cognito.DescribeUserPoolInput{UserPoolId: &t.NewPoolID}); err != nil {
		s.Errors[NewPool] = err
	} else {
		s.NewPool = out.UserPool
	}
	var err error
	if s.NewMFA, err = t.New.GetUserPoolMfaConfig(ctx, &cognito.GetUserPoolMfaConfigInput{UserPoolId: &t.NewPoolID}); err != nil {
		s.Errors[NewMFA] = err
	}
	if s.Policy, err = PolicyOf(ctx, t.Lambda, invoked(s)); err != nil {
		s.Errors[FunctionPolicy] = err
	}
	if s.Variables, err = variables(ctx, t.Lambda, invoked(s)); err != nil {
		s.Errors[Variables] = err
	}
	if s.NewClients, err = appClients(ctx, t.New, t.NewPoolID); err != nil {
		s.Errors[NewClients] = err
	}
	lookAtGroups(ctx, t, &s)
	return s
}

// appClients describes every app client of a pool, or fails.
func appClients(ctx context.Context, pools Cognito, pool string) ([]types.UserPoolClientType, error) {
	all := []types.UserPoolClientType{}
	pages := cognito.NewListUserPoolClientsPaginator(pools, &cognito.ListUserPoolClientsInput{UserPoolId: &pool, MaxResults: aws.Int32(60)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, client := range page.UserPoolClients {
			out, err := pools.DescribeUserPoolClient(ctx, &cognito.DescribeUserPoolClientInput{UserPoolId: &pool, ClientId: client.ClientId})
			if err != nil {
				return nil, err
			}
			all = append(all, *out.UserPoolClient)
		}
	}
	return all, nil
}

// PolicyOf returns a function's policy; without one, an empty policy.
func PolicyOf(ctx context.Context, functions Lambda, function string) (*ResourcePolicy, error) {
	out, err := functions.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &function})
	var none *lambdatypes.ResourceNotFoundException
	switch {
	case errors.As(err, &none):
		return &ResourcePolicy{}, nil
	case err != nil:
		return nil, err
	}
	var p ResourcePolicy
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// variables returns a function's environment variables, or fails. Lambda may be unable to decrypt them.
// https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentResponse.html
func variables(ctx context.Context, functions Lambda, function string) (map[string]string, error) {
	out, err := functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	switch {
	case err != nil:
		return nil, err
	case out.Environment == nil:
		return map[string]string{}, nil
	case out.Environment.Error != nil:
		return nil, &smithy.GenericAPIError{Code: aws.ToString(out.Environment.Error.ErrorCode)}
	default:
		return out.Environment.Variables, nil
	}
}

// invoked names what Cognito invokes, or will: the function, or the version or alias of it that is attached. Each has a policy
// of its own.
func invoked(s Snapshot) string {
	if s.NewPool == nil {
		return s.Function
	}
	if qualified(s) {
		return attached(s)
	}
	return functionARN(s)
}
