package preflight

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Settings are how the operator has set the trigger up, as far as it has to fit the two pools.
type Settings struct {
	migration.Policy
	TypedName string `env:"TYPED_NAME"`
}

// ParseSettings reads the trigger function's variables, as the function itself does at start. The error names the variables that are
// wrong.
func ParseSettings(variables map[string]string) (Settings, error) {
	var environ []string
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	var parsed struct{ Settings Settings }
	err := config.Parse(&parsed, environ)
	return parsed.Settings, err
}

// shapeOf is what make deploy makes of a pool. The SDK names the members as the API does.
func shapeOf(pool *types.UserPoolType) (migration.Shape, error) {
	var shape migration.Shape
	text, err := json.Marshal(pool)
	if err == nil {
		err = shape.UnmarshalText(text)
	}
	return shape, err
}

// shapeDiffers lists the members in which the pool is no longer as the trigger knows it.
func shapeDiffers(s Snapshot) []string {
	now, err := shapeOf(s.NewPool)
	if err != nil {
		return []string{err.Error()}
	}
	known, actual := decisive(s.settings.NewPool), decisive(now)
	var differs []string
	for _, member := range slices.Sorted(maps.Keys(actual)) {
		if !slices.Equal(known[member], actual[member]) {
			differs = append(differs, fmt.Sprintf("%s (deployed with [%s], now [%s])", member,
				strings.Join(known[member], " "), strings.Join(actual[member], " ")))
		}
	}
	return differs
}

// decisive is what of a shape decides about users, by member, sorted. What AWS takes for the same is the same here.
func decisive(shape migration.Shape) map[string][]string {
	mfa := shape.MfaConfiguration
	if mfa == "" {
		mfa = string(types.UserPoolMfaTypeOff)
	}
	caseSensitive := aws.ToBool(shape.UsernameConfiguration.CaseSensitive) || shape.UsernameConfiguration.CaseSensitive == nil
	members := map[string][]string{
		"UsernameAttributes":    slices.Clone(shape.UsernameAttributes),
		"AliasAttributes":       slices.Clone(shape.AliasAttributes),
		"UsernameConfiguration": {fmt.Sprintf("CaseSensitive=%t", caseSensitive)},
		"MfaConfiguration":      {mfa},
		"SchemaAttributes":      nil, "AccountRecoverySetting": nil,
	}
	for _, a := range shape.SchemaAttributes {
		switch {
		case a.Required && a.Name != "sub":
			members["SchemaAttributes"] = append(members["SchemaAttributes"], a.Name+" required")
		case strings.HasPrefix(a.Name, "custom:"):
			members["SchemaAttributes"] = append(members["SchemaAttributes"], a.Name)
		}
	}
	for _, m := range shape.AccountRecoverySetting.RecoveryMechanisms {
		members["AccountRecoverySetting"] = append(members["AccountRecoverySetting"], m.Name)
	}
	for _, values := range members {
		slices.Sort(values)
	}
	return members
}

var settingRules = []rule{
	{
		id: "settings_wrong", severity: Error, needs: Variables,
		check: func(s Snapshot) []string {
			return when(s.mistake != nil, strings.Split(fmt.Sprint(s.mistake), "\n")...)
		},
		what: "The trigger function does not start with the variables that it has",
		why:  "Every first sign-in fails with 'Exception migrating user'.",
		mend: "Correct the stack's parameter of that name, and deploy again.",
		docs: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",
	},
	{
		id: "new_pool_unknown", severity: Error, needs: settings,
		check: func(s Snapshot) []string { return when(!s.settings.NewPool.Known(), "NEW_POOL is empty") },
		what:  "The trigger does not know the new pool's shape",
		why:   "It guesses what the new pool takes. Users whom the new pool refuses count as migrated.",
		mend:  "Deploy again: make deploy reads the new pool and fills the parameter NewPool.",
		docs:  api + "API_DescribeUserPool.html",
	},
	{
		id: "new_pool_changed", severity: Error, needs: NewPool | settings,
		check: func(s Snapshot) []string {
			if !s.settings.NewPool.Known() {
				return nil
			}
			return shapeDiffers(s)
		},
		what: "The new pool was changed after the deployment",
		why:  "The trigger decides by the shape that it was deployed with (NEW_POOL): it says yes to users whom the pool refuses, or refuses users whom the pool would take.",
		mend: "Deploy again: make deploy reads the new pool and fills the parameter NewPool.",
		docs: api + "API_UserPoolType.html",
	},
}
