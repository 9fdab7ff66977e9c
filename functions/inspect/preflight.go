package main

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

// patience is how long a preflight looks, well within the function's timeout, so that it can say what it did not get to see.
const patience = 45 * time.Second

// checkSetUp answers whether both pools and the trigger are set up for the migration.
func checkSetUp(ctx context.Context, cfg aws.Config, old oldpool.Config, with preflight.Config) (any, error) {
	if with.NewUserPoolID == "" || with.MigrateFunction == "" {
		return nil, errors.New("view \"preflight\" needs the variables NEW_USER_POOL_ID and MIGRATE_FUNCTION")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pools := func(region string) *cognitoidentityprovider.Client {
		return cognitoidentityprovider.NewFromConfig(cfg, func(o *cognitoidentityprovider.Options) {
			o.Region = region
			o.RetryMaxAttempts = 10
		})
	}
	oldRegion, _, _ := strings.Cut(old.UserPoolID, "_")
	return preflight.Check(preflight.Look(ctx, preflight.Targets{
		Old:         pools(cmp.Or(old.Region, oldRegion)),
		OldPoolID:   old.UserPoolID,
		OldClientID: old.AppClientID,
		New:         pools(cfg.Region),
		NewPoolID:   with.NewUserPoolID,
		Lambda:      lambda.NewFromConfig(cfg),
		Function:    with.MigrateFunction,
	})), nil
}
