package migration

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Policy is what the operator chose.
type Policy struct {
	// AssumeVerified lists the addresses that are handed over as verified even if the old pool says otherwise, if the user has them.
	AssumeVerified []Address `env:"ASSUME_VERIFIED"`
	// ForgotPassword says who may migrate by a forgotten password, which asks for no second factor.
	ForgotPassword ResetRule `env:"FORGOT_PASSWORD" envDefault:"migrate"`
	// Remigrate says what happens to a confirmed user whom the new pool no longer has.
	Remigrate RemigrateRule `env:"REMIGRATE" envDefault:"refuse"`
	// NewPool is the shape of the new pool; the zero Shape if it is not known.
	NewPool Shape `env:"NEW_POOL"`
	// Attributes are the rules that make the new user's attributes.
	Attributes Rules `env:"ATTRIBUTES"`
	// SecondFactor says what becomes of a second factor that the user had in the old pool.
	SecondFactor SecondFactorRule `env:"SECOND_FACTOR" envDefault:"drop"`
}

// Validate names the rule that the new pool's shape has no attribute for: it would keep every user from migrating.
func (p Policy) Validate() error {
	for _, r := range p.Attributes {
		if !r.Drop && !p.NewPool.has(r.Target) {
			return fmt.Errorf("ATTRIBUTES has a rule for %s, which NEW_POOL does not have: allowed are attributes of the new pool; "+
				"add it there and deploy again", r.Target)
		}
	}
	return nil
}

// SecondFactorRule says what becomes of second factors.
type SecondFactorRule string

// SecondFactorDropped: users set factors up again. SecondFactorCarriesSMS: users who had SMS codes have them in the new pool, if that
// has second factors. An authenticator's secret can't be carried over: Cognito does not export it.
const (
	SecondFactorDropped    SecondFactorRule = "drop"
	SecondFactorCarriesSMS SecondFactorRule = "carry_sms"
)

// UnmarshalText accepts the rules.
func (r *SecondFactorRule) UnmarshalText(text []byte) error {
	return oneOf(r, text, SecondFactorDropped, SecondFactorCarriesSMS)
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

var addressForms = map[Address]*regexp.Regexp{Email: regexp.MustCompile(`^\S+@\S+$`), PhoneNumber: regexp.MustCompile(`^\+\d+$`)}

// form tells whether a name has the form of such an address.
func (a Address) form(name string) bool {
	form := addressForms[a]
	return form != nil && form.MatchString(name)
}

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

// RemigrateRefused: the deletion stands. RemigrateAllowed: the user is migrated once more.
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

// Account is a user of a pool, as AdminGetUser or ListUsers tells.
type Account struct {
	Sub        string
	Username   string
	Enabled    bool
	Status     string // UserStatus, by its API name
	Attributes map[string]string
	Factors    []string  // UserMFASettingList; ListUsers does not tell
	Created    time.Time // UserCreateDate, and
	Modified   time.Time // UserLastModifiedDate; only listed users have them
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
	Attribute  string            // the name of the attribute that stands in the way, for the log; if one does
	// EnableSMSMFA: the new user keeps SMS codes as second factor.
	EnableSMSMFA bool
	// OfferReset: the password was right but a challenge stood in the way, and a forgotten password would migrate the user.
	// The app may be told, since the password is proven.
	OfferReset bool
}

// Decide decides an attempt. The name is what the user typed, r the current record (zero if there is none, or none was read). Decide is
// total: every input has a defined outcome, and an unknown value never migrates a user.
func (p Policy) Decide(t Trigger, name string, a Answer, r Record) Decision {
	switch unknown := a.Account == nil; {
	case unknown && a.AccountReason != UnknownUser:
		return refuse(a.AccountReason)
	case t == SignIn && a.Authentication.Reason.Outcome() == Failed:
		// While passwords can't be checked, everybody gets the same answer. Otherwise an outage would reveal which users exist.
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

// provesPassword lists the challenges that the old pool sends only after the right password, in the flow ADMIN_USER_PASSWORD_AUTH. Any
// other challenge, known or new, proves nothing.
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
	if d.Outcome == Migrated && !p.reachable(d) {
		return refuse(NoVerifiedContact)
	}
	return d
}

// reachable: Cognito sends the code for a new password to a verified address only, and only to one that the pool recovers by.
func (p Policy) reachable(d Decision) bool {
	return slices.ContainsFunc([]Address{Email, PhoneNumber}, func(a Address) bool {
		isSecondFactor := a == PhoneNumber && d.EnableSMSMFA
		return d.Attributes[string(a)] != "" && d.Attributes[a.flag()] == "true" && p.NewPool.recovers(a, isSecondFactor)
	})
}

// refuse rejects or fails for a reason. A reason outside the closed set is an internal failure.
func refuse(r Reason) Decision {
	outcome := r.Outcome()
	if outcome == "" {
		return Decision{Outcome: Failed, Reason: Internal}
	}
	return Decision{Outcome: outcome, Reason: r}
}
