package preflight

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// recoveryRules are about forgotten passwords.
var recoveryRules = []rule{
	{
		id: "recovery_admin_only", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			return when(slices.Contains(recovery(s.NewPool), types.RecoveryOptionNameTypeAdminOnly), string(types.RecoveryOptionNameTypeAdminOnly))
		},
		what: "Users can't reset a forgotten password in the new pool",
		why:  "Users who have MFA in the old pool, or have forgotten their password, can't migrate.",
		mend: "New pool → Sign-in → User account recovery → Edit." + byCLI,
		docs: api + "API_AccountRecoverySettingType.html",
	},
	{
		id: "recovery_address", severity: Warning, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			channels := channels(s.NewPool)
			verified := append(words(s.OldPool.AutoVerifiedAttributes), words(s.settings.AssumeVerified)...)
			return when(len(common(channels, verified)) == 0, channels...)
		},
		what: "The new pool sends codes for a forgotten password to what the old pool does not verify",
		why:  "A user who has no verified address of that kind can't migrate by a forgotten password (no_verified_contact).",
		mend: "New pool → Sign-in → User account recovery → Edit: add what the old pool verifies. Or the parameter AssumeVerified, if you know the addresses to be right." + byCLI,
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "recovery_mfa", severity: Warning, needs: NewPool | NewMFA,
		check: func(s Snapshot) []string {
			if !mfa(s.NewPool) || len(recovery(s.NewPool)) != 1 {
				return nil
			}
			only := recovery(s.NewPool)[0]
			return when(only == types.RecoveryOptionNameTypeVerifiedPhoneNumber && s.NewMFA.SmsMfaConfiguration != nil ||
				only == types.RecoveryOptionNameTypeVerifiedEmail && s.NewMFA.EmailMfaConfiguration != nil, string(only))
		},
		what: "The new pool's only way to reset a password is also a second factor",
		why:  "Cognito does not send the code for a new password to where the user's second factor goes: users with that factor can't reset.",
		mend: "New pool → Sign-in → User account recovery → Edit: add the other address." + byCLI,
		docs: api + "API_CreateUserPool.html",
	},
	{
		id: "email_sender", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			own := s.NewPool.EmailConfiguration != nil && s.NewPool.EmailConfiguration.EmailSendingAccount == types.EmailSendingAccountTypeDeveloper
			return when(!own && lambdaConfig(s.NewPool).CustomEmailSender == nil && slices.Contains(channels(s.NewPool), "email"),
				string(types.EmailSendingAccountTypeCognitoDefault))
		},
		what: "The new pool sends email through Cognito's own account",
		why:  "That sends 50 messages a day for the whole AWS account. Forgotten passwords bring more in a migration.",
		mend: "New pool → Authentication methods → Email → Edit: send with Amazon SES." + byCLI,
		docs: guide + "user-pool-email.html",
	},
	{
		id: "sms_sender", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			failure := aws.ToString(s.NewPool.SmsConfigurationFailure)
			return when(failure != "" && slices.Contains(channels(s.NewPool), "phone_number"), failure)
		},
		what: "The new pool can't send text messages to every user",
		why:  "A user who resets a forgotten password by phone gets no code.",
		mend: "SNSSandbox: ask AWS to move the account out of the SMS sandbox. A role policy exception: New pool → Authentication methods → SMS → Edit, and choose a role that may publish." + byCLI,
		docs: guide + "user-pool-sms-settings.html",
	},
}

func recovery(pool *types.UserPoolType) []types.RecoveryOptionNameType {
	var names []types.RecoveryOptionNameType
	if pool.AccountRecoverySetting != nil {
		for _, m := range pool.AccountRecoverySetting.RecoveryMechanisms {
			names = append(names, m.Name)
		}
	}
	return names
}

// channels lists the attributes that codes for a forgotten password are sent to. A pool that sets nothing uses either.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
func channels(pool *types.UserPoolType) []string {
	options := recovery(pool)
	if len(options) == 0 {
		return []string{"phone_number", "email"}
	}
	var attributes []string
	for _, option := range options {
		if attribute, ok := strings.CutPrefix(string(option), "verified_"); ok {
			attributes = append(attributes, attribute)
		}
	}
	return attributes
}
