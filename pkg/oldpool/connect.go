package oldpool

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// sessionName is the caller's name in the CloudTrail of the old pool's account.
	sessionName = "cognito-user-migration"
	// roleDuration is the longest that STS gives a role which takes on another.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
	roleDuration = time.Hour
	// renewBefore is how long before their end credentials are renewed.
	renewBefore = 5 * time.Minute
	// stsTry bounds one try to get credentials: it happens within a sign-in.
	stsTry = time.Second
)

// Connect returns the AWS configuration to ask the old pool with: in its Region, and with the rights of config's role if it has one.
// Connect asks for the first credentials at once, so that no sign-in has to wait for them. If STS refuses, the pool's calls fail with
// that error.
func Connect(ctx context.Context, cfg aws.Config, config Config) aws.Config {
	old := cfg.Copy()
	old.Region = config.region()
	if config.RoleARN == "" {
		return old
	}
	client := sts.NewFromConfig(cfg, func(o *sts.Options) {
		o.HTTPClient = newSender(connections(), stsTry)
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = maxBackoff })
	})
	role := stscreds.NewAssumeRoleProvider(client, config.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
		o.Duration = roleDuration
		if config.ExternalID != "" {
			o.ExternalID = &config.ExternalID
		}
	})
	credentials := aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
	_, _ = credentials.Retrieve(ctx)
	old.Credentials = credentials
	return old
}
