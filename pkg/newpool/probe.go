package newpool

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/secrethash"
)

// probePassword is long enough for every pool's policy. It opens nothing.
const probePassword = "Nobody-has-this-password-1"

// Probe tries to sign in by an app client, as an app does: the call is public, and takes no rights. It returns why the trigger did not
// answer that as a probe, and Cognito's error; no reason if it did. The client's secret, if it has one, is read first.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
func (p *Pool) Probe(ctx context.Context, clientID, name string) (probe.Reason, error) {
	once := func(o *cognito.Options) { o.RetryMaxAttempts = 1 } // the caller tries again
	client, err := p.client.DescribeUserPoolClient(ctx, &cognito.DescribeUserPoolClientInput{UserPoolId: &p.id, ClientId: &clientID}, once)
	if err != nil {
		return probeReason(err), err
	}
	parameters := map[string]string{"USERNAME": name, "PASSWORD": probePassword}
	if secret := aws.ToString(client.UserPoolClient.ClientSecret); secret != "" {
		parameters["SECRET_HASH"] = secrethash.Of(secret, name, clientID)
	}
	_, err = p.client.InitiateAuth(ctx, &cognito.InitiateAuthInput{
		ClientId: &clientID, AuthFlow: types.AuthFlowTypeUserPasswordAuth, AuthParameters: parameters, ClientMetadata: probe.Metadata(),
	}, once)
	if err == nil {
		return probe.Unexpected, nil // nobody has signed in
	}
	return probeReason(err), err
}

// probeReasons gives the reasons for Cognito's exceptions that need no look at their text.
var probeReasons = map[string]probe.Reason{
	"UserNotFoundException":          probe.NotAnswered,
	"NotAuthorizedException":         probe.NotAnswered,
	"UnexpectedLambdaException":      probe.NotInvoked,
	"InvalidLambdaResponseException": probe.FunctionFailed,
	"UserLambdaValidationException":  probe.FunctionFailed,
	"InvalidParameterException":      probe.AppClient,
	"ResourceNotFoundException":      probe.AppClient,
	"AccessDeniedException":          probe.AppClient,
	"TooManyRequestsException":       probe.Throttled,
	"LimitExceededException":         probe.Throttled,
	"ThrottlingException":            probe.Throttled,
}

// probeTexts tell apart what one exception has several causes for. The texts of the trigger are this project's own. That of a permission
// that is missing is as users of real pools report it: "UserMigration invocation failed due to error AccessDeniedException."
// https://repost.aws/knowledge-center/cognito-migration-lambda-trigger-errors
var probeTexts = []struct {
	exception, part string
	reason          probe.Reason
}{
	{"UserLambdaValidationException", probe.Answered, ""},
	{"UserLambdaValidationException", "TEMPORARILY_UNAVAILABLE", probe.OldPool},
	{"UnexpectedLambdaException", "AccessDenied", probe.NotPermitted},
	{"NotAuthorizedException", "ecret hash", probe.AppClient},
	{"NotAuthorizedException", "SECRET_HASH", probe.AppClient},
}

func probeReason(err error) probe.Reason {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return probe.Unreachable
	}
	for _, t := range probeTexts {
		if refused.ErrorCode() == t.exception && strings.Contains(refused.ErrorMessage(), t.part) {
			return t.reason
		}
	}
	if reason, known := probeReasons[refused.ErrorCode()]; known {
		return reason
	}
	if refused.ErrorFault() == smithy.FaultServer {
		return probe.Unreachable
	}
	return probe.Unexpected
}
