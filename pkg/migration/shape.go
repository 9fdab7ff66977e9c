package migration

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Shape is the part of the new pool's settings that decides whether it takes a user. Its members are named as in DescribeUserPool's
// UserPool. zero Shape stands for an unknown pool.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
type Shape struct {
	UsernameAttributes     []string // what users sign in by instead of a username, which the pool makes itself
	AliasAttributes        []string // what users sign in by besides a username
	UsernameConfiguration  UsernameConfiguration
	SchemaAttributes       []SchemaAttribute // at least the custom ones and those that are required
	AccountRecoverySetting AccountRecoverySetting
	MfaConfiguration       string // OFF, ON or OPTIONAL

	known bool
}

// UsernameConfiguration says whether names mind case. Pools without it do.
type UsernameConfiguration struct{ CaseSensitive *bool }

// SchemaAttribute is an attribute that the pool's users may have, or must.
type SchemaAttribute struct {
	Name     string
	Required bool
}

// AccountRecoverySetting says by what a forgotten password is recovered. Pools without it use either address.
type AccountRecoverySetting struct{ RecoveryMechanisms []RecoveryMechanism }

// RecoveryMechanism is verified_email, verified_phone_number or admin_only.
type RecoveryMechanism struct{ Name string }

// UnmarshalText reads a JSON object. It ignores other members of UserPool.
func (s *Shape) UnmarshalText(text []byte) error {
	type members Shape // without this method
	var read members
	if err := json.Unmarshal(text, &read); err != nil || !strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return errors.New("allowed is a JSON object with members of DescribeUserPool's UserPool, such as {\"AliasAttributes\":[\"email\"]}, or nothing")
	}
	if len(read.UsernameAttributes) > 0 && len(read.AliasAttributes) > 0 {
		return errors.New("allowed is UsernameAttributes or AliasAttributes, not both: no pool has them")
	}
	read.known = true
	*s = Shape(read)
	return nil
}

// Known tells whether the pool's shape is known.
func (s Shape) Known() bool { return s.known }

// folds tells whether the pool ignores the case of names.
func (s Shape) folds() bool {
	return s.UsernameConfiguration.CaseSensitive != nil && !*s.UsernameConfiguration.CaseSensitive
}

// same tells whether the pool takes two names for one.
func (s Shape) same(a, b string) bool { return a == b || s.folds() && EqualButForCase(a, b) }

// EqualButForCase compares names as a pool does that folds case: by lower case. (strings.EqualFold takes ſ for s as well.)
func EqualButForCase(a, b string) bool {
	return strings.ToLower(a) == strings.ToLower(b) //nolint:staticcheck // see above
}

// has tells whether the pool's users may have an attribute. All pools have the standard ones.
func (s Shape) has(attribute string) bool {
	custom := strings.HasPrefix(attribute, "custom:") || strings.HasPrefix(attribute, "dev:")
	return !custom || s.SchemaAttributes == nil ||
		slices.ContainsFunc(s.SchemaAttributes, func(a SchemaAttribute) bool { return a.Name == attribute })
}

// missing returns a required attribute that a user lacks; empty if there is none. The pool itself gives each user a sub.
func (s Shape) missing(attributes map[string]string) string {
	for _, a := range s.SchemaAttributes {
		if a.Required && a.Name != "sub" && attributes[a.Name] == "" {
			return a.Name
		}
	}
	return ""
}

// recovers tells whether a forgotten password can be recovered by an address. A phone number that gets the codes of a second factor
// does not count, if the pool has a setting.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AccountRecoverySettingType.html
func (s Shape) recovers(a Address, isSecondFactor bool) bool {
	mechanisms := s.AccountRecoverySetting.RecoveryMechanisms
	return len(mechanisms) == 0 || !isSecondFactor && slices.Contains(mechanisms, RecoveryMechanism{Name: "verified_" + string(a)})
}

// sendsCodes tells whether the pool has second factors.
func (s Shape) sendsCodes() bool {
	return s.MfaConfiguration == "ON" || s.MfaConfiguration == "OPTIONAL"
}

// aliasForm tells whether a name has the form of one of the pool's alias attributes: then it can't be a username.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html#user-pool-settings-aliases
func (s Shape) aliasForm(name string) bool {
	return slices.ContainsFunc(s.AliasAttributes, func(a string) bool { return Address(a).form(name) })
}
