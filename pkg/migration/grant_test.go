package migration_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	. "github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

func shape(t interface{ Fatal(...any) }, text string) Shape {
	var s Shape
	if text == unknown {
		return s
	}
	if err := s.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

func rules(t interface{ Fatal(...any) }, text string) Rules {
	var rs Rules
	if err := rs.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return rs
}

const (
	unknown      = ``
	plain        = `{}`
	plainFolds   = `{"UsernameConfiguration":{"CaseSensitive":false}}`
	byEmail      = `{"UsernameAttributes":["email"]}`
	byEmailFolds = `{"UsernameAttributes":["email"],"UsernameConfiguration":{"CaseSensitive":false}}`
	emailAlias   = `{"AliasAttributes":["email"]}`
	allAliases   = `{"AliasAttributes":["email","phone_number","preferred_username"]}`
)

// What the answer names the user by the typed name, for each kind of new pool: "" lets the pool take the typed name.
func TestTheNewUserIsFoundByTheTypedName(t *testing.T) {
	named := func(name string) func(*Account) { return func(a *Account) { a.Username = name } }
	unverified := func(a *Account) { a.Attributes["email_verified"] = "false" }
	for _, tt := range []struct {
		name, shape, typed string
		change             func(*Account)
		username           string
		refused            Reason
		attribute          string
	}{
		{"the username, of an unknown pool", unknown, "ada", nil, "", "", ""},
		{"an alias, of an unknown pool", unknown, "ada@example.com", nil, "ada", "", ""},
		{"an address as username in another case, of an unknown pool", unknown, "Ada@Example.com", named("ada@example.com"), "", "", ""},
		{"another address than the username, of an unknown pool", unknown, "ada@example.com", named("old@example.org"), "", AttributeRejected, "username"},

		{"the username, plain", plain, "ada", nil, "", "", ""},
		{"an address as username, plain", plain, "ada@example.com", named("ada@example.com"), "", "", ""},
		{"the username in another case, plain", plain, "ADA", nil, "", "", ""},
		{"an address as username in another case, plain", plain, "Ada@Example.com", named("ada@example.com"), "", "", ""},
		{"an address in another case, of a pool that folds", plainFolds, "someone@example.org", named("SomeOne@example.org"), "", "", ""},
		{"an alias that the new pool does not know", plain, "ada@example.com", nil, "", AttributeRejected, "username"},
		{"an address of a user whom the old pool named", plain, "ada@example.com", named(sub), "", "", ""},

		{"an address, of a pool that names its users", byEmail, "ada@example.com", nil, "", "", ""},
		{"the username, of a pool that names its users", byEmail, "ada", nil, "", AttributeRejected, "username"},
		{"another address, of a pool that names its users", byEmail, "+15550100", nil, "", AttributeRejected, "username"},
		{"an address in another case, of a pool that minds it", byEmail, "Ada@example.com", nil, "", AttributeRejected, "username"},
		{"an address in another case, of a pool that folds it", byEmailFolds, "Ada@example.com", nil, "", "", ""},

		{"the username, with aliases", emailAlias, "ada", nil, "", "", ""},
		{"an alias", emailAlias, "ada@example.com", nil, "ada", "", ""},
		{"an alias that is not verified", emailAlias, "ada@example.com", unverified, "", AliasUnverified, "email_verified"},
		{"the username, although the alias is not verified", emailAlias, "ada", unverified, "", "", ""},
		{"an alias of a user with an address as username", emailAlias, "ada@example.com", named("ada@example.com"), sub, "", ""},
		{"an alias of a user with another address as username", emailAlias, "ada@example.com", named("old@example.org"), sub, "", ""},
		{"a username in the form of an alias that it is not", emailAlias, "old@example.org", named("old@example.org"), "", AttributeRejected, "username"},
		{"an alias of a user whom the old pool named", emailAlias, "ada@example.com", named(sub), sub, "", ""},
		{"a phone number as username, where only email is an alias", emailAlias, "+15550100", named("+15550100"), "", "", ""},
		{"an alias of the old pool alone", emailAlias, "+15550100", nil, "", AttributeRejected, "username"},
		{"a phone number that is not verified", allAliases, "+15550100", nil, "", AliasUnverified, "phone_number_verified"},
		{"a preferred username", allAliases, "countess", func(a *Account) { a.Attributes["preferred_username"] = "countess" }, "ada", "", ""},
		{"a username that is preferred as well", allAliases, "ada", func(a *Account) { a.Attributes["preferred_username"] = "ada" }, "", "", ""},
	} {
		p := policy
		p.NewPool = shape(t, tt.shape)
		got := p.Decide(SignIn, tt.typed, Answer{Account: account(tt.change), Authentication: Authentication{Accepted: true}}, Record{})
		if got.Reason != tt.refused || got.Attribute != tt.attribute || got.Attributes["username"] != tt.username {
			t.Errorf("%s: %q, %s %s; want %q, %s %s",
				tt.name, got.Attributes["username"], got.Reason, got.Attribute, tt.username, tt.refused, tt.attribute)
		}
	}
}

// An address that the pool signs in by has to equal the name that Cognito sent.
func TestTheAddressIsTheTypedName(t *testing.T) {
	p := policy
	p.NewPool = shape(t, byEmailFolds)
	a := account(func(a *Account) { a.Attributes["email"] = "Ada@Example.com" })
	got := p.Decide(SignIn, "ada@example.com", Answer{Account: a, Authentication: Authentication{Accepted: true}}, Record{})
	if got.Attributes["email"] != "ada@example.com" || got.Attributes["email_verified"] != "true" {
		t.Errorf("%+v", got)
	}
}

func TestWhatTheNewUserGets(t *testing.T) {
	for _, tt := range []struct {
		name, shape, rules string
		change             func(*Account)
		want               map[string]string // what differs from the old attributes; empty: left out
		attribute          string            // in the way
	}{
		{"everything", plain, "", nil, nil, ""},
		{"the link", plain, "custom:old_sub=sub", nil, map[string]string{"custom:old_sub": sub}, ""},
		{"renamed", plain, "custom:org=custom:tenant", nil, map[string]string{"custom:org": "7", "custom:tenant": ""}, ""},
		{"kept and copied", plain, "custom:org=custom:tenant,custom:tenant=custom:tenant2", nil, map[string]string{"custom:org": "7", "custom:tenant": ""}, ""},
		{"dropped", plain, "-custom:tenant", nil, map[string]string{"custom:tenant": ""}, ""},
		{"an address dropped, and its flag", plain, "-phone_number", nil, map[string]string{"phone_number": "", "phone_number_verified": ""}, ""},
		{"a default", plain, "locale?=en", nil, map[string]string{"locale": "en"}, ""},
		{"a default with a comma", plain, `address?=Main St 1\, Springfield`, nil, map[string]string{"address": "Main St 1, Springfield"}, ""},
		{"a default that is not needed", plain, "custom:tenant?=1", nil, nil, ""},
		{"an address from elsewhere is not verified", plain, "email=custom:tenant", nil, map[string]string{"email": "7", "email_verified": "", "custom:tenant": ""}, ""},
		{"required, and there", `{"SchemaAttributes":[{"Name":"email","Required":true},{"Name":"sub","Required":true},{"Name":"custom:tenant"}]}`, "", nil, nil, ""},
		{"required, and not there", `{"SchemaAttributes":[{"Name":"locale","Required":true},{"Name":"custom:tenant"}]}`, "", nil, nil, "locale"},
		{"required, and given by a rule", `{"SchemaAttributes":[{"Name":"locale","Required":true},{"Name":"custom:tenant"}]}`, "locale?=en", nil, map[string]string{"locale": "en"}, ""},
		{"not in the schema", `{"SchemaAttributes":[]}`, "", nil, nil, "custom:tenant"},
		{"for developers, and not in the schema", `{"SchemaAttributes":[{"Name":"custom:tenant"}]}`, "", func(a *Account) { a.Attributes["dev:custom:x"] = "1" }, nil, "dev:custom:x"},
		{"not in the schema, and dropped", `{"SchemaAttributes":[]}`, "-custom:tenant", nil, map[string]string{"custom:tenant": ""}, ""},
		{"too long", plain, "", func(a *Account) { a.Attributes["custom:tenant"] = strings.Repeat("é", 2049) }, nil, "custom:tenant"},
	} {
		p := policy
		p.NewPool, p.Attributes = shape(t, tt.shape), rules(t, tt.rules)
		got := p.Decide(SignIn, username, Answer{Account: account(tt.change), Authentication: Authentication{Accepted: true}}, Record{})
		if tt.attribute != "" {
			if got.Reason != AttributeRejected || got.Attribute != tt.attribute || got.Attributes != nil {
				t.Errorf("%s: %+v, want it rejected for %s", tt.name, got, tt.attribute)
			}
			continue
		}
		want := maps.Clone(handedOver)
		maps.Copy(want, tt.want)
		maps.DeleteFunc(want, func(_, value string) bool { return value == "" })
		if diff := cmp.Diff(want, got.Attributes); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", tt.name, got.Reason, diff)
		}
	}
}

func TestRulesThatAreNone(t *testing.T) {
	for text, place := range map[string]string{
		"custom:a=custom:b,": "rule 2", "=custom:b": "rule 1", "custom:a=": "rule 1", "custom:a": "rule 1", "-": "rule 1", "a?=": "rule 1",
		"locale?=en,sub=custom:b": "rule 2", "identities?=x": "rule 1", "cognito:x?=y": "rule 1", "a=cognito:x": "rule 1", "username=a": "rule 1",
		"-custom:a,custom:a?=1": "rule 2", "email_verified?=true": "rule 1", "a=email_verified": "rule 1", "a=a": "rule 1", "a b?=c": "rule 1",
		strings.Repeat("a", 33) + "?=b": "rule 1", "a?=" + strings.Repeat("b", 2049): "rule 1",
	} {
		var rs Rules
		if err := rs.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%q: %v, %v; want an error that names %s", text, rs, err, place)
		}
	}
	if link := rules(t, "-custom:a, custom:old_sub=sub").Link(); link != "custom:old_sub" {
		t.Errorf("the link is %q", link)
	}
}

func TestShapesThatAreNone(t *testing.T) {
	for _, text := range []string{"null", "[]", `"x"`, "{", `{"UsernameAttributes":"email"}`, `{"UsernameAttributes":["email"],"AliasAttributes":["email"]}`} {
		var s Shape
		if err := s.UnmarshalText([]byte(text)); err == nil || s.Known() {
			t.Errorf("%s: %+v", text, s)
		}
	}
	if s := shape(t, `{"Name":"pool","LambdaConfig":{"PreSignUp":"x"},"SchemaAttributes":[{"Name":"sub","Mutable":false}]}`); !s.Known() {
		t.Error("members that decide nothing are not ignored")
	}
}

func TestSecondFactorsAreCarried(t *testing.T) {
	sms := func(a *Account) { a.Factors = []string{"SMS_MFA"} }
	for _, tt := range []struct {
		name, shape string
		rule        SecondFactorRule
		change      func(*Account)
		want        bool
	}{
		{"SMS, to a pool with second factors", `{"MfaConfiguration":"OPTIONAL"}`, SecondFactorCarriesSMS, sms, true},
		{"not asked for", `{"MfaConfiguration":"OPTIONAL"}`, SecondFactorDropped, sms, false},
		{"a pool without second factors", `{"MfaConfiguration":"OFF"}`, SecondFactorCarriesSMS, sms, false},
		{"no SMS", `{"MfaConfiguration":"ON"}`, SecondFactorCarriesSMS, func(a *Account) { a.Factors = []string{"EMAIL_OTP"} }, false},
		{"another number than the factor's", `{"MfaConfiguration":"ON"}`, SecondFactorCarriesSMS, func(a *Account) {
			sms(a)
			a.Attributes["custom:mobile"] = "+15550199"
		}, false},
		{"no phone number", `{"MfaConfiguration":"ON"}`, SecondFactorCarriesSMS, func(a *Account) {
			sms(a)
			delete(a.Attributes, "phone_number")
		}, false},
	} {
		p := policy
		p.NewPool, p.SecondFactor, p.Attributes = shape(t, tt.shape), tt.rule, rules(t, "phone_number?=+15550198")
		if tt.name == "another number than the factor's" {
			p.Attributes = rules(t, "phone_number=custom:mobile")
		}
		got := p.Decide(ForgotPassword, username, Answer{Account: account(tt.change)}, Record{})
		if got.Outcome != Migrated || got.EnableSMSMFA != tt.want {
			t.Errorf("%s: %+v, want %t", tt.name, got, tt.want)
		}
	}
}

// A number that gets the codes of a second factor is no way to recover, if the pool has a setting for that.
func TestASecondFactorIsNoRecovery(t *testing.T) {
	phoneAlone := func(a *Account) {
		a.Factors = []string{"SMS_MFA"}
		a.Attributes["phone_number_verified"], a.Attributes["email_verified"] = "true", "false"
	}
	const setting = `,"AccountRecoverySetting":{"RecoveryMechanisms":[{"Name":"verified_phone_number"},{"Name":"verified_email"}]}`
	for _, tt := range []struct {
		name, shape string
		rule        SecondFactorRule
		change      func(*Account)
		want        Outcome
	}{
		{"carried, and a setting", `{"MfaConfiguration":"ON"` + setting + `}`, SecondFactorCarriesSMS, phoneAlone, Rejected},
		{"carried, and no setting", `{"MfaConfiguration":"ON"}`, SecondFactorCarriesSMS, phoneAlone, Migrated},
		{"dropped", `{"MfaConfiguration":"ON"` + setting + `}`, SecondFactorDropped, phoneAlone, Migrated},
		{"carried, and an email address", `{"MfaConfiguration":"ON"` + setting + `}`, SecondFactorCarriesSMS, func(a *Account) {
			phoneAlone(a)
			a.Attributes["email_verified"] = "true"
		}, Migrated},
	} {
		p := policy
		p.NewPool, p.SecondFactor = shape(t, tt.shape), tt.rule
		got := p.Decide(ForgotPassword, username, Answer{Account: account(tt.change)}, Record{})
		if got.Outcome != tt.want || tt.want == Rejected && got.Reason != NoVerifiedContact {
			t.Errorf("%s: %+v, want it %s", tt.name, got, tt.want)
		}
	}
}

// A code for a new password goes only to an address that the pool recovers by.
func TestRecovery(t *testing.T) {
	for text, want := range map[string]Outcome{
		plain: Migrated,
		`{"AccountRecoverySetting":{"RecoveryMechanisms":[{"Priority":1,"Name":"verified_email"}]}}`:        Migrated,
		`{"AccountRecoverySetting":{"RecoveryMechanisms":[{"Priority":1,"Name":"verified_phone_number"}]}}`: Rejected,
		`{"AccountRecoverySetting":{"RecoveryMechanisms":[{"Priority":1,"Name":"admin_only"}]}}`:            Rejected,
	} {
		p := policy
		p.NewPool = shape(t, text)
		got := p.Decide(ForgotPassword, username, Answer{Account: account(nil)}, Record{})
		if got.Outcome != want || want == Rejected && got.Reason != NoVerifiedContact {
			t.Errorf("%s: %+v, want it %s", text, got, want)
		}
	}
}

var names = []string{"ada", "ADA", "ada@example.com", "Ada@Example.com", "old@example.org", "+15550100", "countess", sub}

// Whatever the shape, the rules, the account and the typed name, an answer keeps the new pool's rules: what it hands over is in the
// schema, complete and short enough, and the new pool finds the user by the typed name.
func TestAnswersKeepTheNewPoolsRules(t *testing.T) {
	names := rapid.SampledFrom(names)
	some := func(values ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, len(values), rapid.ID[string])
	}
	rapid.Check(t, func(t *rapid.T) {
		pool := map[string]any{
			"UsernameConfiguration": map[string]bool{"CaseSensitive": rapid.Bool().Draw(t, "minds case")},
			"MfaConfiguration":      rapid.SampledFrom([]string{"OFF", "ON", "OPTIONAL"}).Draw(t, "mfa"),
		}
		if rapid.Bool().Draw(t, "names its users") {
			pool["UsernameAttributes"] = []string{rapid.SampledFrom([]string{"email", "phone_number"}).Draw(t, "by")}
		} else {
			pool["AliasAttributes"] = some("email", "phone_number", "preferred_username").Draw(t, "aliases")
		}
		schema := some("custom:a", "custom:b", "custom:old_sub").Draw(t, "schema")
		required := some("email", "phone_number", "locale", "custom:a").Draw(t, "required")
		var attributes []map[string]any
		for _, name := range append(schema, required...) {
			attributes = append(attributes, map[string]any{"Name": name, "Required": slices.Contains(required, name)})
		}
		pool["SchemaAttributes"] = append(attributes, map[string]any{"Name": "sub", "Required": true})
		text, err := json.Marshal(pool)
		if err != nil {
			t.Fatal(err)
		}
		p := drawPolicy(t)
		p.NewPool = shape(t, string(text))
		p.Attributes = rules(t, strings.Join(some("custom:old_sub=sub", "custom:b=custom:a", "-phone_number", "locale?=en", "email=custom:c").Draw(t, "rules"), ","))
		p.SecondFactor = rapid.SampledFrom([]SecondFactorRule{SecondFactorDropped, SecondFactorCarriesSMS}).Draw(t, "second factor")
		a := &Account{
			Sub: sub, Username: names.Draw(t, "username"), Enabled: true, Status: "CONFIRMED",
			Factors: some("SMS_MFA").Draw(t, "factors"),
			Attributes: rapid.MapOfN(
				rapid.SampledFrom([]string{
					"sub", "identities", "cognito:x", "email", "email_verified", "phone_number", "phone_number_verified", "preferred_username",
					"custom:a", "custom:c", "name",
				}),
				rapid.OneOf(names, rapid.SampledFrom([]string{"", "true", "false"})), 0, 9).Draw(t, "attributes"),
		}
		typed := names.Draw(t, "typed")
		trigger := rapid.SampledFrom(Triggers).Draw(t, "trigger")
		d := p.Decide(trigger, typed, Answer{Account: a, Authentication: Authentication{Accepted: true}}, Record{})
		if d.Outcome == Migrated {
			if broken := brokenRule(pool, typed, d); broken != "" {
				t.Fatalf("%s: %+v, to %s who typed %s in a pool of %s", broken, d, a.Username, typed, text)
			}
		}
	})
}

// brokenRule names a rule of Cognito's that an answer breaks; it is written from the documentation, and shares no code with what it
// checks.
func brokenRule(pool map[string]any, typed string, d Decision) string {
	mindsCase := pool["UsernameConfiguration"].(map[string]bool)["CaseSensitive"]
	same := func(a, b string) bool { return a == b || !mindsCase && strings.EqualFold(a, b) }
	forms := map[string]*regexp.Regexp{"email": regexp.MustCompile(`^\S+@\S+$`), "phone_number": regexp.MustCompile(`^\+\d+$`)}
	verified := func(name string) bool { return d.Attributes[name] != "" && d.Attributes[name+"_verified"] == "true" }
	inSchema := map[string]bool{}
	for _, a := range pool["SchemaAttributes"].([]map[string]any) {
		name := a["Name"].(string)
		inSchema[name] = true
		if a["Required"] == true && name != "sub" && d.Attributes[name] == "" {
			return name + " is required"
		}
	}
	for name := range d.Attributes {
		switch {
		case name == "sub", name == "identities", strings.HasPrefix(name, "cognito:"):
			return name + " is Cognito's own"
		case strings.HasPrefix(name, "custom:") && !inSchema[name]:
			return name + " is not in the schema"
		case strings.HasSuffix(name, "_verified") && d.Attributes[strings.TrimSuffix(name, "_verified")] == "":
			return name + " is a flag without an address"
		}
	}
	if d.EnableSMSMFA && (pool["MfaConfiguration"] == "OFF" || d.Attributes["phone_number"] == "") {
		return "enableSMSMFA needs MFA and a phone number"
	}
	username, given := d.Attributes["username"]
	if by, ok := pool["UsernameAttributes"].([]string); ok {
		if given || d.Attributes[by[0]] != typed {
			return fmt.Sprintf("a pool that names its users takes %s equal to the name, and no username", by[0])
		}
		return ""
	}
	aliases := pool["AliasAttributes"].([]string)
	isAlias := slices.ContainsFunc(aliases, func(a string) bool {
		return same(d.Attributes[a], typed) && (a == "preferred_username" || verified(a))
	})
	name := typed
	if given {
		name = username
	}
	for _, a := range aliases {
		if form := forms[a]; form != nil && form.MatchString(name) {
			return "a username in the form of an alias"
		}
	}
	switch {
	case given && !isAlias:
		return "a username is taken only for who typed an alias"
	case !given && !same(name, typed):
		return "the user is not found by the typed name"
	}
	return ""
}

// A rule for an attribute that the new pool does not have would keep everybody from migrating: the function does not start with it.
func TestRulesFitTheShape(t *testing.T) {
	for _, tt := range []struct {
		shape, rules string
		fits         bool
	}{
		{`{"SchemaAttributes":[{"Name":"custom:old_sub"}]}`, "custom:old_sub=sub", true},
		{`{"SchemaAttributes":[{"Name":"custom:org"}]}`, "custom:old_sub=sub", false},
		{`{"SchemaAttributes":[]}`, "-custom:legacy", true},
		{`{"SchemaAttributes":[]}`, "locale?=en", true},
		{`{}`, "custom:old_sub=sub", true},
	} {
		p := Policy{NewPool: shape(t, tt.shape), Attributes: rules(t, tt.rules)}
		if err := p.Validate(); (err == nil) != tt.fits || err != nil && !strings.Contains(err.Error(), "ATTRIBUTES") {
			t.Errorf("%s in %s: %v", tt.rules, tt.shape, err)
		}
	}
}

// The names by which the new pool may have a user, by its shape and what the user is called.
func TestNewNames(t *testing.T) {
	const sub, mail, phone = "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", "ada@example.org", "+15550100"
	for _, tt := range []struct {
		shape, username string
		want            []string
	}{
		{`{"UsernameAttributes":["email"]}`, "ada", []string{mail}},
		{`{"UsernameAttributes":["email","phone_number"]}`, "ada", []string{mail, phone}},
		{`{}`, "ada", []string{"ada"}},
		{`{}`, mail, []string{mail}},
		{`{}`, sub, []string{sub, mail, phone}},
		{`{"AliasAttributes":["email"]}`, "ada", []string{"ada"}},
		{`{"AliasAttributes":["email"]}`, mail, []string{mail, sub}},
		{``, "ada", []string{"ada", sub, mail, phone}},
	} {
		var policy Policy
		if tt.shape != "" {
			if err := policy.NewPool.UnmarshalText([]byte(tt.shape)); err != nil {
				t.Fatal(err)
			}
		}
		account := Account{Sub: sub, Username: tt.username, Attributes: map[string]string{"email": mail, "phone_number": phone}}
		if diff := cmp.Diff(tt.want, policy.NewNames(account)); diff != "" {
			t.Errorf("%s in %s (-want +got):\n%s", tt.username, tt.shape, diff)
		}
	}
}
