package migration

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxAttributeLength is Cognito's limit for an attribute's value, in characters.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AttributeType.html
const maxAttributeLength = 2048

// setByCognito tells whether Cognito sets an attribute itself, and accepts no value for it.
func setByCognito(attribute string) bool {
	return slices.Contains([]string{"sub", "identities", "username"}, attribute) || strings.HasPrefix(attribute, "cognito:")
}

// grant hands the user over as the new pool takes users, or says why it would not take this one. The name is what the user typed: the
// new pool has to find the user by it the next time.
func (p Policy) grant(name string, account Account) Decision {
	attributes := p.attributes(account)
	for _, attribute := range slices.Sorted(maps.Keys(attributes)) { // so that the same user is always refused for the same one
		if !p.NewPool.has(attribute) || utf8.RuneCountInString(attributes[attribute]) > maxAttributeLength {
			return reject(AttributeRejected, attribute)
		}
	}
	if attribute := p.NewPool.missing(attributes); attribute != "" {
		return reject(AttributeRejected, attribute)
	}
	username, refusal := p.NewPool.username(name, account, attributes)
	if refusal.Reason != "" {
		return refusal
	}
	if username != "" {
		attributes["username"] = username
	}
	for _, a := range p.NewPool.UsernameAttributes {
		if p.NewPool.same(name, attributes[a]) {
			attributes[a] = name // which it has to equal
		}
	}
	return Decision{
		Outcome: Migrated, Attributes: attributes,
		EnableSMSMFA: p.carriesSMS(account, attributes),
	}
}

// carriesSMS tells whether the user keeps SMS codes: to the same number alone, since that is the factor.
func (p Policy) carriesSMS(account Account, attributes map[string]string) bool {
	number := attributes[string(PhoneNumber)]
	return p.SecondFactor == SecondFactorCarriesSMS && slices.Contains(account.Factors, "SMS_MFA") &&
		number != "" && number == account.Attributes[string(PhoneNumber)] && p.NewPool.sendsCodes()
}

// attributes are those that the user gets: every attribute but those that Cognito sets itself, by the rules. A migration happens once:
// what is left out is lost.
func (p Policy) attributes(account Account) map[string]string {
	old := maps.Clone(account.Attributes)
	maps.DeleteFunc(old, func(name, _ string) bool { return setByCognito(name) })
	attributes := p.Attributes.apply(account.Sub, old)
	for _, a := range []Address{Email, PhoneNumber} {
		value := attributes[string(a)]
		if value == "" || value != old[string(a)] {
			delete(attributes, a.flag()) // it is of the old address, or of none
		}
		if value != "" && slices.Contains(p.AssumeVerified, a) {
			attributes[a.flag()] = "true"
		}
	}
	return attributes
}

// username is the username that the answer has to give so that the pool finds the user by the typed name again; empty if the pool does
// without. Cognito accepts a username only in an answer for a user who typed an alias.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
func (s Shape) username(typed string, account Account, attributes map[string]string) (string, Decision) {
	refused := reject(AttributeRejected, "username")
	// A username that equals the sub is one that the old pool made up, for users who sign in by an address only.
	own := EqualButForCase(typed, account.Username) || account.Username == account.Sub
	switch {
	case !s.known:
		return s.guessed(typed, account)
	case len(s.UsernameAttributes) > 0:
		if slices.ContainsFunc(s.UsernameAttributes, func(a string) bool { return s.same(typed, attributes[a]) }) {
			return "", Decision{}
		}
		return "", refused
	}
	if !s.aliasForm(typed) && EqualButForCase(typed, account.Username) {
		return "", Decision{}
	}
	for _, alias := range s.AliasAttributes {
		if !s.same(typed, attributes[alias]) {
			continue
		}
		if flag := Address(alias).flag(); alias != preferredUsername && attributes[flag] != "true" {
			return "", reject(AliasUnverified, flag)
		}
		if s.aliasForm(account.Username) {
			return account.Sub, Decision{}
		}
		return account.Username, Decision{}
	}
	if !s.aliasForm(typed) && own {
		return "", Decision{}
	}
	return "", refused
}

const preferredUsername = "preferred_username"

// guessed is the username for a pool of unknown shape: users who typed an alias keep the old username.
func (s Shape) guessed(typed string, account Account) (string, Decision) {
	likeAlias := Email.form(account.Username) || PhoneNumber.form(account.Username)
	switch {
	case typed == account.Username, account.Username == account.Sub, likeAlias && EqualButForCase(typed, account.Username):
		return "", Decision{}
	case likeAlias:
		return "", reject(AttributeRejected, "username")
	default:
		return account.Username, Decision{}
	}
}

// NewNames are the names by which the new pool may have a user whom the policy handed over, the likeliest first. A user who typed another
// name of the old pool is not found by them.
func (p Policy) NewNames(account Account) []string {
	attributes, own := p.attributes(account), account.Username != account.Sub
	addresses := p.NewPool.UsernameAttributes
	var names []string
	if len(addresses) == 0 {
		names = append(names, account.Username)
		if own && (!p.NewPool.known || p.NewPool.aliasForm(account.Username)) {
			names = append(names, account.Sub)
		}
		if !p.NewPool.known || !own {
			addresses = []string{string(Email), string(PhoneNumber)}
		}
	}
	for _, a := range addresses {
		if attributes[a] != "" && !slices.Contains(names, attributes[a]) {
			names = append(names, attributes[a])
		}
	}
	return names
}

// reject rejects for a reason that an attribute causes.
func reject(r Reason, attribute string) Decision {
	d := refuse(r)
	d.Attribute = attribute
	return d
}
