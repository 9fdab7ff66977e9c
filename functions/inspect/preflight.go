package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// patience is how long a preflight takes at most. It is well within the function's timeout, so that the answer can name what was not
// looked at.
const patience = 45 * time.Second

// checkSetUp answers whether both pools and the trigger are set up for the migration.
func (i inspector) checkSetUp(ctx context.Context, _ struct{}) (any, error) {
	if i.preflight.NewUserPoolID == "" || i.preflight.MigrateFunction == "" {
		return nil, redact.Safe("view \"preflight\" needs the variables NEW_USER_POOL_ID and MIGRATE_FUNCTION")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pools := func(connection aws.Config) *cognitoidentityprovider.Client {
		return cognitoidentityprovider.NewFromConfig(connection, func(o *cognitoidentityprovider.Options) { o.RetryMaxAttempts = 10 })
	}
	snapshot := preflight.Look(ctx, preflight.Targets{
		Old:         pools(i.oldConnection),
		OldPoolID:   i.oldPool.UserPoolID,
		OldClientID: i.oldPool.AppClientID,
		New:         pools(i.aws),
		NewPoolID:   i.preflight.NewUserPoolID,
		Lambda:      lambda.NewFromConfig(i.aws),
		Function:    i.preflight.MigrateFunction,
		Guard:       i.preflight.GuardFunction,
		ProbeClient: i.preflight.ProbeAppClient,
		CarryGroups: i.preflight.CarryGroups == "yes",
	})
	if snapshot.OldClient != nil && i.oldPool.AppClientHasSecret {
		snapshot.OldClient.ClientSecret = nil // the trigger reads the secret, so having one is not a mistake
	}
	return preflight.Check(snapshot), nil
}
