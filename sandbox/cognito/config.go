package cognito

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// Config describes a user pool and its app client in the words of DescribeUserPool. A zero field means AWS's default, unless its comment
// says otherwise.
type Config struct {
	// PoolID is the pool's id, such as "eu-west-1_aB3dE5gH7"; what is before the underscore is its Region.
	PoolID string
	// ClientID is the app client's id: 26 lower-case letters and digits.
	ClientID string

	// UsernameAttributes are those of "email" and "phone_number" that users sign up and in with in place of a username. The
	// pool then makes the usernames itself.
	UsernameAttributes []string
	// AliasAttributes are those of "email", "phone_number" and "preferred_username" that users may sign in with besides the
	// username.
	AliasAttributes []string
	// UsernameConfiguration says whether usernames and email addresses are case sensitive.
	UsernameConfiguration *types.UsernameConfigurationType
	// SchemaAttributes are custom attributes, by names such as "custom:tenant", and what is changed of standard ones. The
	// pool has all standard attributes besides.
	SchemaAttributes []types.SchemaAttributeType
	// MFA is the pool's MfaConfiguration: "OFF" (the default; no user is asked for a second factor), "OPTIONAL" or "ON".
	MFA string
	// AccountRecoverySetting says which verified address gets the code for a forgotten password.
	AccountRecoverySetting *types.AccountRecoverySettingType

	// PreventUserExistenceErrors is "ENABLED" (the default here, as in the AWS console) or "LEGACY" (AWS's default for an
	// app client made through the API).
	PreventUserExistenceErrors string
	// ExplicitAuthFlows are the flows that the app client allows; by default here, those with a password and the refresh of
	// tokens.
	ExplicitAuthFlows []string
	// ClientSecrets are the app client's secrets, the newest last: none, one, or two during a rotation.
	ClientSecrets []string

	// PreSignUpOfMigrations is the source by which the pre sign-up trigger is called when a user migrates; empty: it is not called.
	PreSignUpOfMigrations string

	// The pool's triggers, or nil.
	UserMigration, PreSignUp, PreAuthentication *Trigger
	// LambdaEndpoint speaks Lambda's Invoke API. The pool calls the functions there that UpdateUserPool makes triggers.
	LambdaEndpoint string

	// Settings are more members of the pool's description, known or not, over those of the other fields.
	Settings map[string]any
	// NewSettings names those of them that UpdateUserPool takes although no SDK knows them. All others that none knows are only shown.
	NewSettings []string
}

// Trigger is a Lambda function behind an endpoint that speaks Lambda's Invoke API.
type Trigger struct {
	Endpoint string
	Function string
}

func (c Config) withDefaults() Config {
	c.MFA = cmp.Or(c.MFA, "OFF")
	c.PreventUserExistenceErrors = cmp.Or(c.PreventUserExistenceErrors, "ENABLED")
	if c.ExplicitAuthFlows == nil {
		c.ExplicitAuthFlows = []string{"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	}
	return c
}

// check refuses what CreateUserPool refuses, as far as a migration depends on it.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
func (c Config) check() error {
	var errs []error
	if len(c.UsernameAttributes) > 0 && len(c.AliasAttributes) > 0 {
		errs = append(errs, errors.New("a pool has UsernameAttributes or AliasAttributes, not both"))
	}
	for _, attribute := range c.SchemaAttributes {
		name, required := aws.ToString(attribute.Name), aws.ToBool(attribute.Required)
		short, custom := strings.CutPrefix(name, "custom:")
		if custom && required {
			errs = append(errs, fmt.Errorf("%s: a custom attribute can't be required", name))
		}
		if custom && utf8.RuneCountInString(short) > 20 {
			errs = append(errs, fmt.Errorf("%s: the name of a custom attribute has at most 20 characters", name))
		}
		if required && name == "preferred_username" && slices.Contains(c.AliasAttributes, name) {
			errs = append(errs, fmt.Errorf("%s is required or an alias, not both", name))
		}
	}
	return errors.Join(errs...)
}

// User is a user as the pool holds it. The zero value of a field is the usual case.
type User struct {
	Username   string            // the sub if empty
	Password   string            // in the clear, for tests to compare
	Sub        string            // made by the pool if empty
	Attributes map[string]string // all but sub
	Disabled   bool
	Status     string // UserStatus, any that AWS may ever report; empty: CONFIRMED

	MFA          []string // UserMFASettingList
	PreferredMFA string   // PreferredMfaSetting, if any

	// FailedSignIns counts the wrong passwords since the last right one. From the fifth on each locks the user, for 1, 2, 4
	// seconds and so on up to 15 minutes; a user who is stored with them is locked from that moment.
	FailedSignIns int
	// PreAuthenticationError is the error with which the pool's pre authentication trigger refuses the user's sign-ins.
	PreAuthenticationError string
	// SignInError is the text of the NotAuthorizedException with which Cognito refuses the user's sign-ins, even with the right password:
	// "Unable to login because of security reasons.", for one.
	SignInError string
	// Code is the last code sent for ForgotPassword and not used yet. Only Users sets it.
	Code string

	Created, Modified time.Time `json:",omitzero"` // UserCreateDate and UserLastModifiedDate; zero: now
}
