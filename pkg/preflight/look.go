package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Config names what is looked at besides the old pool.
type Config struct {
	NewUserPoolID   string `env:"NEW_USER_POOL_ID"`
	MigrateFunction string `env:"MIGRATE_FUNCTION"` // the trigger function: its name or ARN
}

// Cognito reads how user pools are set up.
type Cognito interface {
	DescribeUserPool(context.Context, *cognito.DescribeUserPoolInput, ...func(*cognito.Options)) (*cognito.DescribeUserPoolOutput, error)
	DescribeUserPoolClient(context.Context, *cognito.DescribeUserPoolClientInput, ...func(*cognito.Options)) (*cognito.DescribeUserPoolClientOutput, error)
	GetUserPoolMfaConfig(context.Context, *cognito.GetUserPoolMfaConfigInput, ...func(*cognito.Options)) (*cognito.GetUserPoolMfaConfigOutput, error)
	ListUserPoolClients(context.Context, *cognito.ListUserPoolClientsInput, ...func(*cognito.Options)) (*cognito.ListUserPoolClientsOutput, error)
}

// Lambda reads who may invoke a function. Without a policy, that is a ResourceNotFoundException.
type Lambda interface {
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
}

// Look takes a snapshot. It does not fail: what could not be looked at is in the snapshot's errors. Cognito describes no more
// than 5 app clients a second, so a new pool with hundreds of them needs patience, in ctx and in its client's retries.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
func Look(ctx context.Context, t Targets) Snapshot {
	s := Snapshot{Function: t.Function, Errors: map[Part]error{}}
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
	if s.Policy, err = policy(ctx, t.Lambda, invoked(s)); err != nil {
		s.Errors[FunctionPolicy] = err
	}
	if s.NewClients, err = clients(ctx, t.New, t.NewPoolID); err != nil {
		s.Errors[NewClients] = err
	}
	return s
}

// clients describes every app client of a pool, or fails.
func clients(ctx context.Context, pools Cognito, pool string) ([]types.UserPoolClientType, error) {
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

func policy(ctx context.Context, functions Lambda, function string) (*ResourcePolicy, error) {
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

// invoked names what Cognito invokes, or will: the function, or the version or alias of it that is attached. Each has a policy
// of its own.
func invoked(s Snapshot) string {
	if s.NewPool == nil {
		return s.Function
	}
	function := functionARN(s)
	if attached := attached(s); strings.HasPrefix(attached, function+":") {
		return attached
	}
	return function
}

// functionARN is the trigger function's ARN. A pool and its triggers share a Region, and here an account.
func functionARN(s Snapshot) string {
	if arn.IsARN(s.Function) {
		return s.Function
	}
	function := poolARN(s.NewPool)
	function.Service, function.Resource = "lambda", "function:"+s.Function
	return function.String()
}

// poolARN is a pool's ARN; it is zero if Cognito gave none.
func poolARN(pool *types.UserPoolType) arn.ARN {
	parsed, _ := arn.Parse(aws.ToString(pool.Arn))
	return parsed
}

func attached(s Snapshot) string { return aws.ToString(lambdaConfig(s.NewPool).UserMigration) }

func lambdaConfig(pool *types.UserPoolType) types.LambdaConfigType {
	if pool.LambdaConfig == nil {
		return types.LambdaConfigType{}
	}
	return *pool.LambdaConfig
}
