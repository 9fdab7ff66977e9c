package preflight

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
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
	byCLI       = " With the CLI, update-user-pool resets every setting that is not sent: send back all that describe-user-pool shows."
	byClientCLI = " With the CLI, update-user-pool-client resets every setting that is not sent: send back all that describe-user-pool-client shows but ClientSecret, CreationDate and LastModifiedDate."

	newPool = "It can't be changed in a pool that exists: make another new pool."
)

// rules are all rules, in the order in which findings of the same severity are told.
var rules = slices.Concat(setUpRules, settingRules, clientRules, triggerRules, nameRules, attributeRules, mappingRules, groupRules, factorRules,
	recoveryRules, operationRules)

// when returns the details if what they are about was found.
func when(found bool, details ...string) []string {
	if !found {
		return nil
	}
	return details
}

func words[T ~string](names []T) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = string(name)
	}
	return all
}

// common returns what is in both lists, in the order of the first.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}

// without returns what is in the first list alone.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
}

// functionARN is the trigger function's ARN.
func functionARN(s Snapshot) string { return arnOf(s, s.Function) }

// arnOf is the ARN of a function that is named by its name or its ARN. A pool and its triggers share a Region, and here an account.
func arnOf(s Snapshot, name string) string {
	if arn.IsARN(name) {
		return name
	}
	function := poolARN(s.NewPool)
	function.Service, function.Resource = "lambda", "function:"+name
	return function.String()
}

// guarded tells whether the new pool asks the guard about who signs up.
func guarded(s Snapshot) bool {
	return s.Guard != "" && aws.ToString(lambdaConfig(s.NewPool).PreSignUp) == arnOf(s, s.Guard)
}

// poolARN is a pool's ARN; it is zero if Cognito gave none.
func poolARN(pool *types.UserPoolType) arn.ARN {
	parsed, _ := arn.Parse(aws.ToString(pool.Arn))
	return parsed
}

func attached(s Snapshot) string { return aws.ToString(lambdaConfig(s.NewPool).UserMigration) }

// qualified tells whether the new pool calls a version or an alias of the function.
func qualified(s Snapshot) bool { return strings.HasPrefix(attached(s), functionARN(s)+":") }

func lambdaConfig(pool *types.UserPoolType) types.LambdaConfigType {
	if pool.LambdaConfig == nil {
		return types.LambdaConfigType{}
	}
	return *pool.LambdaConfig
}
