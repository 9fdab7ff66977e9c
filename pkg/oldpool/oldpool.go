// Package oldpool asks the old user pool about a user and gives its answers, errors included, in migration's words.
package oldpool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Config names the old pool.
type Config struct {
	UserPoolID  string `env:"USER_POOL_ID,required,notEmpty"`
	AppClientID string `env:"APP_CLIENT_ID,required,notEmpty"`
	Region      string `env:"REGION"` // the pool's Region, as its id has it, if empty
}

var (
	poolID   = regexp.MustCompile(`^([\w-]+)_[0-9a-zA-Z]+$`)
	clientID = regexp.MustCompile(`^\w{1,128}$`)
	region   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
)

// Validate names the variable that does not fit.
func (c Config) Validate() error {
	var errs []error
	id := poolID.FindStringSubmatch(c.UserPoolID)
	if id == nil {
		errs = append(errs, fmt.Errorf("USER_POOL_ID is %q: allowed is an id like eu-west-1_aB3dE5gH7", c.UserPoolID))
	}
	if !clientID.MatchString(c.AppClientID) {
		errs = append(errs, fmt.Errorf("APP_CLIENT_ID is %q: allowed are 1 to 128 letters and digits", c.AppClientID))
	}
	if c.Region != "" && id != nil && region.MatchString(id[1]) && id[1] != c.Region {
		errs = append(errs, fmt.Errorf("REGION is %q: allowed is %s, where USER_POOL_ID is, or nothing", c.Region, id[1]))
	}
	return errors.Join(errs...)
}

// Pool asks one user pool. Those of its methods that give an answer do not fail: what could not be found out is in the answer.
type Pool struct {
	config Config
	auth   *cognito.Client
	lookup *cognito.Client

	authConnections *http.Transport
	lastUsed        atomic.Int64 // wall clock, in Unix nanoseconds
}

// New returns a pool. AdminGetUser is tried again within the caller's deadline, each try for at most the given time.
// AdminInitiateAuth is sent once: it counts as a wrong password and sends codes to the user.
func New(cfg aws.Config, config Config, try time.Duration) *Pool {
	cfg = cfg.Copy()
	cfg.Region = config.Region
	if id := poolID.FindStringSubmatch(config.UserPoolID); cfg.Region == "" && id != nil {
		cfg.Region = id[1]
	}
	connections := awshttp.NewBuildableClient().GetTransport()
	return &Pool{
		config:          config,
		authConnections: connections,
		auth: cognito.NewFromConfig(cfg, func(o *cognito.Options) {
			o.HTTPClient = &http.Client{
				Transport:     connections,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
				o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(neverSent)}
				o.MaxBackoff = maxBackoff
			})
		}),
		lookup: cognito.NewFromConfig(cfg, func(o *cognito.Options) {
			o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(try)
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = 5 // the deadline ends it sooner
				o.MaxBackoff = maxBackoff
				o.RateLimiter = ratelimit.None
			})
		}),
	}
}

// maxBackoff keeps the pauses between tries small against a budget of a few seconds.
const maxBackoff = 200 * time.Millisecond

// neverSent allows another try only if no connection could be made.
func neverSent(err error) aws.Ternary {
	var op *net.OpError
	return aws.BoolTernary(errors.As(err, &op) && op.Op == "dial")
}

// SignIn checks a password and looks the user up, both at the same time.
func (p *Pool) SignIn(ctx context.Context, username, password string) migration.Answer {
	if !isUsername(username) {
		return p.Lookup(ctx, username)
	}
	if utf8.RuneCountInString(password) > maxPassword {
		answer := p.Lookup(ctx, username)
		answer.Authentication = migration.Authentication{Reason: migration.WrongPassword, Exception: "PasswordTooLong"}
		return answer
	}
	p.dropStaleConnections()
	var answer migration.Answer
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			if recover() != nil { // here, since no one else can; the value may quote what the user typed
				answer.Authentication = migration.Authentication{Reason: migration.Internal, Exception: "Panic"}
			}
		}()
		answer.Authentication = p.authenticate(ctx, username, password)
	})
	found := p.Lookup(ctx, username)
	wg.Wait()
	answer.Account, answer.AccountReason, answer.AccountException = found.Account, found.AccountReason, found.AccountException
	return answer
}

// stale is how long an unused connection is trusted.
const stale = 30 * time.Second

// dropStaleConnections: Lambda freezes the process between invocations, and the other side may have closed a connection
// meanwhile. A request that finds out is lost, and AdminInitiateAuth must not be sent twice. The wall clock goes on while
// the process is frozen; the monotonic clock may not.
func (p *Pool) dropStaleConnections() {
	now := time.Now().UnixNano()
	if last := p.lastUsed.Swap(now); now-last > int64(stale) {
		p.authConnections.CloseIdleConnections()
	}
}

func (p *Pool) authenticate(ctx context.Context, username, password string) migration.Authentication {
	out, err := p.auth.AdminInitiateAuth(ctx, &cognito.AdminInitiateAuthInput{
		UserPoolId: &p.config.UserPoolID,
		ClientId:   &p.config.AppClientID,
		AuthFlow:   types.AuthFlowTypeAdminUserPasswordAuth,
		AuthParameters: map[string]string{
			"USERNAME": username,
			"PASSWORD": password,
		},
	})
	switch {
	case err != nil:
		reason := authenticationReason(err)
		return migration.Authentication{Reason: reason, Exception: exception(err)}
	case out.ChallengeName != "":
		return migration.Authentication{Challenge: name(string(out.ChallengeName))}
	case out.AuthenticationResult != nil:
		return migration.Authentication{Accepted: true}
	default:
		return migration.Authentication{Reason: migration.Internal, Exception: "EmptyAnswer"}
	}
}

// Cognito's limits, in characters. Nobody can have a longer name or password: who gives one is refused like anybody else.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SignUp.html
const (
	maxUsername = 128
	maxPassword = 256
)

// usernamePattern is what Cognito takes for a username. It refuses a request with any other as badly formed, and has no such user.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
var usernamePattern = regexp.MustCompile(`^[\p{L}\p{M}\p{S}\p{N}\p{P}]+$`)

func isUsername(s string) bool {
	return usernamePattern.MatchString(s) && utf8.RuneCountInString(s) <= maxUsername
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
	// Users whose SMS codes were set up by the old SetUserSettings are named here alone.
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
	filter := fmt.Sprintf("sub = %q", sub)
	out, err := p.lookup.ListUsers(ctx, &cognito.ListUsersInput{UserPoolId: &p.config.UserPoolID, Filter: &filter, Limit: aws.Int32(1)})
	if err != nil {
		return migration.Answer{AccountReason: lookupReason(err), AccountException: exception(err)}
	}
	for _, u := range out.Users {
		return migration.Answer{Account: newAccount(u.Username, u.Enabled, u.UserStatus, u.Attributes)}
	}
	return migration.Answer{AccountReason: migration.UnknownUser, AccountException: "UserNotFoundException"}
}

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

// codes gives the reasons for the exceptions by which both calls can fail, and those that either can.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html#API_AdminInitiateAuth_Errors
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html
var codes = map[string]migration.Reason{
	"UserNotFoundException":          migration.UnknownUser,
	"InvalidPasswordException":       migration.WrongPassword, // not AWS's answer, but an emulator's
	"UserNotConfirmedException":      migration.Unconfirmed,
	"PasswordResetRequiredException": migration.PasswordResetRequired,

	// The old pool's own trigger refused; or it broke, and we do not know what it would have said.
	"UserLambdaValidationException":  migration.OldPoolTrigger,
	"UnexpectedLambdaException":      migration.OldPoolUnavailable,
	"InvalidLambdaResponseException": migration.Misconfigured,

	"InternalErrorException":      migration.OldPoolUnavailable,
	"InternalFailure":             migration.OldPoolUnavailable,
	"InternalServerError":         migration.OldPoolUnavailable,
	"ServiceUnavailable":          migration.OldPoolUnavailable,
	"ServiceUnavailableException": migration.OldPoolUnavailable,
}

func authenticationReason(err error) migration.Reason {
	var refused *types.NotAuthorizedException
	if errors.As(err, &refused) {
		// Cognito has no types of its own for its lockout, and for a client that should not have been used: their texts are all
		// that tells them from a wrong password.
		// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior
		switch text := strings.ToLower(refused.ErrorMessage()); {
		case strings.Contains(text, "attempts exceeded"):
			return migration.TooManyAttempts
		case strings.Contains(text, "secret hash"):
			return migration.Misconfigured // the app client has a secret: this would be everyone's wrong password
		default:
			return migration.WrongPassword
		}
	}
	return reason(err)
}

func lookupReason(err error) migration.Reason {
	switch r := reason(err); r.Outcome() {
	case migration.Failed:
		return r
	default:
		if r == migration.UnknownUser {
			return r
		}
		return migration.Misconfigured // AdminGetUser runs no trigger and checks no password
	}
}

func reason(err error) migration.Reason {
	var api smithy.APIError
	if errors.As(err, &api) {
		if r, ok := codes[api.ErrorCode()]; ok {
			return r
		}
		if _, ok := retry.DefaultThrottleErrorCodes[api.ErrorCode()]; ok {
			return migration.Throttled
		}
		var response *awshttp.ResponseError
		if errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError {
			return migration.OldPoolUnavailable
		}
		// Cognito understood and will say the same again: a wrong id, a flow that is not allowed, a right that is missing,
		// or an exception that is newer than this code.
		return migration.Misconfigured
	}
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return migration.Timeout
	}
	return migration.OldPoolUnavailable
}

// exception names an error without its message, which may quote what the user typed.
func exception(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return name(api.ErrorCode())
	}
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case errors.As(err, &op):
		return "Network." + op.Op
	default:
		return "Network"
	}
}

var apiName = regexp.MustCompile(`^\w{1,64}$`)

// name lets a name of the API through, known or new, and nothing else: names are recorded and counted.
func name(s string) string {
	if !apiName.MatchString(s) {
		return "UNRECOGNIZED"
	}
	return s
}
