package oldpool

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// codes gives the reasons for the exceptions by which both calls can fail, and those that either can.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html#API_AdminInitiateAuth_Errors
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html
var codes = map[string]migration.Reason{
	"UserNotFoundException":          migration.UnknownUser,
	"InvalidPasswordException":       migration.WrongPassword, // not AWS's answer, but an emulator's
	"UserNotConfirmedException":      migration.Unconfirmed,
	"PasswordResetRequiredException": migration.PasswordResetRequired,

	// The old pool's own trigger refused, or it failed, so its answer is not known.
	"UserLambdaValidationException":  migration.OldPoolTrigger,
	"UnexpectedLambdaException":      migration.OldPoolUnavailable,
	"InvalidLambdaResponseException": migration.Misconfigured,

	"InternalErrorException":      migration.OldPoolUnavailable,
	"InternalFailure":             migration.OldPoolUnavailable,
	"InternalServerError":         migration.OldPoolUnavailable,
	"ServiceUnavailable":          migration.OldPoolUnavailable,
	"ServiceUnavailableException": migration.OldPoolUnavailable,
}

// texts gives the reasons for refusals that only the text of a NotAuthorizedException tells apart. They are compared in this order,
// ignoring case; any other text means a wrong password. AWS documents the first only. The others are as users of real pools report them,
// so each is the part that is least likely to change.
var texts = []struct {
	part   string
	reason migration.Reason
}{
	// "Password attempts exceeded"
	// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior
	{"attempts exceeded", migration.TooManyAttempts},

	// "Unable to verify secret hash for client …": the hash is missing or wrong, for everyone.
	// https://repost.aws/knowledge-center/cognito-unable-to-verify-secret-hash
	{"secret hash", migration.Misconfigured},
	// "Client … is configured with secret but SECRET_HASH was not received"
	// https://github.com/aws-amplify/amplify-android/issues/2504
	{"secret_hash", migration.Misconfigured},
	{"configured with secret", migration.Misconfigured},

	// "Unable to login because of security reasons.": threat protection blocks the sign-in.
	// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-adaptive-authentication.html
	{"security reasons", migration.ThreatProtection},

	// "Temporary password has expired and must be reset by an administrator."
	// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_PasswordPolicyType.html
	{"temporary password has expired", migration.TemporaryPasswordExpired},

	// "User is disabled."
	// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminDisableUser.html
	{"user is disabled", migration.Disabled},
}

func authenticationReason(err error) migration.Reason {
	var refused *types.NotAuthorizedException
	if !errors.As(err, &refused) {
		return reason(err)
	}
	said := strings.ToLower(refused.ErrorMessage())
	for _, t := range texts {
		if strings.Contains(said, t.part) {
			return t.reason
		}
	}
	return migration.WrongPassword
}

// isWrongHash tells whether Cognito refused the SECRET_HASH, or required one. It does so before it looks at the password.
func isWrongHash(err error) bool {
	var refused *types.NotAuthorizedException
	return errors.As(err, &refused) && authenticationReason(err) == migration.Misconfigured
}

func lookupReason(err error) migration.Reason {
	switch r := reason(err); r.Outcome() {
	case migration.Failed:
		return r
	default:
		if r == migration.UnknownUser {
			return r
		}
		return migration.Misconfigured // AdminGetUser runs no trigger and checks no password
	}
}

func reason(err error) migration.Reason {
	var api smithy.APIError
	if errors.As(err, &api) {
		if r, ok := codes[api.ErrorCode()]; ok {
			return r
		}
		if isThrottled(err) {
			return migration.Throttled
		}
		var response *awshttp.ResponseError
		if errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError {
			return migration.OldPoolUnavailable
		}
		// Cognito understood the request, and would refuse it again: a wrong id, a flow that is not allowed, a missing right, or an
		// exception that is newer than this code. STS refusing the role is the same case.
		return migration.Misconfigured
	}
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return migration.Timeout
	}
	return migration.OldPoolUnavailable
}

func isThrottled(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	_, throttled := retry.DefaultThrottleErrorCodes[api.ErrorCode()]
	return throttled
}

// exception names an error without its message, which may quote what the user typed.
func exception(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return name(api.ErrorCode())
	}
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case errors.As(err, &op):
		return "Network." + op.Op
	default:
		return "Network"
	}
}
