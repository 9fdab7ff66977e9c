package migration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rules say how the new user's attributes come from the old user's. An attribute without a rule stays as it is.
type Rules []Rule

// Rule makes one attribute of the new user. Exactly one of Source, Drop and Default is set.
type Rule struct {
	Target  string
	Source  string // the old attribute whose value the target takes
	Drop    bool   // the target is left out
	Default string // what the target gets if the user has no value
}

// Link is the attribute that keeps the old sub: the target of a rule whose source is sub. It is empty if no rule keeps it.
func (rs Rules) Link() string {
	for _, r := range rs {
		if r.Source == "sub" {
			return r.Target
		}
	}
	return ""
}

// UnmarshalText reads rules, separated by commas: "custom:old_sub=sub" (the new attribute takes the value of the old one, which is then
// not handed over under its own name), "-custom:legacy" (left out), "locale?=en" (a value for users who have none). A comma or backslash
// in a value has a backslash before it. The error names the rule that is wrong.
func (rs *Rules) UnmarshalText(text []byte) error {
	var rules Rules
	targets := map[string]bool{}
	for i, written := range splitRules(string(text)) {
		r, err := parseRule(written)
		if err == nil && targets[r.Target] {
			err = fmt.Errorf("%s has a rule already", r.Target)
		}
		if err != nil {
			return fmt.Errorf("rule %d, %q: %w: allowed are new=old, -name and name?=value, separated by commas", i+1, written, err)
		}
		targets[r.Target] = true
		rules = append(rules, r)
	}
	*rs = rules
	return nil
}

// splitRules cuts at commas without a backslash before them, and takes the backslashes away.
func splitRules(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	rules := []string{""}
	for i := 0; i < len(text); i++ {
		last := &rules[len(rules)-1]
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == ',' || text[i+1] == '\\'):
			i++
			*last += text[i : i+1]
		case text[i] == ',':
			rules = append(rules, "")
		default:
			*last += text[i : i+1]
		}
	}
	return rules
}

func parseRule(written string) (Rule, error) {
	written = strings.TrimSpace(written)
	if name, ok := strings.CutPrefix(written, "-"); ok {
		return Rule{Target: name, Drop: true}, checkName(name)
	}
	if target, value, ok := strings.Cut(written, "?="); ok {
		if value == "" || len([]rune(value)) > maxAttributeLength {
			return Rule{}, fmt.Errorf("the value has no character, or more than %d", maxAttributeLength)
		}
		return Rule{Target: target, Default: value}, checkName(target)
	}
	target, source, ok := strings.Cut(written, "=")
	if !ok {
		return Rule{}, errors.New("it is none")
	}
	if source == target {
		return Rule{}, fmt.Errorf("%s is itself", target)
	}
	if source != "sub" {
		if err := checkName(source); err != nil {
			return Rule{}, err
		}
	}
	return Rule{Target: target, Source: source}, checkName(target)
}

// isAttributeName tells whether Cognito takes a name for an attribute's: [\p{L}\p{M}\p{S}\p{N}\p{P}]+, of 1 to 32 characters. As a regular
// expression, it would take a millisecond of every cold start to compile.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AttributeType.html
func isAttributeName(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= 32 && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P)
	})
}

func checkName(name string) error {
	switch {
	case !isAttributeName(name) || strings.ContainsAny(name, "=?,-\\"): // the second are the grammar's own
		return fmt.Errorf("%q is no attribute's name", name)
	case setByCognito(name):
		return fmt.Errorf("%s is set by Cognito itself", name)
	case slices.Contains([]string{Email.flag(), PhoneNumber.flag()}, name):
		return fmt.Errorf("%s follows its address: see ASSUME_VERIFIED", name)
	}
	return nil
}

// apply returns the new user's attributes by the rules.
func (rs Rules) apply(sub string, old map[string]string) map[string]string {
	attributes := map[string]string{}
	for name, value := range old {
		if !slices.ContainsFunc(rs, func(r Rule) bool { return r.Source == name || r.Drop && r.Target == name }) {
			attributes[name] = value
		}
	}
	for _, r := range rs {
		switch {
		case r.Source == "sub":
			attributes[r.Target] = sub
		case r.Source != "" && old[r.Source] != "":
			attributes[r.Target] = old[r.Source]
		case r.Default != "" && attributes[r.Target] == "":
			attributes[r.Target] = r.Default
		}
	}
	return attributes
}
