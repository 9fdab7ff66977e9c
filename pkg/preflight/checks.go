package preflight

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// when returns the details if what they are about was found.
func when(found bool, details ...string) []string {
	if !found {
		return nil
	}
	return details
}

func allows(client types.UserPoolClientType, flows ...types.ExplicitAuthFlowsType) bool {
	return slices.ContainsFunc(flows, func(flow types.ExplicitAuthFlowsType) bool {
		return slices.Contains(client.ExplicitAuthFlows, flow)
	})
}

// passwordClients returns the app clients of the new pool whose flows send the password to Cognito, by their names of today
// and of before.
func passwordClients(s Snapshot) []types.UserPoolClientType {
	return slices.DeleteFunc(slices.Clone(s.NewClients), func(c types.UserPoolClientType) bool {
		return !allows(c, types.ExplicitAuthFlowsTypeAllowUserPasswordAuth, types.ExplicitAuthFlowsTypeUserPasswordAuth,
			types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, types.ExplicitAuthFlowsTypeAdminNoSrpAuth)
	})
}

// choiceClients returns the app clients of the new pool that let users choose how to sign in, if a password is a choice.
func choiceClients(s Snapshot) []types.UserPoolClientType {
	policies := s.NewPool.Policies
	if policies == nil || policies.SignInPolicy == nil || !slices.Contains(policies.SignInPolicy.AllowedFirstAuthFactors, types.AuthFactorTypePassword) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.NewClients), func(c types.UserPoolClientType) bool {
		return !allows(c, types.ExplicitAuthFlowsTypeAllowUserAuth)
	})
}

func label(client types.UserPoolClientType) string {
	return strings.TrimSpace(aws.ToString(client.ClientName) + " " + aws.ToString(client.ClientId))
}

func labels(clients []types.UserPoolClientType) []string {
	var all []string
	for _, c := range clients {
		all = append(all, label(c))
	}
	return all
}

// attributes lists those attributes of the old pool that are handed over and that are wrong in the new pool, where the
// attribute of the same name is nil if there is none.
func attributes(s Snapshot, wrong func(a types.SchemaAttributeType, other *types.SchemaAttributeType) bool) []string {
	others := map[string]*types.SchemaAttributeType{}
	for _, a := range s.NewPool.SchemaAttributes {
		others[aws.ToString(a.Name)] = &a
	}
	var names []string
	for _, a := range s.OldPool.SchemaAttributes {
		name := aws.ToString(a.Name)
		if name != "sub" && name != "identities" && !strings.HasPrefix(name, "cognito:") && wrong(a, others[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// maxLength is the most characters that any attribute holds.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#resource-quotas
const maxLength = 2048

// bounds returns the least and most that an attribute's value, or the length of it, may be.
func bounds(a types.SchemaAttributeType) (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	var least, most *string
	switch {
	case a.AttributeDataType == types.AttributeDataTypeString:
		low, high = 0, maxLength
		if c := a.StringAttributeConstraints; c != nil {
			least, most = c.MinLength, c.MaxLength
		}
	case a.NumberAttributeConstraints != nil:
		least, most = a.NumberAttributeConstraints.MinValue, a.NumberAttributeConstraints.MaxValue
	}
	if n, err := strconv.ParseFloat(aws.ToString(least), 64); err == nil {
		low = max(low, n)
	}
	if n, err := strconv.ParseFloat(aws.ToString(most), 64); err == nil {
		high = min(high, n)
	}
	return low, high
}

// findsBy lists what users may sign in by besides a plain username.
func findsBy(pool *types.UserPoolType) []string {
	return slices.Concat(words(pool.UsernameAttributes), words(pool.AliasAttributes))
}

func words[T ~string](names []T) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = string(name)
	}
	return all
}

func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}

// caseSensitive: usernames are, unless a pool says otherwise.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UsernameConfigurationType.html
func caseSensitive(pool *types.UserPoolType) bool {
	return pool.UsernameConfiguration == nil || pool.UsernameConfiguration.CaseSensitive == nil || *pool.UsernameConfiguration.CaseSensitive
}

func mfa(pool *types.UserPoolType) bool {
	return pool.MfaConfiguration == types.UserPoolMfaTypeOn || pool.MfaConfiguration == types.UserPoolMfaTypeOptional
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

// configured lists the triggers that have a function.
func configured(functions map[string]*string) []string {
	maps.DeleteFunc(functions, func(_ string, function *string) bool { return aws.ToString(function) == "" })
	return slices.Sorted(maps.Keys(functions))
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
