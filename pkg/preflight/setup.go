package preflight

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// signInQuota is the default of the category UserAuthentication, in requests a second for an account in a Region.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const signInQuota = 120

var setUpRules = []rule{
	{
		id: notChecked, severity: Warning, check: unseen,
		what: "Not everything could be looked at",
		why:  "What was not looked at may be wrong.",
		mend: "If access was denied, allow the actions to the inspect function's role; template.yaml does. If there was no answer, ask again.",
		docs: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitouserpools.html",
	},
	{
		id: "not_found", severity: Error, check: unknown,
		what: "What the stack's parameters name does not exist",
		why:  "Every migration fails as misconfigured.",
		mend: "Correct the parameter and deploy again. A pool is looked for in the Region that its id begins with; the new one has to be in the stack's.",
		docs: api + "API_DescribeUserPool.html",
	},
	{
		id: "same_pool", severity: Error, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return when(aws.ToString(s.OldPool.Id) == aws.ToString(s.NewPool.Id), aws.ToString(s.OldPool.Id))
		},
		what: "The old and the new pool are the same",
		why:  "The trigger is called for users whom the new pool does not know; then the old one does not either.",
		mend: "Deploy with the right UserPoolId and NewUserPoolId.",
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
}

// operationRules are about what lasts as long as the migration.
var operationRules = []rule{
	{
		id: "new_open_sign_up", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			closed := s.NewPool.AdminCreateUserConfig != nil && s.NewPool.AdminCreateUserConfig.AllowAdminCreateUserOnly
			return when(!closed && !guarded(s), aws.ToString(s.NewPool.Id))
		},
		what: "Anybody can sign up at the new pool while users are still to come",
		why:  "A stranger can take the username or address of an old user who has not moved. That user can't move any more: the new pool knows the name already, and asks nobody.",
		mend: "New pool → Sign-up → Self-service sign-up → Edit: off, until the migration is over. Or attach the guard: New pool → Extensions → Lambda triggers → Add → Sign-up → Pre sign-up, and choose this stack's GuardFunctionArn." + byCLI,
		docs: api + "API_AdminCreateUserConfigType.html",
	},
	{
		id: "probe_client", severity: Warning, needs: NewClients,
		check: func(s Snapshot) []string {
			allowed := slices.ContainsFunc(s.NewClients, func(c types.UserPoolClientType) bool {
				return aws.ToString(c.ClientId) == s.ProbeClient &&
					allows(c, types.ExplicitAuthFlowsTypeAllowUserPasswordAuth, types.ExplicitAuthFlowsTypeUserPasswordAuth)
			})
			return when(s.ProbeClient != "" && !allowed, s.ProbeClient)
		},
		what: "The app client that is probed is not of the new pool, or does not allow USER_PASSWORD_AUTH",
		why:  "Every probe fails, and its alarm rings.",
		mend: "Deploy with the id of the app client that your app signs users in by as ProbeAppClientId, and let it use that flow: App clients → the client → App client information → Edit → Authentication flows: ALLOW_USER_PASSWORD_AUTH." + byClientCLI,
		docs: api + "API_InitiateAuth.html",
	},
	{
		id: "probe_off", severity: Info, needs: NewPool,
		check: func(s Snapshot) []string { return when(s.ProbeClient == "", aws.ToString(s.NewPool.Id)) },
		what:  "Nothing probes whether the trigger can be reached",
		why:   "Whether a day without users was a quiet one or an outage is not measured.",
		mend:  "Once the trigger is attached, deploy with ProbeAppClientId, the id of the app client that your app signs users in by.",
		docs:  guide + "cognito-user-pools-import-using-lambda.html",
	},
	{
		id: "password_policy", severity: Info, needs: OldPool | NewPool,
		check: func(s Snapshot) []string { return stricter(passwordPolicy(s.OldPool), passwordPolicy(s.NewPool)) },
		what:  "The new pool's password policy is stricter",
		why:   "Cognito does not enforce it on migrated passwords: users keep what they had.",
		mend:  "Nothing, if that will do. Else ask users to change their password after they have moved.",
		docs:  guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "quota", severity: Info, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			before, after := poolARN(s.OldPool), poolARN(s.NewPool)
			return when(before.Region == after.Region && before.AccountID == after.AccountID,
				fmt.Sprintf("%d a second by default, so plan on %d first sign-ins a second", signInQuota, signInQuota/2))
		},
		what: "Both pools share one quota of sign-ins",
		why:  "A first sign-in takes two requests of it, one at each pool. Past it, users are throttled.",
		mend: "Look up what you have: aws service-quotas list-service-quotas --service-code cognito-idp. Ask for more there, or bring users in waves.",
		docs: guide + "quotas.html",
	},
	{
		id: "old_deletion_protection", severity: Info, needs: OldPool,
		check: func(s Snapshot) []string {
			return when(s.OldPool.DeletionProtection != types.DeletionProtectionTypeActive, aws.ToString(s.OldPool.Id))
		},
		what: "The old pool is not protected against deletion",
		why:  "Without it nobody can migrate any more.",
		mend: "Old pool → Settings → Deletion protection → Activate; take it off when the old pool may go." + byCLI,
		docs: guide + "user-pool-settings-deletion-protection.html",
	},
}

func passwordPolicy(pool *types.UserPoolType) types.PasswordPolicyType {
	if pool.Policies == nil || pool.Policies.PasswordPolicy == nil {
		return types.PasswordPolicyType{}
	}
	return *pool.Policies.PasswordPolicy
}

// stricter lists in what one policy asks for more than another.
func stricter(before, after types.PasswordPolicyType) []string {
	return slices.Concat(
		when(aws.ToInt32(after.MinimumLength) > aws.ToInt32(before.MinimumLength),
			fmt.Sprintf("at least %d characters", aws.ToInt32(after.MinimumLength))),
		when(after.RequireUppercase && !before.RequireUppercase, "uppercase"),
		when(after.RequireLowercase && !before.RequireLowercase, "lowercase"),
		when(after.RequireNumbers && !before.RequireNumbers, "numbers"),
		when(after.RequireSymbols && !before.RequireSymbols, "symbols"),
	)
}
