package preflight

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

var factorRules = []rule{
	{
		id: "mfa_lost", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string { return when(mfa(s.OldPool) && !mfa(s.NewPool), aws.ToString(s.NewPool.Id)) },
		what:  "The old pool has MFA, the new one does not",
		why:   "Users who had a second factor are left with the password alone.",
		mend:  "New pool → Sign-in → Multi-factor authentication → Edit. Or: aws cognito-idp set-user-pool-mfa-config, which sets MFA only, but all of it.",
		docs:  guide + "user-pool-settings-mfa.html",
	},
	{
		id: "second_factor_not_carried", severity: Warning, needs: NewPool | NewMFA | settings,
		check: func(s Snapshot) []string {
			if s.settings.SecondFactor != migration.SecondFactorCarriesSMS {
				return nil
			}
			if !mfa(s.NewPool) {
				return []string{"MFA is off"}
			}
			return when(s.NewMFA.SmsMfaConfiguration == nil, "SMS is no second factor there")
		},
		what: "Second factors are to be carried over by SMS (SECOND_FACTOR=carry_sms), and the new pool does not have them",
		why:  "While MFA is off, users who had SMS codes come without them. If MFA is on without SMS, Cognito may refuse them, and they are recorded as migrated.",
		mend: "New pool → Sign-in → Multi-factor authentication → Edit: optional or required, with SMS. Or: aws cognito-idp set-user-pool-mfa-config, which sets MFA only, but all of it. Then deploy again.",
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "old_mfa", severity: Info, needs: OldPool,
		check: func(s Snapshot) []string { return when(mfa(s.OldPool), string(s.OldPool.MfaConfiguration)) },
		what:  "Users of the old pool may have MFA",
		why:   "The old pool answers their password with a challenge, so they migrate by a forgotten password, which asks for no second factor. They set their factor up again, unless it is SMS and SecondFactor=carry_sms keeps it.",
		mend:  "Let the app offer 'forgot password' on RESET_PASSWORD_TO_CONTINUE. The parameter ForgotPassword decides whether they may: migrate, refuse_mfa or refuse.",
		docs:  guide + "user-pool-settings-mfa.html",
	},
	{
		id: "new_mfa_required", severity: Info, needs: NewPool | settings,
		check: func(s Snapshot) []string {
			return when(s.NewPool.MfaConfiguration == types.UserPoolMfaTypeOn, "SECOND_FACTOR="+string(s.settings.SecondFactor))
		},
		what: "The new pool requires MFA",
		why:  "With drop everyone sets a second factor up after the first sign-in; with carry_sms everyone who had no SMS codes does. An authenticator app can't be carried over.",
		mend: "Let the app guide users through it. To spare them: New pool → Sign-in → Multi-factor authentication → Optional, until the migration is over.",
		docs: guide + "user-pool-settings-mfa.html",
	},
}

func mfa(pool *types.UserPoolType) bool {
	return pool.MfaConfiguration == types.UserPoolMfaTypeOn || pool.MfaConfiguration == types.UserPoolMfaTypeOptional
}
