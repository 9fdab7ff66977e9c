package migration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Policy is what the operator chose.
type Policy struct {
	// AssumeVerified lists the addresses that are handed over as verified whatever the old pool says, if the user has them.
	AssumeVerified []Address `env:"ASSUME_VERIFIED"`
	// ForgotPassword says who may migrate by a forgotten password, which asks for no second factor.
	ForgotPassword ResetRule `env:"FORGOT_PASSWORD" envDefault:"migrate"`
	// Remigrate says what happens to a confirmed user whom the new pool no longer has.
	Remigrate RemigrateRule `env:"REMIGRATE" envDefault:"refuse"`
	// RetryWindow is how long the same migrated attempt counts as Cognito's own second try.
	RetryWindow time.Duration `env:"RETRY_WINDOW" envDefault:"20s"`
	// RepeatWindow is how long the same rejection or failure adds nothing to the stream.
	RepeatWindow time.Duration `env:"REPEAT_WINDOW" envDefault:"1h"`
}

// Validate names the variable that is out of range.
func (p Policy) Validate() error {
	var errs []error
	if p.RetryWindow < 15*time.Second || p.RetryWindow > time.Hour {
		// Cognito makes up to three calls of 5 s each: a shorter window would take its retries for users who came back.
		errs = append(errs, fmt.Errorf("RETRY_WINDOW is %s: allowed is 15s to 1h", p.RetryWindow))
	}
	if p.RepeatWindow < 0 || p.RepeatWindow > 24*time.Hour {
		errs = append(errs, fmt.Errorf("REPEAT_WINDOW is %s: allowed is 0s to 24h", p.RepeatWindow))
	}
	return errors.Join(errs...)
}

// Address is an attribute that holds a way to reach the user.
type Address string

// The addresses that Cognito knows.
const (
	Email       Address = "email"
	PhoneNumber Address = "phone_number"
)

// UnmarshalText accepts email and phone_number.
func (a *Address) UnmarshalText(text []byte) error { return oneOf(a, text, Email, PhoneNumber) }

func (a Address) flag() string { return string(a) + "_verified" }

// ResetRule says who may migrate by a forgotten password.
type ResetRule string

// ResetMigrates: everyone with a verified address. ResetRefusesMFA: those without a second factor. ResetRefused: nobody.
const (
	ResetMigrates   ResetRule = "migrate"
	ResetRefusesMFA ResetRule = "refuse_mfa"
	ResetRefused    ResetRule = "refuse"
)

// UnmarshalText accepts the rules.
func (r *ResetRule) UnmarshalText(text []byte) error {
	return oneOf(r, text, ResetMigrates, ResetRefusesMFA, ResetRefused)
}

// RemigrateRule says what happens to a confirmed user who comes again: confirmed users whom the new pool does not know
// were deleted there.
type RemigrateRule string

// The deletion stands, or the user is migrated once more.
const (
	RemigrateRefused RemigrateRule = "refuse"
	RemigrateAllowed RemigrateRule = "allow"
)

// UnmarshalText accepts the rules.
func (r *RemigrateRule) UnmarshalText(text []byte) error {
	return oneOf(r, text, RemigrateRefused, RemigrateAllowed)
}

func oneOf[T ~string](dst *T, text []byte, allowed ...T) error {
	text = bytes.TrimSpace(text)
	if !slices.Contains(allowed, T(text)) {
		names := make([]string, len(allowed))
		for i, a := range allowed {
			names[i] = string(a)
		}
		return fmt.Errorf("%q is not allowed: allowed is %s", text, strings.Join(names, ", "))
	}
	*dst = T(text)
	return nil
}

// Answer is what the old pool said about a user.
type Answer struct {
	Account          *Account // nil if the old pool did not tell
	AccountReason    Reason   // why it did not
	AccountException string   // the name of the exception that it answered with, for the log
	Authentication   Authentication
}

// Account is a user of the old pool (AdminGetUser).
type Account struct {
	Sub        string
	Username   string
	Enabled    bool
	Status     string // UserStatus, by its API name
	Attributes map[string]string
	Factors    []string // UserMFASettingList
}

// Authentication is the old pool's answer to the password. The zero value accepts nothing.
type Authentication struct {
	Accepted  bool
	Challenge string // the challenge it asked for instead
	Reason    Reason // why it did neither
	Exception string // the name of the exception that it answered with, for the log
}

// Decision is what an attempt comes to.
type Decision struct {
	Outcome    Outcome
	Reason     Reason
	Challenge  string
	Attributes map[string]string // what the new user gets; nil unless migrated
	// OfferReset: the password was right but a challenge stood in the way, and a forgotten password would migrate the user.
	// The app may be told, since the password is proven.
	OfferReset bool
}

// Decide decides an attempt. The name is what the user typed, r the current record (zero if there is none, or none was
// read). Decide is total: whatever it is given comes to a defined outcome, and nothing unknown is ever let through.
func (p Policy) Decide(t Trigger, name string, a Answer, r Record) Decision {
	switch unknown := a.Account == nil; {
	case unknown && a.AccountReason != UnknownUser:
		return refuse(a.AccountReason)
	case t == SignIn && a.Authentication.Reason.Outcome() == Failed:
		// A password that could not be checked gets everybody the same answer: else an outage would tell who is known.
		return refuse(a.Authentication.Reason)
	case unknown:
		return refuse(UnknownUser)
	}
	d := p.decide(t, name, a)
	if r.Status == StatusConfirmed && p.Remigrate != RemigrateAllowed {
		if d.Outcome == Migrated {
			return refuse(RemovedAfterConfirmation)
		}
		d.OfferReset = false
	}
	return d
}

func (p Policy) decide(t Trigger, name string, a Answer) Decision {
	if !a.Account.Enabled {
		return refuse(Disabled)
	}
	switch a.Account.Status {
	case "CONFIRMED", "FORCE_CHANGE_PASSWORD":
	case "RESET_REQUIRED":
		if t == SignIn {
			return refuse(PasswordResetRequired)
		}
	case "UNCONFIRMED":
		return refuse(Unconfirmed)
	case "EXTERNAL_PROVIDER":
		return refuse(ExternalProvider)
	default:
		return refuse(AccountStatus)
	}
	switch t {
	case SignIn:
		return p.signIn(name, a)
	case ForgotPassword:
		return p.forgotPassword(name, *a.Account)
	default:
		return refuse(Internal)
	}
}

// provesPassword lists the challenges that the old pool sends only after the right password, in the flow
// ADMIN_USER_PASSWORD_AUTH. Of any other, known or new, that can't be said.
var provesPassword = []string{
	"SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE", "MFA_SETUP", "NEW_PASSWORD_REQUIRED",
}

// ProvesPassword tells whether the old pool sends a challenge only after the right password.
func ProvesPassword(challenge string) bool { return slices.Contains(provesPassword, challenge) }

func (p Policy) signIn(name string, a Answer) Decision {
	auth := a.Authentication
	switch {
	case auth.Challenge != "":
		account := *a.Account
		if auth.Challenge != "NEW_PASSWORD_REQUIRED" {
			account.Factors = append(slices.Clone(account.Factors), auth.Challenge) // a factor that AdminGetUser need not know
		}
		d := refuse(ChallengeRequired)
		d.Challenge = auth.Challenge
		d.OfferReset = ProvesPassword(auth.Challenge) && p.forgotPassword(name, account).Outcome == Migrated
		return d
	case auth.Accepted && auth.Reason == "":
		return p.grant(name, *a.Account)
	default:
		return refuse(auth.Reason)
	}
}

func (p Policy) forgotPassword(name string, account Account) Decision {
	if p.ForgotPassword == ResetRefused || p.ForgotPassword == ResetRefusesMFA && len(account.Factors) > 0 {
		return refuse(ForgotPasswordRefused)
	}
	d := p.grant(name, account)
	if d.Outcome == Migrated && !reachable(d.Attributes) {
		return refuse(NoVerifiedContact)
	}
	return d
}

// reachable: Cognito sends the code for a new password to a verified address only.
func reachable(attributes map[string]string) bool {
	return slices.ContainsFunc([]Address{Email, PhoneNumber}, func(a Address) bool {
		return attributes[string(a)] != "" && attributes[a.flag()] == "true"
	})
}

// maxAttributeLength is Cognito's limit for an attribute's value, in characters.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AttributeType.html
const maxAttributeLength = 2048

// alias is the form of an email address or a phone number. Cognito creates no user with such a name where these are aliases.
var alias = regexp.MustCompile(`^(\S+@\S+|\+\d+)$`)

// grant hands over every attribute but those that Cognito sets itself. A migration happens once: what is left out is lost.
func (p Policy) grant(name string, account Account) Decision {
	attributes := maps.Clone(account.Attributes)
	maps.DeleteFunc(attributes, func(key, _ string) bool {
		return key == "sub" || key == "identities" || key == "username" || strings.HasPrefix(key, "cognito:")
	})
	if attributes == nil {
		attributes = map[string]string{}
	}
	for _, a := range p.AssumeVerified {
		if attributes[string(a)] != "" {
			attributes[a.flag()] = "true"
		}
	}
	// Whoever typed an alias, or the username in another case, keeps the old username. A username that equals the sub is one that
	// Cognito made up, for a pool whose users sign in by email or phone number only: there the new pool makes up its own.
	if name != account.Username && account.Username != account.Sub {
		if alias.MatchString(account.Username) {
			return refuse(AttributeRejected)
		}
		attributes["username"] = account.Username
	}
	for _, value := range attributes {
		if utf8.RuneCountInString(value) > maxAttributeLength {
			return refuse(AttributeRejected)
		}
	}
	return Decision{Outcome: Migrated, Attributes: attributes}
}

// refuse rejects or fails for a reason. What is no reason of the closed set is an internal failure.
func refuse(r Reason) Decision {
	outcome := r.Outcome()
	if outcome == "" {
		return Decision{Outcome: Failed, Reason: Internal}
	}
	return Decision{Outcome: outcome, Reason: r}
}
