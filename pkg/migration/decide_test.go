package migration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const (
	sub      = "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10"
	username = "ada"
)

var (
	policy  = Policy{ForgotPassword: ResetMigrates, Remigrate: RemigrateRefused}
	windows = Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}
)

// account is a user of the old pool whom nothing keeps from migrating.
func account(change func(*Account)) *Account {
	a := &Account{
		Sub: sub, Username: username, Enabled: true, Status: "CONFIRMED",
		Attributes: map[string]string{
			"sub": sub, "email": "ada@example.com", "email_verified": "true", "phone_number": "+15550100",
			"phone_number_verified": "false", "custom:tenant": "7",
		},
	}
	if change != nil {
		change(a)
	}
	return a
}

func status(s string) func(*Account) { return func(a *Account) { a.Status = s } }

var handedOver = map[string]string{
	"email": "ada@example.com", "email_verified": "true", "phone_number": "+15550100",
	"phone_number_verified": "false", "custom:tenant": "7",
}

// The account's state decides first, then the old pool's answer to the password.
func TestDecide(t *testing.T) {
	accepted := Authentication{Accepted: true}
	challenge := func(name string) Authentication { return Authentication{Challenge: name} }
	refused := func(r Reason) Authentication { return Authentication{Reason: r} }
	migrated := Decision{Outcome: Migrated, Attributes: handedOver}
	rejected := func(r Reason) Decision { return Decision{Outcome: Rejected, Reason: r} }
	failed := func(r Reason) Decision { return Decision{Outcome: Failed, Reason: r} }
	challenged := func(name string, offer bool) Decision {
		return Decision{Outcome: Rejected, Reason: ChallengeRequired, Challenge: name, OfferReset: offer}
	}
	with := func(change func(*Policy)) Policy {
		p := policy
		change(&p)
		return p
	}
	refuseMFA := with(func(p *Policy) { p.ForgotPassword = ResetRefusesMFA })
	unverified := func(a *Account) { a.Attributes["email_verified"] = "false" }
	mfa := func(a *Account) { a.Factors = []string{"SMS_MFA"} }

	tests := []struct {
		name    string
		trigger Trigger
		policy  Policy
		account func(*Account)
		auth    Authentication
		record  Record
		want    Decision
	}{
		{"right password", SignIn, policy, nil, accepted, Record{}, migrated},
		{"wrong password", SignIn, policy, nil, refused(WrongPassword), Record{}, rejected(WrongPassword)},
		{"locked out", SignIn, policy, nil, refused(TooManyAttempts), Record{}, rejected(TooManyAttempts)},
		{"the old pool's trigger refuses", SignIn, policy, nil, refused(OldPoolTrigger), Record{}, rejected(OldPoolTrigger)},
		{"throttled", SignIn, policy, nil, refused(Throttled), Record{}, failed(Throttled)},
		{"timed out", SignIn, policy, nil, refused(Timeout), Record{}, failed(Timeout)},
		{"a reason that is none", SignIn, policy, nil, refused("surprise"), Record{}, failed(Internal)},
		{"no answer at all", SignIn, policy, nil, Authentication{}, Record{}, failed(Internal)},

		{"SMS code", SignIn, policy, nil, challenge("SMS_MFA"), Record{}, challenged("SMS_MFA", true)},
		{"email code", SignIn, policy, nil, challenge("EMAIL_OTP"), Record{}, challenged("EMAIL_OTP", true)},
		{"authenticator", SignIn, policy, nil, challenge("SOFTWARE_TOKEN_MFA"), Record{}, challenged("SOFTWARE_TOKEN_MFA", true)},
		{"choice of factors", SignIn, policy, nil, challenge("SELECT_MFA_TYPE"), Record{}, challenged("SELECT_MFA_TYPE", true)},
		{"factor to set up", SignIn, policy, nil, challenge("MFA_SETUP"), Record{}, challenged("MFA_SETUP", true)},
		{"temporary password", SignIn, policy, status("FORCE_CHANGE_PASSWORD"), challenge("NEW_PASSWORD_REQUIRED"), Record{}, challenged("NEW_PASSWORD_REQUIRED", true)},
		{"custom challenge does not prove the password", SignIn, policy, nil, challenge("CUSTOM_CHALLENGE"), Record{}, challenged("CUSTOM_CHALLENGE", false)},
		{"new challenge does not prove the password", SignIn, policy, nil, challenge("RETINA_SCAN"), Record{}, challenged("RETINA_SCAN", false)},
		{"no offer where policy refuses", SignIn, refuseMFA, mfa, challenge("SMS_MFA"), Record{}, challenged("SMS_MFA", false)},
		{"no offer where policy refuses, though only the challenge tells of the factor", SignIn, refuseMFA, nil, challenge("SMS_MFA"), Record{}, challenged("SMS_MFA", false)},
		{"an offer for a temporary password", SignIn, refuseMFA, status("FORCE_CHANGE_PASSWORD"), challenge("NEW_PASSWORD_REQUIRED"), Record{}, challenged("NEW_PASSWORD_REQUIRED", true)},
		{"no offer after confirmation", SignIn, policy, nil, challenge("SMS_MFA"), Record{Status: StatusConfirmed}, challenged("SMS_MFA", false)},
		{"no offer without an address", SignIn, policy, unverified, challenge("SMS_MFA"), Record{}, challenged("SMS_MFA", false)},

		{"disabled", SignIn, policy, func(a *Account) { a.Enabled = false }, accepted, Record{}, rejected(Disabled)},
		{"disabled, forgot password", ForgotPassword, policy, func(a *Account) { a.Enabled = false }, accepted, Record{}, rejected(Disabled)},
		{"reset by an administrator", SignIn, policy, status("RESET_REQUIRED"), accepted, Record{}, rejected(PasswordResetRequired)},
		{"reset, forgot password", ForgotPassword, policy, status("RESET_REQUIRED"), Authentication{}, Record{}, migrated},
		{"temporary password accepted", SignIn, policy, status("FORCE_CHANGE_PASSWORD"), accepted, Record{}, migrated},
		{"temporary, forgot password", ForgotPassword, policy, status("FORCE_CHANGE_PASSWORD"), Authentication{}, Record{}, migrated},
		{"unconfirmed", SignIn, policy, status("UNCONFIRMED"), accepted, Record{}, rejected(Unconfirmed)},
		{"unconfirmed, forgot password", ForgotPassword, policy, status("UNCONFIRMED"), Authentication{}, Record{}, rejected(Unconfirmed)},
		{"federated", SignIn, policy, status("EXTERNAL_PROVIDER"), accepted, Record{}, rejected(ExternalProvider)},
		{"federated, forgot password", ForgotPassword, policy, status("EXTERNAL_PROVIDER"), Authentication{}, Record{}, rejected(ExternalProvider)},
		{"archived", SignIn, policy, status("ARCHIVED"), accepted, Record{}, rejected(AccountStatus)},
		{"compromised", SignIn, policy, status("COMPROMISED"), accepted, Record{}, rejected(AccountStatus)},
		{"a state that is new", ForgotPassword, policy, status("HIBERNATING"), Authentication{}, Record{}, rejected(AccountStatus)},
		{"no state", SignIn, policy, status(""), accepted, Record{}, rejected(AccountStatus)},

		{"forgot password", ForgotPassword, policy, nil, Authentication{}, Record{}, migrated},
		{"forgot password without an address", ForgotPassword, policy, unverified, Authentication{}, Record{}, rejected(NoVerifiedContact)},
		{"forgot password with a factor", ForgotPassword, policy, mfa, Authentication{}, Record{}, migrated},
		{"forgot password with a factor, refused", ForgotPassword, refuseMFA, mfa, Authentication{}, Record{}, rejected(ForgotPasswordRefused)},
		{"forgot password without a factor, allowed", ForgotPassword, refuseMFA, nil, Authentication{}, Record{}, migrated},
		{"forgot password refused", ForgotPassword, with(func(p *Policy) { p.ForgotPassword = ResetRefused }), nil, Authentication{}, Record{}, rejected(ForgotPasswordRefused)},

		{"removed after confirmation", SignIn, policy, nil, accepted, Record{Status: StatusConfirmed}, rejected(RemovedAfterConfirmation)},
		{"wrong password after confirmation", SignIn, policy, nil, refused(WrongPassword), Record{Status: StatusConfirmed}, rejected(WrongPassword)},
		{"removed, but may come again", SignIn, with(func(p *Policy) { p.Remigrate = RemigrateAllowed }), nil, accepted, Record{Status: StatusConfirmed}, migrated},
		{"migrated comes again", SignIn, policy, nil, accepted, Record{Status: StatusMigrated}, migrated},

		{"too long an attribute", SignIn, policy, func(a *Account) { a.Attributes["custom:bio"] = strings.Repeat("ä", 2049) }, accepted, Record{}, Decision{Outcome: Rejected, Reason: AttributeRejected, Attribute: "custom:bio"}},
		{"an unknown trigger", "UserMigration_Telepathy", policy, nil, accepted, Record{}, failed(Internal)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.policy.Decide(tt.trigger, username, Answer{Account: account(tt.account), Authentication: tt.auth}, tt.record)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

// Without an account nothing else counts: claims of a token hold only what the app client may read.
func TestDecideWithoutAccount(t *testing.T) {
	for reason, want := range map[Reason]Decision{
		UnknownUser: {Outcome: Rejected, Reason: UnknownUser},
		Throttled:   {Outcome: Failed, Reason: Throttled},
		Timeout:     {Outcome: Failed, Reason: Timeout},
		"":          {Outcome: Failed, Reason: Internal},
	} {
		got := policy.Decide(SignIn, username, Answer{AccountReason: reason, Authentication: Authentication{Accepted: true}}, Record{})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", reason, diff)
		}
	}
}

func TestAttributesHandedOver(t *testing.T) {
	assume := func(addresses ...Address) Policy {
		p := policy
		p.AssumeVerified = addresses
		return p
	}
	tests := []struct {
		name    string
		policy  Policy
		typed   string
		account func(*Account)
		want    map[string]string // what differs from handedOver
	}{
		{"verification is what the old pool says", policy, username, nil, nil},
		{"verification is assumed", assume(Email, PhoneNumber), username, nil, map[string]string{"phone_number_verified": "true"}},
		{"verification is assumed for one", assume(Email), username, func(a *Account) { a.Attributes["email_verified"] = "false" }, nil},
		{"nothing is assumed of an address that is not there", assume(PhoneNumber), username, func(a *Account) {
			delete(a.Attributes, "phone_number")
			delete(a.Attributes, "phone_number_verified")
		}, map[string]string{"phone_number": "", "phone_number_verified": ""}},
		{"another case keeps the username", policy, "ADA", nil, map[string]string{"username": username}},
		{"an alias keeps the username", policy, "ada@example.com", nil, map[string]string{"username": username}},
		{"a username that Cognito made up is not kept", policy, "ada@example.com", func(a *Account) { a.Username = sub }, nil},
		{"what Cognito sets itself stays behind", policy, username, func(a *Account) {
			a.Attributes["identities"] = "[]"
			a.Attributes["cognito:mfa_enabled"] = "true"
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := map[string]string{}
			for _, from := range []map[string]string{handedOver, tt.want} {
				for key, value := range from {
					want[key] = value
					if value == "" {
						delete(want, key)
					}
				}
			}
			d := tt.policy.Decide(SignIn, tt.typed, Answer{Account: account(tt.account), Authentication: Authentication{Accepted: true}}, Record{})
			if diff := cmp.Diff(want, d.Attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}

// Cognito creates no user whose name has the form of an alias.
func TestAliasesAreNoUsernames(t *testing.T) {
	for _, name := range []string{"old@example.com", "+15550199"} {
		a := account(func(a *Account) { a.Username = name })
		got := policy.Decide(SignIn, "ada@example.com", Answer{Account: a, Authentication: Authentication{Accepted: true}}, Record{})
		if got.Reason != AttributeRejected {
			t.Errorf("%s: %+v, want %s", name, got, AttributeRejected)
		}
	}
}

// While passwords can't be checked, the answer does not reveal which users exist: every account, or none, gets the same decision.
func TestOutagesTellNothingAboutAccounts(t *testing.T) {
	for _, reason := range Reasons() {
		if reason.Outcome() != Failed {
			continue
		}
		auth := Authentication{Reason: reason}
		want := policy.Decide(SignIn, "ada", Answer{AccountReason: UnknownUser, Authentication: auth}, Record{})
		for _, enabled := range []bool{true, false} {
			for _, status := range []string{"CONFIRMED", "UNCONFIRMED", "RESET_REQUIRED", "EXTERNAL_PROVIDER", "NEW"} {
				account := &Account{Sub: "s", Username: "ada", Enabled: enabled, Status: status}
				got := policy.Decide(SignIn, "ada", Answer{Account: account, Authentication: auth}, Record{})
				if got.Outcome != want.Outcome || got.Reason != want.Reason || got.OfferReset {
					t.Errorf("%s, enabled %t, %s: %+v; an unknown user gets %+v", reason, enabled, status, got, want)
				}
			}
		}
	}
}
