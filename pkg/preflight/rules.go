package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// rule is one thing to check. It is skipped if a part that it needs is not in the snapshot.
type rule struct {
	id       string
	severity Severity
	needs    Part
	check    func(Snapshot) []string // what is wrong, in particular; empty if nothing is
	what     string
	why      string
	mend     string
	docs     string
}

const (
	guide     = "https://docs.aws.amazon.com/cognito/latest/developerguide/"
	api       = "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/"
	knowledge = "https://repost.aws/knowledge-center/"

	// On the command line the two update calls are traps.
	// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-updating.html
	byCLI       = " With the CLI, update-user-pool resets every setting that is not sent: send back all that describe-user-pool shows, as docs/deploying.md does to attach the trigger."
	byClientCLI = " With the CLI, update-user-pool-client resets every setting that is not sent: send back all that describe-user-pool-client shows but ClientSecret, CreationDate and LastModifiedDate."

	ownClient = "Make an app client for the migration alone: aws cognito-idp create-user-pool-client --user-pool-id $USER_POOL_ID --client-name migration --explicit-auth-flows ALLOW_ADMIN_USER_PASSWORD_AUTH ALLOW_REFRESH_TOKEN_AUTH. Then deploy with its id as AppClientId."
	newPool   = "It can't be changed in a pool that exists: make the new pool anew."
)

// signInQuota is the default of the category UserAuthentication, in requests a second for an account in a Region.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const signInQuota = 120

// rules are all rules, in the order in which findings of the same severity are told.
var rules = []rule{
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
			return when(len(passwordClients(s)) == 0 && len(choiceClients(s)) == 0, aws.ToString(s.NewPool.Id))
		},
		what: "No app client of the new pool allows USER_PASSWORD_AUTH",
		why:  "Cognito calls the trigger only where it gets the password: nobody migrates by signing in.",
		mend: "App clients → the client → App client information → Edit → Authentication flows: add ALLOW_USER_PASSWORD_AUTH (ALLOW_ADMIN_USER_PASSWORD_AUTH, if a server signs users in), and let the app use that flow until the migration is over." + byClientCLI,
		docs: guide + "cognito-user-pools-import-using-lambda.html",
	},
	{
		id: "new_client_choice", severity: Warning, needs: NewPool | NewClients,
		check: func(s Snapshot) []string {
			if len(passwordClients(s)) > 0 {
				return nil
			}
			return labels(choiceClients(s))
		},
		what: "App clients of the new pool take passwords in the flow USER_AUTH only",
		why:  "AWS names USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH as the flows that call the trigger, and rules out passwordless sign-in; it does not say whether USER_AUTH with a password calls it.",
		mend: "App clients → the client → App client information → Edit → Authentication flows: add ALLOW_USER_PASSWORD_AUTH, and let the app use that flow until the migration is over." + byClientCLI,
		docs: knowledge + "cognito-migration-lambda-trigger-errors",
	},
	{
		id: "new_client_existence_errors", severity: Error, needs: NewClients,
		check: func(s Snapshot) []string {
			return labels(slices.DeleteFunc(passwordClients(s), func(c types.UserPoolClientType) bool {
				return c.PreventUserExistenceErrors == types.PreventUserExistenceErrorTypesEnabled
			}))
		},
		what: "App clients of the new pool do not prevent user existence errors",
		why:  "A wrong password reads 'user does not exist' until the user has moved, and strangers can try out who has.",
		mend: "App clients → the client → App client information → Edit → Prevent user existence errors." + byClientCLI,
		docs: guide + "cognito-user-pool-managing-errors.html",
	},

	{
		id: "trigger_detached", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string { return when(attached(s) == "", aws.ToString(s.NewPool.Id)) },
		what:  "The trigger is not attached to the new pool yet",
		why:   "Nobody migrates. Attach it when everything else is mended.",
		mend:  "New pool → Extensions → Lambda triggers → Add → Authentication → Migrate user." + byCLI,
		docs:  guide + "cognito-user-pools-working-with-lambda-triggers.html",
	},
	{
		id: "trigger_other", severity: Error, needs: NewPool,
		check: func(s Snapshot) []string {
			a, own := attached(s), functionARN(s)
			return when(a != "" && a != own && !strings.HasPrefix(a, own+":"), a)
		},
		what: "The new pool calls another function to migrate users",
		why:  "That function decides, and nothing it does is recorded here.",
		mend: "New pool → Extensions → Lambda triggers → Migrate user: choose this stack's MigrateFunctionArn." + byCLI,
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "trigger_qualified", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			return when(strings.HasPrefix(attached(s), functionARN(s)+":"), attached(s))
		},
		what: "The new pool calls a version or an alias of the function",
		why:  "A deployment does not reach it, and it needs an invoke permission of its own.",
		mend: "New pool → Extensions → Lambda triggers → Migrate user: choose the function without version or alias. Or see to it that deployments move the alias." + byCLI,
		docs: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html",
	},
	{
		id: "permission_missing", severity: Error, needs: NewPool | FunctionPolicy,
		check: func(s Snapshot) []string {
			pool := poolARN(s.NewPool)
			return when(!slices.ContainsFunc(s.Policy.Statement, func(st Statement) bool { return st.admits(pool) }), pool.String())
		},
		what: "The new pool may not invoke the function",
		why:  "Once the trigger is attached, every first sign-in fails with 'Exception migrating user'.",
		mend: "Deploy the stack again with the right NewUserPoolId: it makes the permission. For a version or an alias: aws lambda add-permission --function-name $MIGRATE_FUNCTION_ARN --statement-id new-pool --action lambda:InvokeFunction --principal cognito-idp.amazonaws.com --source-arn $NEW_USER_POOL_ARN --source-account $ACCOUNT_ID",
		docs: knowledge + "cognito-migration-lambda-trigger-errors",
	},
	{
		id: "permission_wide", severity: Warning, needs: NewPool | FunctionPolicy,
		check: func(s Snapshot) []string {
			var others []string
			for _, st := range s.Policy.Statement {
				others = append(others, st.others(poolARN(s.NewPool))...)
			}
			return others
		},
		what: "More than the new pool may invoke the function",
		why:  "Whoever can invoke it can try passwords of the old pool's users. It refuses other pools' events, but that is the second line.",
		mend: "aws lambda remove-permission --function-name $MIGRATE_FUNCTION --statement-id … for each; the stack's own permission names the new pool.",
		docs: guide + "cognito-user-pools-import-using-lambda.html",
	},

	{
		id: "attribute_missing", severity: Error, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return attributes(s, func(_ types.SchemaAttributeType, other *types.SchemaAttributeType) bool { return other == nil })
		},
		what: "Attributes of the old pool are missing in the new one",
		why:  "Cognito refuses every user who has a value for one: 'Attribute does not exist in schema'.",
		mend: "New pool → Sign-up → Custom attributes → Add. Or: aws cognito-idp add-custom-attributes --user-pool-id $NEW_USER_POOL_ID --custom-attributes Name=…,AttributeDataType=String,Mutable=true, which resets nothing. Name goes without custom: or dev:; for dev: add DeveloperOnlyAttribute=true. An attribute can never be removed again.",
		docs: knowledge + "cognito-migration-lambda-trigger-errors",
	},
	{
		id: "attribute_type", severity: Error, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return attributes(s, func(a types.SchemaAttributeType, other *types.SchemaAttributeType) bool {
				return other != nil && other.AttributeDataType != a.AttributeDataType && other.AttributeDataType != types.AttributeDataTypeString
			})
		},
		what: "Attributes have another type in the new pool",
		why:  "Cognito refuses users whose value does not fit the type.",
		mend: "An attribute's type can't be changed: make the new pool anew with the old type, or with String, which takes every value.",
		docs: api + "API_SchemaAttributeType.html",
	},
	{
		id: "attribute_bounds", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return attributes(s, func(a types.SchemaAttributeType, other *types.SchemaAttributeType) bool {
				if other == nil || other.AttributeDataType != a.AttributeDataType {
					return false
				}
				low, high := bounds(a)
				newLow, newHigh := bounds(*other)
				return newLow > low || newHigh < high
			})
		},
		what: "Attributes have narrower bounds in the new pool",
		why:  "Cognito refuses users whose value is outside.",
		mend: "Bounds can't be changed: make the new pool anew, or see to it that no value of the old pool is outside.",
		docs: api + "API_SchemaAttributeType.html",
	},
	{
		id: "attribute_immutable", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return attributes(s, func(a types.SchemaAttributeType, other *types.SchemaAttributeType) bool {
				return other != nil && aws.ToBool(a.Mutable) && !aws.ToBool(other.Mutable)
			})
		},
		what: "Attributes that could be changed in the old pool can't be changed in the new one",
		why:  "They keep the value that they migrate with for ever. Signing in through an identity provider that maps one fails.",
		mend: newPool,
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "attribute_required", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return attributes(s, func(a types.SchemaAttributeType, other *types.SchemaAttributeType) bool {
				every := []types.UsernameAttributeType{types.UsernameAttributeType(aws.ToString(a.Name))} // whoever signs in by it alone has it
				return other != nil && aws.ToBool(other.Required) && !aws.ToBool(a.Required) &&
					!slices.Equal(s.OldPool.UsernameAttributes, every) && !slices.Equal(s.NewPool.UsernameAttributes, every)
			})
		},
		what: "The new pool requires attributes that users of the old one need not have",
		why:  "A user without one can't migrate.",
		mend: "Give every user of the old pool a value before the migration (aws cognito-idp admin-update-user-attributes). What is required can't be changed in a pool that exists.",
		docs: knowledge + "cognito-change-user-pool-attributes",
	},

	{
		id: "sign_in_unknown", severity: Error, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			takes := words(s.NewPool.UsernameAttributes)
			return when(len(takes) > 0 && len(common(takes, findsBy(s.OldPool))) == 0, takes...)
		},
		what: "Users sign in to the new pool by what the old pool does not find them by",
		why:  "Every user is unknown to the old pool: nobody migrates.",
		mend: "A pool's sign-in options can't be changed: make the new pool anew, with the old one's usernames or aliases.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "sign_in_lost", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return slices.DeleteFunc(findsBy(s.OldPool), func(name string) bool { return slices.Contains(findsBy(s.NewPool), name) })
		},
		what: "Users sign in to the old pool by what is no sign-in option of the new one",
		why:  "Who typed an alias is created under the username and not found by the alias again; an address that was the username becomes a fixed one, or is refused.",
		mend: newPool + " Or let the app ask for something else.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_is_alias", severity: Error, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			if len(s.NewPool.UsernameAttributes) > 0 {
				return nil
			}
			return common(words(s.OldPool.UsernameAttributes), words(s.NewPool.AliasAttributes))
		},
		what: "The old pool's usernames are addresses, which are aliases in the new pool",
		why:  "Users of the old pool have no other name, and Cognito creates nobody whose name has the form of an alias: nobody migrates.",
		mend: "Aliases and username attributes can't be changed: make the new pool anew, with addresses as usernames (UsernameAttributes).",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_like_alias", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			if len(s.OldPool.UsernameAttributes) > 0 {
				return nil
			}
			return slices.DeleteFunc(words(s.NewPool.AliasAttributes), func(name string) bool {
				return name == string(types.AliasAttributeTypePreferredUsername) || slices.Contains(words(s.OldPool.AliasAttributes), name)
			})
		},
		what: "Usernames of the old pool may have the form of what is an alias in the new pool",
		why:  "Cognito creates nobody whose name has the form of an alias. Those users can't migrate (attribute_rejected).",
		mend: "Look for such usernames in the old pool. If there are many: make the new pool anew, without that alias or with addresses as usernames.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_not_address", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return when(len(s.OldPool.UsernameAttributes) == 0, common(words(s.NewPool.UsernameAttributes), findsBy(s.OldPool))...)
		},
		what: "Usernames of the old pool are no addresses, and the new pool takes addresses only",
		why:  "Users who type their username are unknown to the new pool. Those who type an address are handed over with the old username, which the new pool may refuse.",
		mend: "Try it with one user before you attach the trigger for all. To keep usernames, make the new pool anew, with addresses as aliases.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "case_folded", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return when(caseSensitive(s.OldPool) && !caseSensitive(s.NewPool), aws.ToString(s.NewPool.Id))
		},
		what: "The old pool tells Ada from ada, the new one does not",
		why:  "Of two users whose names differ in case alone, the second to come signs in against the first one's password, and never migrates.",
		mend: "Look for such pairs in the old pool, and rename or remove one of each.",
		docs: guide + "user-pool-case-sensitivity.html",
	},
	{
		id: "case_split", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return when(!caseSensitive(s.OldPool) && caseSensitive(s.NewPool), aws.ToString(s.NewPool.Id))
		},
		what: "The new pool tells Ada from ada, the old one does not",
		why:  "A user who types the name in another case is new to the new pool, and migrates once more as somebody else.",
		mend: "Make the new pool anew, without case sensitivity, as AWS advises; it can't be changed later.",
		docs: guide + "user-pool-case-sensitivity.html",
	},

	{
		id: "mfa_lost", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string { return when(mfa(s.OldPool) && !mfa(s.NewPool), aws.ToString(s.NewPool.Id)) },
		what:  "The old pool has MFA, the new one does not",
		why:   "Users who had a second factor are left with the password alone.",
		mend:  "New pool → Sign-in → Multi-factor authentication → Edit. Or: aws cognito-idp set-user-pool-mfa-config, which sets MFA only, but all of it.",
		docs:  guide + "user-pool-settings-mfa.html",
	},
	{
		id: "old_mfa", severity: Info, needs: OldPool,
		check: func(s Snapshot) []string { return when(mfa(s.OldPool), string(s.OldPool.MfaConfiguration)) },
		what:  "Users of the old pool may have MFA",
		why:   "The old pool answers their password with a challenge, so they migrate by a forgotten password, which asks for no second factor; and they set their factor up again.",
		mend:  "Let the app offer 'forgot password' on RESET_PASSWORD_TO_CONTINUE. The parameter ForgotPassword decides whether they may: migrate, refuse_mfa or refuse.",
		docs:  guide + "user-pool-settings-mfa.html",
	},
	{
		id: "new_mfa_required", severity: Info, needs: NewPool,
		check: func(s Snapshot) []string {
			return when(s.NewPool.MfaConfiguration == types.UserPoolMfaTypeOn, aws.ToString(s.NewPool.Id))
		},
		what: "The new pool requires MFA",
		why:  "Second factors do not migrate: everyone sets one up after the first sign-in.",
		mend: "Let the app guide users through it. To spare them: New pool → Sign-in → Multi-factor authentication → Optional, until the migration is over.",
		docs: guide + "user-pool-settings-mfa.html",
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
		id: "old_triggers", severity: Warning, needs: OldPool,
		check: func(s Snapshot) []string {
			c := lambdaConfig(s.OldPool)
			preToken := c.PreTokenGeneration
			if preToken == nil && c.PreTokenGenerationConfig != nil {
				preToken = c.PreTokenGenerationConfig.LambdaArn
			}
			return configured(map[string]*string{
				"PreAuthentication": c.PreAuthentication, "PostAuthentication": c.PostAuthentication,
				"PreTokenGeneration": preToken, "UserMigration": c.UserMigration,
			})
		},
		what: "Triggers of the old pool run at every first sign-in to the new one",
		why:  "They cost time (OLD_POOL_BUDGET), may refuse users (old_pool_trigger), and count sign-ins that were none.",
		mend: "See to it that they are quick, and do for the migration's app client what they should: callerContext.clientId tells it.",
		docs: guide + "cognito-user-pools-working-with-lambda-triggers.html",
	},
	{
		id: "new_pre_authentication", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			return configured(map[string]*string{"PreAuthentication": lambdaConfig(s.NewPool).PreAuthentication})
		},
		what: "A trigger of the new pool runs before users whom it does not know yet sign in",
		why:  "With PreventUserExistenceErrors enabled it runs for unknown users too, with userNotFound set. If it refuses them, nobody migrates.",
		mend: "Let it return the event as it is if request.userNotFound is true.",
		docs: guide + "user-pool-lambda-pre-authentication.html",
	},
	{
		id: "new_sign_up_triggers", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			c := lambdaConfig(s.NewPool)
			return configured(map[string]*string{"PreSignUp": c.PreSignUp, "PostConfirmation": c.PostConfirmation})
		},
		what: "Triggers of the new pool that run at sign-up do not run for migrated users",
		why:  "AWS names no trigger source of theirs for a migration. What they do for new users (a row in a database, a group) is not done for those who migrate.",
		mend: "Do it for migrated users too, at their first sign-in: in PostAuthentication.",
		docs: guide + "cognito-user-pools-working-with-lambda-triggers.html",
	},
	{
		id: "old_threat_protection", severity: Warning, needs: OldPool,
		check: func(s Snapshot) []string {
			return when(s.OldPool.UserPoolAddOns != nil && s.OldPool.UserPoolAddOns.AdvancedSecurityMode == types.AdvancedSecurityModeTypeEnforced, aws.ToString(s.OldPool.Id))
		},
		what: "The old pool enforces threat protection",
		why:  "It sees all users sign in from Lambda's addresses, without a device, and may ask for MFA or block them, which reads as a wrong password.",
		mend: "Old pool → Threat protection → the migration's app client: override the pool's settings with ones that log but do not block. Or: aws cognito-idp set-risk-configuration --client-id $APP_CLIENT_ID, which leaves other clients alone.",
		docs: guide + "cognito-user-pool-settings-threat-protection.html",
	},

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
		id: "recovery_address", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			channels := channels(s.NewPool)
			return when(len(common(channels, words(s.OldPool.AutoVerifiedAttributes))) == 0, channels...)
		},
		what: "The new pool sends codes for a forgotten password to what the old pool does not verify",
		why:  "Whoever has no verified address of that kind can't migrate by a forgotten password (no_verified_contact).",
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
		why:  "Who resets a forgotten password by phone gets no code.",
		mend: "SNSSandbox: ask AWS to move the account out of the SMS sandbox. A role policy exception: New pool → Authentication methods → SMS → Edit, and choose a role that may publish." + byCLI,
		docs: guide + "user-pool-sms-settings.html",
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
