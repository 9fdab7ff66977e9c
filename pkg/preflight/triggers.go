package preflight

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

var triggerRules = []rule{
	{
		id: "trigger_detached", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string { return when(attached(s) == "", aws.ToString(s.NewPool.Id)) },
		what:  "The trigger is not attached to the new pool yet",
		why:   "Nobody migrates. Attach it when everything else is mended.",
		mend:  "migration attach. In the console: New pool → Extensions → Lambda triggers → Add → Authentication → Migrate user." + byCLI,
		docs:  guide + "cognito-user-pools-working-with-lambda-triggers.html",
	},
	{
		id: "trigger_other", severity: Error, needs: NewPool,
		check: func(s Snapshot) []string {
			return when(attached(s) != "" && attached(s) != functionARN(s) && !qualified(s), attached(s))
		},
		what: "The new pool calls another function to migrate users",
		why:  "That function decides, and nothing it does is recorded here.",
		mend: "New pool → Extensions → Lambda triggers → Migrate user: choose this stack's MigrateFunctionArn." + byCLI,
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "trigger_qualified", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string { return when(qualified(s), attached(s)) },
		what:  "The new pool calls a version or an alias of the function",
		why:   "A deployment does not reach it, and it needs an invoke permission of its own.",
		mend:  "New pool → Extensions → Lambda triggers → Migrate user: choose the function without version or alias. Or have your deployments move the alias." + byCLI,
		docs:  "https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html",
	},
	{
		id: "permission_missing", severity: Error, needs: NewPool | FunctionPolicy,
		check: func(s Snapshot) []string {
			pool := poolARN(s.NewPool)
			return when(!s.Policy.Admits(pool), pool.String())
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
		why:  "Everybody who can invoke it can try passwords of the old pool's users. It refuses other pools' events, but that is the second line.",
		mend: "aws lambda remove-permission --function-name $MIGRATE_FUNCTION --statement-id … for each; the stack's own permission names the new pool.",
		docs: guide + "cognito-user-pools-import-using-lambda.html",
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
		mend: "Make them quick, and let them do for the migration's app client what they should: callerContext.clientId tells it.",
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
		id: "new_pre_sign_up", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			if guarded(s) {
				return nil // the guard lets migrations pass
			}
			return configured(map[string]*string{"PreSignUp": lambdaConfig(s.NewPool).PreSignUp})
		},
		what: "The new pool's PreSignUp trigger probably runs for migrated users too, and may refuse them",
		why:  "Users of real pools report that it does; AWS does not say so, nor with which triggerSource. A user whom it refuses is recorded as migrated, and does not exist in the new pool.",
		mend: "Let it refuse for the triggerSource PreSignUp_SignUp alone, and return every other event as it is. Try it with one user before you attach the trigger for all.",
		docs: guide + "user-pool-lambda-pre-sign-up.html",
	},
	{
		id: "new_sign_up_triggers", severity: Warning, needs: NewPool,
		check: func(s Snapshot) []string {
			return configured(map[string]*string{"PostConfirmation": lambdaConfig(s.NewPool).PostConfirmation})
		},
		what: "A trigger of the new pool that runs after a sign-up does not run for migrated users",
		why:  "AWS names no trigger source of it for a migration. What it does for new users (a row in a database, a group) is not done for those who migrate.",
		mend: "Do it for migrated users too, at their first sign-in: in PostAuthentication.",
		docs: guide + "user-pool-lambda-post-confirmation.html",
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
}

// configured lists the triggers that have a function.
func configured(functions map[string]*string) []string {
	maps.DeleteFunc(functions, func(_ string, function *string) bool { return aws.ToString(function) == "" })
	return slices.Sorted(maps.Keys(functions))
}
