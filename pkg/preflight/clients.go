package preflight

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const (
	ownClient = "Make an app client for the migration alone: aws cognito-idp create-user-pool-client --user-pool-id $USER_POOL_ID --client-name migration --explicit-auth-flows ALLOW_ADMIN_USER_PASSWORD_AUTH ALLOW_REFRESH_TOKEN_AUTH. Then deploy with its id as AppClientId."

	passwordFlow = "App clients → the client → App client information → Edit → Authentication flows: add ALLOW_USER_PASSWORD_AUTH (ALLOW_ADMIN_USER_PASSWORD_AUTH, if a server signs users in), and let the app use that flow until the migration is over."
)

var clientRules = []rule{
	{
		id: "old_client_flow", severity: Error, needs: OldClient,
		check: func(s Snapshot) []string {
			return when(!allows(*s.OldClient, types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, types.ExplicitAuthFlowsTypeAdminNoSrpAuth), label(*s.OldClient))
		},
		what: "The old pool's app client does not allow ADMIN_USER_PASSWORD_AUTH",
		why:  "No password can be checked: every first sign-in fails as misconfigured.",
		mend: ownClient,
		docs: guide + "amazon-cognito-user-pools-authentication-flow-methods.html",
	},
	{
		id: "old_client_secret", severity: Error, needs: OldClient,
		check: func(s Snapshot) []string { return when(s.OldClient.ClientSecret != nil, label(*s.OldClient)) },
		what:  "The old pool's app client has a secret",
		why:   "No SECRET_HASH is sent, so Cognito refuses every first sign-in, and it reads as a wrong password.",
		mend:  "A client's secret can't be taken away. " + ownClient,
		docs:  knowledge + "cognito-unable-to-verify-secret-hash",
	},
	{
		id: "new_client_flow", severity: Error, needs: NewPool | NewClients,
		check: func(s Snapshot) []string {
			deaf := clients(s, isDeaf)
			if len(deaf) == 0 {
				deaf = []string{aws.ToString(s.NewPool.Id)}
			}
			return when(len(clients(s, getsPasswords)) == 0, deaf...)
		},
		what: "No app client of the new pool gives passwords to Cognito",
		why:  "Cognito calls the trigger only where it gets the password, in USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH or managed login: nobody migrates by signing in.",
		mend: passwordFlow + byClientCLI,
		docs: guide + "cognito-user-pools-import-using-lambda.html",
	},
	{
		id: "new_client_deaf", severity: Warning, needs: NewPool | NewClients,
		check: func(s Snapshot) []string {
			if len(clients(s, getsPasswords)) == 0 {
				return nil
			}
			return clients(s, isDeaf)
		},
		what: "Some app clients of the new pool do not give passwords to Cognito",
		why:  "Users who come by one of them first do not migrate: to that client they do not exist.",
		mend: passwordFlow + " Nothing, if nobody signs in by it." + byClientCLI,
		docs: guide + "cognito-user-pools-import-using-lambda.html",
	},
	{
		id: "new_client_choice", severity: Warning, needs: NewPool | NewClients,
		check: func(s Snapshot) []string {
			return clients(s, func(s Snapshot, c types.UserPoolClientType) bool { return offersChoice(s, c) && !sendsPasswords(c) })
		},
		what: "Some app clients of the new pool take passwords in the flow USER_AUTH only",
		why:  "AWS names USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH as the flows that call the trigger, and rules out passwordless sign-in; it does not say whether USER_AUTH with a password calls it.",
		mend: "App clients → the client → App client information → Edit → Authentication flows: add ALLOW_USER_PASSWORD_AUTH, and let the app use that flow until the migration is over." + byClientCLI,
		docs: knowledge + "cognito-migration-lambda-trigger-errors",
	},
	{
		id: "new_client_existence_errors", severity: Error, needs: NewPool | NewClients,
		check: func(s Snapshot) []string {
			return clients(s, func(s Snapshot, c types.UserPoolClientType) bool {
				return getsPasswords(s, c) && c.PreventUserExistenceErrors != types.PreventUserExistenceErrorTypesEnabled
			})
		},
		what: "Some app clients of the new pool do not prevent user existence errors",
		why:  "A wrong password reads 'user does not exist' until the user has moved, and strangers can try out who has.",
		mend: "App clients → the client → App client information → Edit → Prevent user existence errors." + byClientCLI,
		docs: guide + "cognito-user-pool-managing-errors.html",
	},
}

func allows(client types.UserPoolClientType, flows ...types.ExplicitAuthFlowsType) bool {
	return slices.ContainsFunc(flows, func(flow types.ExplicitAuthFlowsType) bool {
		return slices.Contains(client.ExplicitAuthFlows, flow)
	})
}

// sendsPasswords tells whether a client's flows, by their names of today and of before, or its managed login send the password to
// Cognito. Managed login needs no flow.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-import-using-lambda.html
func sendsPasswords(c types.UserPoolClientType) bool {
	return managedLogin(c) || allows(c, types.ExplicitAuthFlowsTypeAllowUserPasswordAuth, types.ExplicitAuthFlowsTypeUserPasswordAuth,
		types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, types.ExplicitAuthFlowsTypeAdminNoSrpAuth)
}

// managedLogin tells whether a client signs the pool's own users in by Cognito's pages. Cognito takes OAuth flows only from a client
// that may use them.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html
func managedLogin(c types.UserPoolClientType) bool {
	return slices.Contains(c.SupportedIdentityProviders, "COGNITO") &&
		(slices.Contains(c.AllowedOAuthFlows, types.OAuthFlowTypeCode) || slices.Contains(c.AllowedOAuthFlows, types.OAuthFlowTypeImplicit))
}

// offersChoice tells whether a client lets users choose how to sign in, and a password is a choice.
func offersChoice(s Snapshot, c types.UserPoolClientType) bool {
	policies := s.NewPool.Policies
	return policies != nil && policies.SignInPolicy != nil &&
		slices.Contains(policies.SignInPolicy.AllowedFirstAuthFactors, types.AuthFactorTypePassword) &&
		allows(c, types.ExplicitAuthFlowsTypeAllowUserAuth)
}

// getsPasswords tells whether users give a password by a client that may bring the trigger about.
func getsPasswords(s Snapshot, c types.UserPoolClientType) bool {
	return sendsPasswords(c) || offersChoice(s, c)
}

// isDeaf tells whether users may sign in by a client, but the trigger is never called for it. A client for machines has the flow
// client_credentials alone.
func isDeaf(s Snapshot, c types.UserPoolClientType) bool {
	machines := slices.Equal(c.AllowedOAuthFlows, []types.OAuthFlowType{types.OAuthFlowTypeClientCredentials})
	return !getsPasswords(s, c) && !machines
}

// clients names the new pool's app clients of which something is so.
func clients(s Snapshot, is func(Snapshot, types.UserPoolClientType) bool) []string {
	var names []string
	for _, c := range s.NewClients {
		if is(s, c) {
			names = append(names, label(c))
		}
	}
	return names
}

func label(client types.UserPoolClientType) string {
	return strings.TrimSpace(aws.ToString(client.ClientName) + " " + aws.ToString(client.ClientId))
}
