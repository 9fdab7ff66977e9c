package preflight

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// attributeRules are about what of the old pool's attributes reaches which of the new pool's.
var attributeRules = []rule{
	{
		id: "attribute_missing", severity: Error, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return handovers(s, func(h handover) bool { return h.into == nil && !h.ruled })
		},
		what: "Attributes of the old pool are missing in the new one, and no rule drops them",
		why:  "Cognito takes no user with an attribute that its schema lacks, so every user who has a value for one is refused (attribute_rejected).",
		mend: "Drop it by a rule (-custom:…) of the parameter Attributes, or give it to the new pool: New pool → Sign-up → Custom attributes → Add. Or: aws cognito-idp add-custom-attributes --user-pool-id $NEW_USER_POOL_ID --custom-attributes Name=…,AttributeDataType=String,Mutable=true, which resets nothing; then deploy again. Name goes without custom: or dev:; for dev: add DeveloperOnlyAttribute=true. An attribute can never be removed again.",
		docs: knowledge + "cognito-migration-lambda-trigger-errors",
	},
	{
		id: "attribute_type", severity: Error, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return handovers(s, func(h handover) bool {
				return h.into != nil && h.into.AttributeDataType != h.source.AttributeDataType &&
					h.into.AttributeDataType != types.AttributeDataTypeString
			})
		},
		what: "Attributes have another type in the new pool",
		why:  "Cognito refuses users whose value does not fit the type. They are recorded as migrated.",
		mend: "An attribute's type can't be changed: drop it, or give its value to an attribute of the same type or of type String, by a rule of the parameter Attributes.",
		docs: api + "API_SchemaAttributeType.html",
	},
	{
		id: "attribute_bounds", severity: Warning, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return handovers(s, func(h handover) bool {
				if h.into == nil || h.into.AttributeDataType != h.source.AttributeDataType {
					return false
				}
				low, high := bounds(h.source)
				newLow, newHigh := bounds(*h.into)
				return newLow > low || newHigh < high
			})
		},
		what: "Attributes have narrower bounds in the new pool",
		why:  "Cognito refuses users whose value is outside. They are recorded as migrated.",
		mend: "Bounds can't be changed. Look for values outside: migration preflight --users counts them. Then correct them in the old pool, or give the value to a wider attribute by a rule of the parameter Attributes.",
		docs: api + "API_SchemaAttributeType.html",
	},
	{
		id: "attribute_immutable", severity: Warning, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return handovers(s, func(h handover) bool {
				return h.into != nil && aws.ToBool(h.source.Mutable) && !aws.ToBool(h.into.Mutable)
			})
		},
		what: "Attributes that could be changed in the old pool can't be changed in the new one",
		why:  "They keep the value that they migrate with for ever. Signing in through an identity provider that maps one fails.",
		mend: newPool,
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "attribute_required", severity: Warning, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return required(s, func(from []handover) bool {
				return len(from) > 0 && !slices.ContainsFunc(from, func(h handover) bool { return h.certain(s) })
			})
		},
		what: "The new pool requires attributes that users of the old one need not have, and no rule gives",
		why:  "A user without one is refused (attribute_rejected). One of AWS's pages says that Cognito gives such users a default value, another that the trigger must give one.",
		mend: "Give every user of the old pool a value before the migration (aws cognito-idp admin-update-user-attributes), or give one by a rule (name?=value) of the parameter Attributes. migration preflight --users counts who lacks one. What is required can't be changed in a pool that exists.",
		docs: knowledge + "cognito-change-user-pool-attributes",
	},
	{
		id: "attribute_withheld", severity: Error, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return required(s, func(from []handover) bool { return len(from) == 0 })
		},
		what: "Rules (ATTRIBUTES) take away attributes that the new pool requires",
		why:  "Every user is refused (attribute_rejected).",
		mend: "Take the rule out of the parameter Attributes, or add one that gives a value (name?=value), and deploy again.",
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
}

// handover is an attribute of the old pool whose value goes to an attribute of the new one.
type handover struct {
	source types.SchemaAttributeType
	target string
	into   *types.SchemaAttributeType // the target in the new pool's schema; nil if there is none
	ruled  bool                       // by a rule, under another name
}

func (h handover) String() string {
	if h.ruled {
		return h.target + "=" + aws.ToString(h.source.Name)
	}
	return h.target
}

// certain tells whether every user of the old pool has a value to hand over.
func (h handover) certain(s Snapshot) bool {
	name := aws.ToString(h.source.Name)
	every := []types.UsernameAttributeType{types.UsernameAttributeType(name)} // everybody who signs in by it alone has it
	return name == "sub" || aws.ToBool(h.source.Required) || slices.Equal(s.OldPool.UsernameAttributes, every) ||
		!h.ruled && slices.Equal(s.NewPool.UsernameAttributes, every)
}

// handedOver lists what is handed over, as migration.Rules has it.
func handedOver(s Snapshot) []handover {
	old, later := schema(s.OldPool), schema(s.NewPool)
	taken := map[string]bool{} // not handed over under its own name
	var all []handover
	for _, r := range s.settings.Attributes {
		if r.Drop {
			taken[r.Target] = true
		}
		if source, ok := old[r.Source]; ok && r.Source != "" {
			taken[r.Source] = true
			all = append(all, handover{source: *source, target: r.Target, into: later[r.Target], ruled: true})
		}
	}
	for name, source := range old {
		if name != "sub" && name != "identities" && !strings.HasPrefix(name, "cognito:") && !taken[name] {
			all = append(all, handover{source: *source, target: name, into: later[name]})
		}
	}
	slices.SortFunc(all, func(a, b handover) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// handovers names those with which something is wrong.
func handovers(s Snapshot, wrong func(handover) bool) []string {
	var names []string
	for _, h := range handedOver(s) {
		if wrong(h) {
			names = append(names, h.String())
		}
	}
	return names
}

// required lists the attributes that the new pool requires, that have no default by a rule, and with whose sources something is wrong.
func required(s Snapshot, wrong func(from []handover) bool) []string {
	var names []string
	for name, a := range schema(s.NewPool) {
		if !aws.ToBool(a.Required) || name == "sub" || defaultOf(s, name) != "" {
			continue
		}
		from := slices.DeleteFunc(handedOver(s), func(h handover) bool { return h.target != name })
		if wrong(from) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func schema(pool *types.UserPoolType) map[string]*types.SchemaAttributeType {
	all := map[string]*types.SchemaAttributeType{}
	for _, a := range pool.SchemaAttributes {
		all[aws.ToString(a.Name)] = &a
	}
	return all
}

// Cognito's limit for an attribute's value, in characters; and the length of a sub.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#resource-quotas
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
const (
	maxLength = 2048
	subLength = 36
)

// bounds returns the least and most that an attribute's value, or the length of it, may be.
func bounds(a types.SchemaAttributeType) (low, high float64) {
	if aws.ToString(a.Name) == "sub" {
		return subLength, subLength
	}
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

// The forms of values that AWS is particular about.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html#cognito-user-pools-standard-attributes
var (
	number = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
	forms  = map[string]*regexp.Regexp{
		"email": regexp.MustCompile(`^[^@\s]+@[^@\s]+$`), "phone_number": regexp.MustCompile(`^\+\d+$`),
		"birthdate": regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`),
	}
)

// misfit says why an attribute can't have a value; empty if it can, as far as anybody can say: of a DateTime AWS names no form.
func misfit(a types.SchemaAttributeType, value string) string {
	low, high := bounds(a)
	switch a.AttributeDataType {
	case types.AttributeDataTypeString:
		if n := float64(utf8.RuneCountInString(value)); n < low || n > high {
			return fmt.Sprintf("has %v characters; allowed are %v to %v", n, low, high)
		}
	case types.AttributeDataTypeNumber:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !number.MatchString(value) {
			return "is no number"
		}
		if n < low || n > high {
			return fmt.Sprintf("is outside of %v to %v", low, high)
		}
	case types.AttributeDataTypeBoolean:
		if value != "true" && value != "false" {
			return "is neither true nor false"
		}
	}
	if form := forms[aws.ToString(a.Name)]; form != nil && !form.MatchString(value) {
		return "does not have the form of " + aws.ToString(a.Name)
	}
	return ""
}
