// Package oldpool asks the old user pool about a user and gives its answers, errors included, in migration's words.
package oldpool

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/secrethash"
)

// Config names the old pool, and says how to ask it.
type Config struct {
	UserPoolID  string `env:"USER_POOL_ID,required,notEmpty"`
	AppClientID string `env:"APP_CLIENT_ID,required,notEmpty"`
	Region      string `env:"REGION"` // the pool's Region; if empty, it is taken from the id

	// AppClientHasSecret: the app client has a secret, which is read from Cognito.
	AppClientHasSecret config.YesNo `env:"APP_CLIENT_HAS_SECRET" envDefault:"no"`

	// RoleARN is the role to ask as, in the pool's account, if that is another one; ExternalID is what its trust policy asks for.
	RoleARN    string `env:"OLD_POOL_ROLE_ARN"`
	ExternalID string `env:"OLD_POOL_EXTERNAL_ID"`
}

// Lengths are checked apart: a regular expression that bounds a repetition holds as many copies of what is repeated, and each cold start
// would compile them.
var (
	poolID   = regexp.MustCompile(`^([\w-]+)_[0-9a-zA-Z]+$`)
	clientID = regexp.MustCompile(`^\w+$`)
	region   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	roleARN  = regexp.MustCompile(`^arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// Validate names the variables that do not fit.
func (c Config) Validate() error {
	var errs []error
	id := poolID.FindStringSubmatch(c.UserPoolID)
	if id == nil {
		errs = append(errs, fmt.Errorf("USER_POOL_ID is %q: allowed is an id like eu-west-1_aB3dE5gH7", c.UserPoolID))
	}
	if !clientID.MatchString(c.AppClientID) || len(c.AppClientID) > 128 {
		errs = append(errs, fmt.Errorf("APP_CLIENT_ID is %q: allowed are 1 to 128 letters and digits", c.AppClientID))
	}
	if c.Region != "" && id != nil && region.MatchString(id[1]) && id[1] != c.Region {
		errs = append(errs, fmt.Errorf("REGION is %q: allowed is %s, where USER_POOL_ID is, or nothing", c.Region, id[1]))
	}
	if c.RoleARN != "" && !roleARN.MatchString(c.RoleARN) {
		errs = append(errs, fmt.Errorf("OLD_POOL_ROLE_ARN is %q: allowed is a role's ARN like arn:aws:iam::123456789012:role/name, or nothing",
			c.RoleARN))
	}
	switch {
	case c.ExternalID != "" && c.RoleARN == "":
		errs = append(errs, errors.New("OLD_POOL_EXTERNAL_ID is set: allowed is nothing, since OLD_POOL_ROLE_ARN names no role"))
	case c.ExternalID != "" && (!externalID.MatchString(c.ExternalID) || len(c.ExternalID) > 1224):
		errs = append(errs, fmt.Errorf("OLD_POOL_EXTERNAL_ID is %q: allowed are 2 to 1224 letters, digits and any of +=,.@:/-_, or nothing",
			c.ExternalID))
	}
	return errors.Join(errs...)
}

// region is the old pool's Region.
func (c Config) region() string {
	if id := poolID.FindStringSubmatch(c.UserPoolID); c.Region == "" && id != nil {
		return id[1]
	}
	return c.Region
}

// Pool asks one user pool. Its methods return no error: the answer says what could not be found out.
type Pool struct {
	config Config
	auth   *cognito.Client
	lookup *cognito.Client
	secret *secret // nil if the app client has none
}

// New returns a pool that is asked with a configuration of Connect's. AdminGetUser is tried again within the caller's deadline, each
// try for at most the given time. AdminInitiateAuth is sent once: it counts as a wrong password and sends codes to the user.
func New(cfg aws.Config, config Config, try time.Duration) *Pool {
	transport := connections()
	p := &Pool{
		config: config,
		auth: cognito.NewFromConfig(cfg, func(o *cognito.Options) {
			o.HTTPClient = newSender(transport, 0)
			o.Retryer = sendOnce()
		}),
		lookup: cognito.NewFromConfig(cfg, func(o *cognito.Options) {
			o.HTTPClient = newSender(transport, try)
			o.Retryer = patient(try)
		}),
	}
	if config.AppClientHasSecret {
		p.secret = &secret{read: p.describeSecret}
	}
	return p
}

// ReadSecret reads the app client's secret, if it has one, so that no sign-in has to wait for it. If that fails, the next sign-in reads
// it, and says why it can't.
func (p *Pool) ReadSecret(ctx context.Context) {
	if p.secret != nil {
		_, _ = p.secret.get(ctx)
	}
}

func (p *Pool) describeSecret(ctx context.Context) (string, error) {
	out, err := p.lookup.DescribeUserPoolClient(ctx, &cognito.DescribeUserPoolClientInput{
		UserPoolId: &p.config.UserPoolID, ClientId: &p.config.AppClientID,
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.UserPoolClient.ClientSecret), nil
}

// SignIn checks a password and looks the user up, both at the same time. The metadata goes to the old pool's triggers.
func (p *Pool) SignIn(ctx context.Context, username, password string, metadata map[string]string) migration.Answer {
	if !isUsername(username) {
		return p.Lookup(ctx, username)
	}
	if utf8.RuneCountInString(password) > maxPassword {
		answer := p.Lookup(ctx, username)
		answer.Authentication = migration.Authentication{Reason: migration.WrongPassword, Exception: "PasswordTooLong"}
		return answer
	}
	var answer migration.Answer
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			if recover() != nil { // here, since no one else can; the value may quote what the user typed
				answer.Authentication = migration.Authentication{Reason: migration.Internal, Exception: "Panic"}
			}
		}()
		answer.Authentication = p.authenticate(ctx, username, password, metadata)
	})
	found := p.Lookup(ctx, username)
	wg.Wait()
	answer.Account, answer.AccountReason, answer.AccountException = found.Account, found.AccountReason, found.AccountException
	return answer
}

func (p *Pool) authenticate(ctx context.Context, username, password string, metadata map[string]string) migration.Authentication {
	input := &cognito.AdminInitiateAuthInput{
		UserPoolId: &p.config.UserPoolID,
		ClientId:   &p.config.AppClientID,
		AuthFlow:   types.AuthFlowTypeAdminUserPasswordAuth,
		AuthParameters: map[string]string{
			"USERNAME": username,
			"PASSWORD": password,
		},
		ClientMetadata: metadata,
	}
	out, err := p.initiateAuth(ctx, input)
	switch {
	case err != nil:
		reason := authenticationReason(err)
		if errors.As(err, &secretError{}) {
			reason = lookupReason(err) // no password was sent
		}
		return migration.Authentication{Reason: reason, Exception: exception(err)}
	case out.ChallengeName != "":
		return migration.Authentication{Challenge: name(string(out.ChallengeName))}
	case out.AuthenticationResult != nil:
		return migration.Authentication{Accepted: true}
	default:
		return migration.Authentication{Reason: migration.Internal, Exception: "EmptyAnswer"}
	}
}

// secretError says that the app client's secret could not be read.
type secretError struct{ error }

func (e secretError) Unwrap() error { return e.error }

// initiateAuth sends the call with the hash of the app client's secret, if it has one. If Cognito refuses the hash, it has not looked at
// the password: with another secret the call may be sent once more.
func (p *Pool) initiateAuth(ctx context.Context, input *cognito.AdminInitiateAuthInput) (*cognito.AdminInitiateAuthOutput, error) {
	if p.secret == nil {
		return p.auth.AdminInitiateAuth(ctx, input)
	}
	current, err := p.secret.get(ctx)
	if err != nil {
		return nil, secretError{err}
	}
	hash := func(secret string) {
		input.AuthParameters["SECRET_HASH"] = secrethash.Of(secret, input.AuthParameters["USERNAME"], p.config.AppClientID)
	}
	hash(current)
	out, err := p.auth.AdminInitiateAuth(ctx, input)
	if !isWrongHash(err) {
		return out, err
	}
	newer, renewErr := p.secret.renew(ctx, current)
	if newer == "" || renewErr != nil {
		return out, err
	}
	hash(newer)
	return p.auth.AdminInitiateAuth(ctx, input)
}

// Cognito's limits, in characters. No user has a longer name or password: such a sign-in is refused like any other.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SignUp.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html
const (
	maxUsername = 128
	maxPassword = 256
	maxFilter   = 256
)

// isUsername tells whether a name has the form of a username, [\p{L}\p{M}\p{S}\p{N}\p{P}]+. Cognito refuses a request with any other name
// as badly formed, and has no such user.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
func isUsername(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= maxUsername && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P)
	})
}

// Lookup looks the user up.
func (p *Pool) Lookup(ctx context.Context, username string) migration.Answer {
	if !isUsername(username) {
		return migration.Answer{AccountReason: migration.UnknownUser, AccountException: "NotAUsername"}
	}
	out, err := p.lookup.AdminGetUser(ctx, &cognito.AdminGetUserInput{UserPoolId: &p.config.UserPoolID, Username: &username})
	if err != nil {
		return migration.Answer{AccountReason: lookupReason(err), AccountException: exception(err)}
	}
	account := newAccount(out.Username, out.Enabled, out.UserStatus, out.UserAttributes)
	for _, factor := range out.UserMFASettingList {
		account.Factors = append(account.Factors, name(factor))
	}
	// MFAOptions alone shows SMS codes that were set up by the old SetUserSettings.
	if len(out.MFAOptions) > 0 && !slices.Contains(account.Factors, "SMS_MFA") {
		account.Factors = append(account.Factors, "SMS_MFA")
	}
	if account.Sub == "" {
		return migration.Answer{AccountReason: migration.Internal, AccountException: "NoSub"}
	}
	return migration.Answer{Account: account}
}

func newAccount(username *string, enabled bool, status types.UserStatusType, attributes []types.AttributeType) *migration.Account {
	account := &migration.Account{
		Username: aws.ToString(username), Enabled: enabled, Status: name(string(status)), Attributes: map[string]string{},
	}
	for _, a := range attributes {
		account.Attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	account.Sub = account.Attributes["sub"]
	return account
}

// LookupSub looks the user up who has a sub. AdminGetUser finds local users by it, and other users who have it as a username; ListUsers
// finds everybody, but it is limited to a few calls a second, and tells no second factors.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
func (p *Pool) LookupSub(ctx context.Context, sub string) migration.Answer {
	answer := p.Lookup(ctx, sub)
	if answer.Account != nil && answer.Account.Sub == sub || answer.Account == nil && answer.AccountReason != migration.UnknownUser {
		return answer
	}
	found, err := p.search(ctx, "sub", sub)
	if err != nil {
		return migration.Answer{AccountReason: lookupReason(err), AccountException: exception(err)}
	}
	for _, account := range found {
		return migration.Answer{Account: account}
	}
	return nobody
}

// LookupAddress looks the user up who has a verified email address or phone number, whether or not the pool's users sign in by it. It
// makes nobody an active user, but it is limited to a few calls a second, and tells no second factors.
func (p *Pool) LookupAddress(ctx context.Context, address migration.Address, value string) migration.Answer {
	found, err := p.search(ctx, string(address), value)
	if err != nil {
		return migration.Answer{AccountReason: lookupReason(err), AccountException: exception(err)}
	}
	for _, account := range found {
		if account.Attributes[string(address)+"_verified"] == "true" {
			return migration.Answer{Account: account}
		}
	}
	return nobody
}

var nobody = migration.Answer{AccountReason: migration.UnknownUser, AccountException: "UserNotFoundException"}

// search lists the users who have a value of an attribute. Nobody is found by a value that no filter can hold: hardly any mail server takes
// so long an address.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html
func (p *Pool) search(ctx context.Context, attribute, value string) ([]*migration.Account, error) {
	filter := attribute + ` = "` + quoted.Replace(value) + `"`
	if utf8.RuneCountInString(filter) > maxFilter {
		return nil, nil
	}
	input := &cognito.ListUsersInput{UserPoolId: &p.config.UserPoolID, Filter: &filter}
	var found []*migration.Account
	for {
		page, err := p.lookup.ListUsers(ctx, input)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Users {
			found = append(found, newAccount(u.Username, u.Enabled, u.UserStatus, u.Attributes))
		}
		if input.PaginationToken = page.PaginationToken; input.PaginationToken == nil { // a page may be empty with more to come
			return found, nil
		}
	}
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Groups returns the names of the user's groups.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminListGroupsForUser.html
func (p *Pool) Groups(ctx context.Context, username string) ([]string, error) {
	var groups []string
	pages := cognito.NewAdminListGroupsForUserPaginator(p.lookup, &cognito.AdminListGroupsForUserInput{
		UserPoolId: &p.config.UserPoolID, Username: &username,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.Groups {
			groups = append(groups, aws.ToString(g.GroupName))
		}
	}
	return groups, nil
}

var apiName = regexp.MustCompile(`^\w+$`)

// name passes a name of the API, known or new, and nothing else: names are recorded and counted.
func name(s string) string {
	if !apiName.MatchString(s) || len(s) > 64 {
		return "UNRECOGNIZED"
	}
	return s
}
