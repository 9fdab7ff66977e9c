package cognito_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

const (
	poolID    = "eu-west-1_aB3dE5gH7"
	clientID  = "1example23456789abcdefghij"
	incorrect = "NotAuthorizedException: Incorrect username or password."
	unknown   = "UserNotFoundException: User does not exist."
	exception = "UserNotFoundException: Exception migrating user in app client " + clientID
)

func TestAdminInitiateAuthAnswersAsTheUsersStateDemands(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		user cognito.User // its password is "right"
		send string       // if not the right password
		want string
	}{
		{"right password", cognito.User{}, "", "signed in"},
		{"wrong password", cognito.User{}, "wrong", incorrect},
		{"disabled", cognito.User{Disabled: true}, "", "NotAuthorizedException: User is disabled."},
		{"unconfirmed", cognito.User{Status: "UNCONFIRMED"}, "", "UserNotConfirmedException: User is not confirmed."},
		{"unconfirmed, wrong password", cognito.User{Status: "UNCONFIRMED"}, "wrong", "UserNotConfirmedException: User is not confirmed."},
		{"reset required", cognito.User{Status: "RESET_REQUIRED"}, "", "PasswordResetRequiredException: Password reset required for the user"},
		{"temporary password", cognito.User{Status: "FORCE_CHANGE_PASSWORD"}, "", "NEW_PASSWORD_REQUIRED"},
		{"temporary password, wrong", cognito.User{Status: "FORCE_CHANGE_PASSWORD"}, "wrong", incorrect},
		{"federated", cognito.User{Status: "EXTERNAL_PROVIDER"}, "", incorrect},
		{"archived", cognito.User{Status: "ARCHIVED"}, "", incorrect},
		{"compromised", cognito.User{Status: "COMPROMISED"}, "", incorrect},
		{"unknown to AWS", cognito.User{Status: "UNKNOWN"}, "", incorrect},
		{"locked", cognito.User{FailedSignIns: 10}, "", "NotAuthorizedException: Password attempts exceeded"},
		{
			"refused by the pre authentication trigger",
			cognito.User{PreAuthenticationError: "not today"},
			"",
			"UserLambdaValidationException: PreAuthentication failed with error not today.",
		},
		{
			"refused by threat protection",
			cognito.User{SignInError: "Unable to login because of security reasons."},
			"",
			"NotAuthorizedException: Unable to login because of security reasons.",
		},
		{
			"an expired temporary password",
			cognito.User{Status: "FORCE_CHANGE_PASSWORD", SignInError: "Temporary password has expired and must be reset by an administrator."},
			"wrong",
			"NotAuthorizedException: Temporary password has expired and must be reset by an administrator.",
		},
		{"text message", cognito.User{MFA: []string{"SMS_MFA"}}, "", "SMS_MFA"},
		{"email message", cognito.User{MFA: []string{"EMAIL_OTP"}}, "", "EMAIL_OTP"},
		{"authenticator app", cognito.User{MFA: []string{"SOFTWARE_TOKEN_MFA"}}, "", "SOFTWARE_TOKEN_MFA"},
		{"second factor, wrong password", cognito.User{MFA: []string{"SMS_MFA"}}, "wrong", incorrect},
		{"two factors", cognito.User{MFA: []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA"}}, "", "SELECT_MFA_TYPE"},
		{
			"two factors, one preferred",
			cognito.User{MFA: []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA"}, PreferredMFA: "SOFTWARE_TOKEN_MFA"},
			"", "SOFTWARE_TOKEN_MFA",
		},
	}
	pool := start(t, cognito.Config{MFA: "OPTIONAL"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user.Username, tt.user.Password = tt.name, "right"
			put(t, pool, tt.user)
			password := "right"
			if tt.send != "" {
				password = tt.send
			}
			if got := adminSignIn(t, pool, tt.name, password); got != tt.want {
				t.Errorf("AdminInitiateAuth: %s, want %s", got, tt.want)
			}

			user, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: &tt.name})
			if err != nil {
				t.Fatal(err)
			}
			wantStatus := tt.user.Status
			if wantStatus == "" {
				wantStatus = "CONFIRMED"
			}
			if string(user.UserStatus) != wantStatus || user.Enabled == tt.user.Disabled || !cmp.Equal(user.UserMFASettingList, tt.user.MFA, cmpopts.EquateEmpty()) {
				t.Errorf("AdminGetUser: %+v, want the user that was laid down", user)
			}
		})
	}
}

func TestChallengesCarryTheirParameters(t *testing.T) {
	t.Parallel()
	attributes := map[string]string{"email": "ann@example.com", "phone_number": "+491701234567"}
	tests := []struct {
		name, mfa string
		user      cognito.User
		want      map[string]string // beside USER_ID_FOR_SRP
	}{
		{"SMS_MFA", "ON", cognito.User{MFA: []string{"SMS_MFA"}}, map[string]string{
			"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+*******4567",
		}},
		{"EMAIL_OTP", "ON", cognito.User{MFA: []string{"EMAIL_OTP"}}, map[string]string{
			"CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL", "CODE_DELIVERY_DESTINATION": "a***@e***",
		}},
		{"SELECT_MFA_TYPE", "ON", cognito.User{MFA: []string{"SMS_MFA", "EMAIL_OTP"}}, map[string]string{
			"MFAS_CAN_CHOOSE": `["SMS_MFA","EMAIL_OTP"]`,
		}},
		{"MFA_SETUP", "ON", cognito.User{}, map[string]string{"MFAS_CAN_SETUP": `["SOFTWARE_TOKEN_MFA"]`}},
		{"NEW_PASSWORD_REQUIRED", "OFF", cognito.User{Status: "FORCE_CHANGE_PASSWORD", MFA: []string{"SMS_MFA"}}, map[string]string{
			"requiredAttributes": "[]", "userAttributes": `{"email":"ann@example.com","phone_number":"+491701234567"}`,
		}},
	}
	pools := map[string]*cognito.Pool{
		"ON":  start(t, cognito.Config{MFA: "ON"}),
		"OFF": start(t, cognito.Config{}),
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user.Username, tt.user.Password, tt.user.Attributes = "ann", "right", attributes
			put(t, pools[tt.mfa], tt.user)
			got, err := client(pools[tt.mfa]).AdminInitiateAuth(t.Context(), adminInitiateAuth("ann", "right"))
			if err != nil {
				t.Fatal(err)
			}
			tt.want["USER_ID_FOR_SRP"] = "ann"
			if string(got.ChallengeName) != tt.name || got.Session == nil || got.AuthenticationResult != nil {
				t.Errorf("got %s with session %v and tokens %v", got.ChallengeName, got.Session, got.AuthenticationResult)
			}
			if diff := cmp.Diff(tt.want, got.ChallengeParameters); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("none in a pool without MFA", func(t *testing.T) {
		put(t, pools["OFF"], cognito.User{Username: "bob", Password: "right", MFA: []string{"SMS_MFA"}})
		if got := adminSignIn(t, pools["OFF"], "bob", "right"); got != "signed in" {
			t.Error(got)
		}
	})
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html
func TestThePreAuthenticationTrigger(t *testing.T) {
	t.Parallel()
	var event []byte
	pool := start(t, cognito.Config{PreAuthentication: function(t, func(w http.ResponseWriter, e []byte) {
		event = e
		if strings.Contains(string(e), "robot") {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = io.WriteString(w, `{"errorMessage":"no robots"}`)
			return
		}
		_, _ = w.Write(e)
	})})
	put(t, pool, cognito.User{Username: "ann", Sub: "a-0", Password: "right", Attributes: map[string]string{"email": "ann@example.com"}})
	in := adminInitiateAuth("ann", "right")
	in.ClientMetadata = map[string]string{"app": "web"}
	if _, err := client(pool).AdminInitiateAuth(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	want := `{"version":"1","triggerSource":"PreAuthentication_Authentication","region":"eu-west-1","userPoolId":"` + poolID + `",
		"userName":"ann","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + clientID + `"},
		"request":{"userAttributes":{"sub":"a-0","email":"ann@example.com","cognito:user_status":"CONFIRMED"},
			"validationData":{"app":"web"},"clientMetadata":{"app":"web"},"userNotFound":false},
		"response":{}}`
	if diff := cmp.Diff(decode(t, []byte(want)), decode(t, event)); diff != "" {
		t.Error(diff)
	}
	in.ClientMetadata["app"] = "robot"
	_, err := client(pool).AdminInitiateAuth(t.Context(), in)
	if got := outcome("", err); got != "UserLambdaValidationException: PreAuthentication failed with error no robots." {
		t.Error(got)
	}
}

func TestFiveWrongPasswordsLockTheUserForASecond(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	put(t, pool, cognito.User{Username: "ann", Password: "right"})
	for range 5 {
		if got := adminSignIn(t, pool, "ann", "wrong"); got != incorrect {
			t.Fatal(got)
		}
	}
	locked := time.Now()
	for got := ""; got != "signed in"; {
		got = adminSignIn(t, pool, "ann", "right")
		if got != "signed in" && got != "NotAuthorizedException: Password attempts exceeded" || time.Since(locked) > 5*time.Second {
			t.Fatal(got)
		}
	}
	if lasted := time.Since(locked); lasted < 900*time.Millisecond {
		t.Errorf("the lockout lasted %s", lasted)
	}
	if ann := theUser(t, pool); ann.FailedSignIns != 0 {
		t.Errorf("%d failed sign-ins after a successful one", ann.FailedSignIns)
	}
}

func TestUsersAreFoundByUsernameSubAndVerifiedAlias(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{AliasAttributes: []string{"email", "phone_number"}})
	sub := "0f8fad5b-d9cb-469f-a165-70867728950e"
	put(t, pool, cognito.User{Username: "ann", Password: "right", Sub: sub, Attributes: map[string]string{
		"email": "ann@example.com", "email_verified": "true", "phone_number": "+491701234567", "phone_number_verified": "false",
	}})
	for _, tt := range []struct{ name, getUser, signIn string }{
		{"ann", "ann", "signed in"},
		{sub, "ann", "signed in"},
		{"ann@example.com", "ann", "signed in"},
		{"+491701234567", unknown, incorrect},
		{"__proto__", unknown, incorrect},
	} {
		user, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: &tt.name})
		got := outcome("", err)
		if err == nil {
			got = *user.Username
		}
		if got != tt.getUser {
			t.Errorf("AdminGetUser(%s): %s, want %s", tt.name, got, tt.getUser)
		}
		if got := adminSignIn(t, pool, tt.name, "right"); got != tt.signIn {
			t.Errorf("AdminInitiateAuth(%s): %s, want %s", tt.name, got, tt.signIn)
		}
	}
	if err := pool.Delete(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if got := adminSignIn(t, pool, "ann@example.com", "right"); got != incorrect {
		t.Errorf("a deleted user: %s", got)
	}
}

func TestLegacyExistenceErrorsTellAnUnknownUserApart(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{PreventUserExistenceErrors: "LEGACY"})
	if got := adminSignIn(t, pool, "nobody", "x"); got != unknown {
		t.Error(got)
	}
	notFound := "UserNotFoundException: Username/client id combination not found."
	if got := forgotPassword(t, pool, "nobody"); got != notFound {
		t.Error(got)
	}
	if got := confirmForgotPassword(t, pool, "nobody", "000000", "x"); got != notFound {
		t.Error(got)
	}
}

// The event is the one that real pools send, byte for byte but for the order of its fields.
func TestTheMigrationTriggerGetsAWSsEvent(t *testing.T) {
	t.Parallel()
	const authentication = `{"version":"1","triggerSource":"UserMigration_Authentication","region":"eu-west-1","userPoolId":"` + poolID +
		`","userName":"ann","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + clientID +
		`"},"request":{"password":"right","validationData":%s,"userAttributes":null},` + emptyResponse + `}`
	const forgot = `{"version":"1","triggerSource":"UserMigration_ForgotPassword","region":"eu-west-1","userPoolId":"` + poolID +
		`","userName":"ann","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + clientID +
		`"},"request":{"validationData":null,"userAttributes":null%s},` + emptyResponse + `}`
	metadata := map[string]string{"app": "web"}
	tests := []struct {
		name string
		call func(context.Context, *idp.Client) error
		want string
	}{
		{"InitiateAuth", func(ctx context.Context, c *idp.Client) error {
			_, err := c.InitiateAuth(ctx, initiateAuth("ann", "right"))
			return err
		}, fmt.Sprintf(authentication, "null")},
		{"InitiateAuth with client metadata", func(ctx context.Context, c *idp.Client) error {
			in := initiateAuth("ann", "right")
			in.ClientMetadata = metadata
			_, err := c.InitiateAuth(ctx, in)
			return err
		}, fmt.Sprintf(authentication, `{"app":"web"},"clientMetadata":{"app":"web"}`)},
		{"AdminInitiateAuth", func(ctx context.Context, c *idp.Client) error {
			_, err := c.AdminInitiateAuth(ctx, adminInitiateAuth("ann", "right"))
			return err
		}, fmt.Sprintf(authentication, "null")},
		{"ForgotPassword", func(ctx context.Context, c *idp.Client) error {
			_, err := c.ForgotPassword(ctx, &idp.ForgotPasswordInput{ClientId: aws.String(clientID), Username: aws.String("ann")})
			return err
		}, fmt.Sprintf(forgot, "")},
		{"ForgotPassword with client metadata", func(ctx context.Context, c *idp.Client) error {
			_, err := c.ForgotPassword(ctx, &idp.ForgotPasswordInput{
				ClientId: aws.String(clientID), Username: aws.String("ann"), ClientMetadata: metadata,
			})
			return err
		}, fmt.Sprintf(forgot, `,"clientMetadata":{"app":"web"}`)},
	}
	var got []byte
	pool := start(t, cognito.Config{UserMigration: function(t, func(w http.ResponseWriter, event []byte) {
		got = event
		_, _ = w.Write(event)
	})})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got = nil
			_ = tt.call(t.Context(), client(pool))
			if diff := cmp.Diff(decode(t, []byte(tt.want)), decode(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const emptyResponse = `"response":{"userAttributes":null,"forceAliasCreation":null,"enableSMSMFA":null,` +
	`"finalUserStatus":null,"messageAction":null,"desiredDeliveryMediums":null}`

func TestTheFunctionsAnswerToASignInDecides(t *testing.T) {
	t.Parallel()
	answer := func(finalUserStatus, attributes string) string {
		return `{"response":{"userAttributes":{` + attributes + `},"finalUserStatus":` + finalUserStatus + `,"messageAction":"SUPPRESS"}}`
	}
	tests := []struct {
		name, answer  string
		functionError bool
		signInAs      string // if not "ann"
		want          string
		wantUser      *cognito.User
	}{
		{
			name: "confirmed", answer: answer(`"CONFIRMED"`, `"email":"a@example.com","email_verified":"false"`), want: "signed in",
			wantUser: &cognito.User{
				Username: "ann", Password: "right", Status: "CONFIRMED",
				Attributes: map[string]string{"email": "a@example.com", "email_verified": "false"},
			},
		},
		{
			name: "confirmed under another username", answer: answer(`"CONFIRMED"`, `"username":"ann","email":"a@example.com"`), signInAs: "a@example.com",
			want:     "signed in",
			wantUser: &cognito.User{Username: "ann", Password: "right", Status: "CONFIRMED", Attributes: map[string]string{"email": "a@example.com"}},
		},
		{
			name: "no final status", answer: answer("null", `"email":"a@example.com"`),
			want:     "PasswordResetRequiredException: Password reset required for the user",
			wantUser: &cognito.User{Username: "ann", Status: "RESET_REQUIRED", Attributes: map[string]string{"email": "a@example.com"}},
		},
		{
			name: "reset required", answer: answer(`"RESET_REQUIRED"`, `"email":"a@example.com"`),
			want:     "PasswordResetRequiredException: Password reset required for the user",
			wantUser: &cognito.User{Username: "ann", Status: "RESET_REQUIRED", Attributes: map[string]string{"email": "a@example.com"}},
		},
		{name: "response untouched", answer: "{" + emptyResponse + "}", want: incorrect},
		{name: "response empty", answer: `{"response":{}}`, want: incorrect},
		{name: "no attributes", answer: answer(`"CONFIRMED"`, ""), want: exception},
		{name: "null", answer: `null`, want: exception},
		{name: "empty object", answer: `{}`, want: exception},
		{name: "empty string", answer: `""`, want: exception},
		{name: "not JSON", answer: `<html>`, want: "InvalidLambdaResponseException: Unrecognizable lambda output"},
		{
			name: "attribute that is no string", answer: answer(`"CONFIRMED"`, `"email_verified":true`),
			want: "InvalidLambdaResponseException: Unrecognizable lambda output",
		},
		{
			name: "sub", answer: answer(`"CONFIRMED"`, `"sub":"0f8fad5b-d9cb-469f-a165-70867728950e"`),
			want: "UserNotFoundException: Cannot modify the non-mutable attribute sub",
		},
		{
			name: "username in the form of an alias", answer: answer(`"CONFIRMED"`, `"email":"a@example.com"`), signInAs: "a@example.com",
			want: "UserNotFoundException: Username cannot be of email format, since user pool is configured for email alias.",
		},
		{
			name: "error", answer: `{"errorMessage":"TEMPORARILY_UNAVAILABLE","errorType":"errorString"}`, functionError: true,
			want: "UserLambdaValidationException: UserMigration failed with error TEMPORARILY_UNAVAILABLE.",
		},
	}
	var answered string
	var functionError bool
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}, UserMigration: function(t, func(w http.ResponseWriter, _ []byte) {
		if functionError {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = io.WriteString(w, answered)
	})})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := pool.Delete(t.Context(), "ann"); err != nil {
				t.Fatal(err)
			}
			answered, functionError = tt.answer, tt.functionError
			username := "ann"
			if tt.signInAs != "" {
				username = tt.signInAs
			}
			if got := signIn(t, pool, username, "right"); got != tt.want {
				t.Errorf("InitiateAuth: %s, want %s", got, tt.want)
			}
			if tt.wantUser == nil {
				if got := users(t, pool); len(got) != 0 {
					t.Errorf("users: %+v, want none", got)
				}
				return
			}
			got := theUser(t, pool)
			if got.Sub == "" {
				t.Error("the user has no sub")
			}
			made := cmpopts.IgnoreFields(cognito.User{}, "Sub", "Created", "Modified")
			if diff := cmp.Diff(*tt.wantUser, got, made, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMigratedUserIsTheNewPoolsOwn(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	pool := start(t, cognito.Config{UserMigration: function(t, func(w http.ResponseWriter, _ []byte) {
		calls.Add(1)
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"name":"Ann"},"finalUserStatus":"CONFIRMED"}}`)
	})})
	for _, step := range []struct{ password, want string }{{"right", "signed in"}, {"right", "signed in"}, {"wrong", incorrect}} {
		if got := signIn(t, pool, "ann", step.password); got != step.want {
			t.Errorf("%s password: %s, want %s", step.password, got, step.want)
		}
	}
	if got := calls.Load(); got != 1 {
		t.Errorf("the function was called %d times, want once", got)
	}
}

func TestSimultaneousFirstSignInsCreateOneUser(t *testing.T) {
	t.Parallel()
	const n = 16
	var arrived sync.WaitGroup
	arrived.Add(n)
	pool := start(t, cognito.Config{UserMigration: function(t, func(w http.ResponseWriter, _ []byte) {
		arrived.Done()
		arrived.Wait()
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"name":"Ann"},"finalUserStatus":"CONFIRMED"}}`)
	})})
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if got := signIn(t, pool, "ann", "right"); got != "signed in" {
				t.Error(got)
			}
		})
	}
	group.Wait()
	theUser(t, pool)
}

func TestCognitoTriesThreeTimesAndOnlyWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	const migrated = `{"response":{"userAttributes":{"name":"Ann"},"finalUserStatus":"CONFIRMED"}}`
	noAnswer := func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }
	throttled := func(w http.ResponseWriter) {
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	failed := func(w http.ResponseWriter) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		_, _ = io.WriteString(w, `{"errorMessage":"no"}`)
	}
	forbidden := func(w http.ResponseWriter) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
	}
	answers := func(w http.ResponseWriter) { _, _ = io.WriteString(w, migrated) }
	tests := []struct {
		name  string
		tries []func(http.ResponseWriter)
		want  string
	}{
		{"no answer once", []func(http.ResponseWriter){noAnswer, answers}, "signed in"},
		{"throttled twice", []func(http.ResponseWriter){throttled, throttled, answers}, "signed in"},
		{
			"throttled always",
			[]func(http.ResponseWriter){throttled, throttled, throttled},
			"UnexpectedLambdaException: UserMigration invocation failed due to error TooManyRequestsException.",
		},
		{"error of the function", []func(http.ResponseWriter){failed}, "UserLambdaValidationException: UserMigration failed with error no."},
		{
			"not allowed",
			[]func(http.ResponseWriter){forbidden},
			"UnexpectedLambdaException: UserMigration invocation failed due to error AccessDeniedException.",
		},
	}
	tries := make(chan func(http.ResponseWriter), 3)
	pool := start(t, cognito.Config{UserMigration: function(t, func(w http.ResponseWriter, _ []byte) { (<-tries)(w) })})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, try := range tt.tries {
				tries <- try
			}
			if got := signIn(t, pool, tt.name, "right"); got != tt.want {
				t.Errorf("InitiateAuth: %s, want %s", got, tt.want)
			}
			if len(tries) != 0 {
				t.Errorf("%d of %d tries were not made", len(tries), len(tt.tries))
			}
		})
	}
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
func TestWithoutATriggerNobodyMigrates(t *testing.T) {
	t.Parallel()
	trigger := function(t, func(w http.ResponseWriter, _ []byte) {
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"name":"Ann"},"finalUserStatus":"CONFIRMED"}}`)
	})
	for prevent, want := range map[string]string{"ENABLED": "NotAuthorizedException: Incorrect username or password.", "LEGACY": unknown} {
		pool := start(t, cognito.Config{PreventUserExistenceErrors: prevent, UserMigration: trigger})
		for name, attached := range map[string]*cognito.Trigger{want: nil, "signed in": trigger} {
			if err := pool.SetTriggers(t.Context(), map[string]*cognito.Trigger{"UserMigration": attached}); err != nil {
				t.Fatal(err)
			}
			if got := signIn(t, pool, "ann"+prevent, "right"); got != name {
				t.Errorf("%s, attached %t: %s, want %s", prevent, attached != nil, got, name)
			}
			if err := pool.Delete(t.Context(), "ann"+prevent); err != nil {
				t.Fatal(err)
			}
			out, err := client(pool).DescribeUserPool(t.Context(), &idp.DescribeUserPoolInput{UserPoolId: aws.String(poolID)})
			if err != nil || (out.UserPool.LambdaConfig.UserMigration != nil) != (attached != nil) {
				t.Errorf("DescribeUserPool: %+v, %v", out.UserPool.LambdaConfig, err)
			}
		}
	}
}

func TestCognitoWaitsFiveSecondsForTheFunction(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	hungUp := make(chan time.Time, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if calls.Add(1) == 1 {
			<-r.Context().Done()
			hungUp <- time.Now()
			return
		}
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"name":"Ann"},"finalUserStatus":"CONFIRMED"}}`)
	}))
	t.Cleanup(server.Close)
	pool := start(t, cognito.Config{UserMigration: &cognito.Trigger{Endpoint: server.URL, Function: "migrate"}})
	began := time.Now()
	if got := signIn(t, pool, "ann", "right"); got != "signed in" {
		t.Error(got)
	}
	if waited := (<-hungUp).Sub(began); waited < 5*time.Second || waited > 7*time.Second {
		t.Errorf("Cognito hung up after %s, want 5s", waited)
	}
}

func TestForgotPassword(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		user cognito.User
		want string
	}{
		{"verified email", cognito.User{Attributes: map[string]string{"email": "ann@example.com", "email_verified": "true"}}, "EMAIL a***@e***"},
		{"verified phone number comes first", cognito.User{Attributes: map[string]string{
			"email": "ann@example.com", "email_verified": "true", "phone_number": "+491701234567", "phone_number_verified": "true",
		}}, "SMS +*******4567"},
		{
			"no verified address",
			cognito.User{Attributes: map[string]string{"email": "ann@example.com", "email_verified": "false"}},
			"InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number",
		},
		{"disabled", cognito.User{Disabled: true}, "NotAuthorizedException: User is disabled."},
		{
			"temporary password",
			cognito.User{Status: "FORCE_CHANGE_PASSWORD"},
			"NotAuthorizedException: User password cannot be reset in the current state.",
		},
	}
	pool := start(t, cognito.Config{PreventUserExistenceErrors: "LEGACY"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.user.Username = "ann"
			put(t, pool, tt.user)
			if got := forgotPassword(t, pool, "ann"); got != tt.want {
				t.Errorf("ForgotPassword: %s, want %s", got, tt.want)
			}
		})
	}
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
func TestTheAccountRecoverySettingSaysWhereTheCodeGoes(t *testing.T) {
	t.Parallel()
	const email, phone, admin = types.RecoveryOptionNameTypeVerifiedEmail, types.RecoveryOptionNameTypeVerifiedPhoneNumber,
		types.RecoveryOptionNameTypeAdminOnly
	recovery := func(lastFirst ...types.RecoveryOptionNameType) *types.AccountRecoverySettingType {
		setting := &types.AccountRecoverySettingType{}
		for i, name := range lastFirst {
			option := types.RecoveryOptionType{Name: name, Priority: aws.Int32(int32(len(lastFirst) - i))}
			setting.RecoveryMechanisms = append(setting.RecoveryMechanisms, option)
		}
		return setting
	}
	const none = "InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number"
	for _, tt := range []struct {
		name    string
		setting *types.AccountRecoverySettingType
		factor  string
		want    string
	}{
		{"not set", nil, "", "SMS +*******4567"},
		{"email only", recovery(email), "", "EMAIL a***@e***"},
		{"email before phone number", recovery(phone, email), "", "EMAIL a***@e***"},
		{"phone number before email", recovery(email, phone), "", "SMS +*******4567"},
		{"the phone number is the second factor", recovery(email, phone), "SMS_MFA", "EMAIL a***@e***"},
		{"the only address is the second factor", recovery(email), "EMAIL_OTP", none},
		{"administrators only", recovery(admin), "", none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := start(t, cognito.Config{AccountRecoverySetting: tt.setting, MFA: "OPTIONAL", PreventUserExistenceErrors: "LEGACY"})
			ann := cognito.User{Username: "ann", Attributes: map[string]string{
				"email": "ann@example.com", "email_verified": "true", "phone_number": "+491701234567", "phone_number_verified": "true",
			}}
			if tt.factor != "" {
				ann.MFA = []string{tt.factor}
			}
			put(t, pool, ann)
			if got := forgotPassword(t, pool, "ann"); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestForgotPasswordHidesWhoExists(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	put(t, pool, cognito.User{Username: "disabled", Disabled: true}, cognito.User{Username: "unreachable"})
	for _, username := range []string{"nobody", "disabled", "unreachable"} {
		if got := forgotPassword(t, pool, username); !strings.HasPrefix(got, "EMAIL ") {
			t.Errorf("ForgotPassword(%s): %s, want a simulated delivery", username, got)
		}
	}
	for _, username := range []string{"nobody", "disabled"} {
		if got := confirmForgotPassword(t, pool, username, "000000", "new"); !strings.HasPrefix(got, "CodeMismatchException") {
			t.Errorf("ConfirmForgotPassword(%s): %s", username, got)
		}
	}
}

func TestAForgottenPasswordMigratesTheUserWhoThenSetsANewOne(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{UserMigration: function(t, func(w http.ResponseWriter, _ []byte) {
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"email":"ann@example.com","email_verified":"true"},"finalUserStatus":null}}`)
	})})
	if got := forgotPassword(t, pool, "ann"); got != "EMAIL a***@e***" {
		t.Fatal(got)
	}
	ann := theUser(t, pool)
	if ann.Status != "RESET_REQUIRED" || len(ann.Code) != 6 {
		t.Fatalf("%+v, want RESET_REQUIRED and a code", ann)
	}
	const mismatch = "CodeMismatchException: Invalid verification code provided, please try again."
	const expired = "ExpiredCodeException: Invalid code provided, please request a code again."
	for _, step := range []struct{ code, want string }{{"wrong", mismatch}, {ann.Code, "confirmed"}, {ann.Code, expired}} {
		if got := confirmForgotPassword(t, pool, "ann", step.code, "new"); got != step.want {
			t.Errorf("ConfirmForgotPassword with code %s: %s, want %s", step.code, got, step.want)
		}
	}
	if got := signIn(t, pool, "ann", "new"); got != "signed in" {
		t.Errorf("sign-in with the new password: %s", got)
	}
	if ann := theUser(t, pool); ann.Status != "CONFIRMED" || ann.Code != "" {
		t.Errorf("%+v, want CONFIRMED", ann)
	}
}

func TestAnAppSignsInWithTheUnchangedLibrary(t *testing.T) {
	t.Parallel()
	tier := []types.SchemaAttributeType{{Name: aws.String("custom:tier")}}
	pool := start(t, cognito.Config{SchemaAttributes: tier, UserMigration: function(t, func(w http.ResponseWriter, event []byte) {
		if !strings.Contains(string(event), `"password":"right"`) {
			_, _ = w.Write(event)
			return
		}
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"email":"ann@example.com","email_verified":"false",
			"phone_number":"+491701234567","phone_number_verified":"true","custom:tier":"gold"},"finalUserStatus":"CONFIRMED"}}`)
	})})
	type result struct {
		OK            bool
		Code, Message string
		Claims        map[string]any
		Delivery      types.CodeDeliveryDetailsType
	}
	app := func(operation string, args ...string) (r result) {
		t.Helper()
		cmd, err := cognito.NodeCommand(t.Context(), "sandbox/cognito/signin.js", append([]string{operation, pool.Endpoint(), poolID, clientID}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = t.Output()
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return r
	}

	if got := app("signIn", "ann", "wrong"); got.OK || got.Code+": "+got.Message != incorrect {
		t.Errorf("wrong password: %+v", got)
	}
	got := app("signIn", "ann", "right")
	if !got.OK {
		t.Fatalf("right password: %+v", got)
	}
	want := map[string]any{
		"cognito:username": "ann", "sub": theUser(t, pool).Sub, "aud": clientID, "token_use": "id", "iss": pool.Endpoint() + "/" + poolID,
		"email": "ann@example.com", "email_verified": false, "phone_number": "+491701234567", "phone_number_verified": true, "custom:tier": "gold",
	}
	times := cmpopts.IgnoreMapEntries(func(name string, _ any) bool { return want[name] == nil })
	if diff := cmp.Diff(want, got.Claims, times); diff != "" {
		t.Error(diff)
	}
	if got := app("forgotPassword", "ann"); !got.OK || got.Delivery.DeliveryMedium != "SMS" {
		t.Errorf("forgotten password: %+v", got)
	}
	if got := app("confirmPassword", "ann", theUser(t, pool).Code, "new"); !got.OK {
		t.Errorf("new password: %+v", got)
	}
	if got := app("signIn", "ann", "new"); !got.OK {
		t.Errorf("sign-in with the new password: %+v", got)
	}
}

func TestOtherOperationsAreTheEmulators(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	c := client(pool)
	if _, err := c.AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{
		UserPoolId: aws.String(poolID), Username: aws.String("ann"), TemporaryPassword: aws.String("right"), MessageAction: types.MessageActionTypeSuppress,
	}); err != nil {
		t.Fatal(err)
	}
	if got := signIn(t, pool, "ann", "wrong"); got != incorrect {
		t.Error(got)
	}
	if got := signIn(t, pool, "ann", "right"); got != "NEW_PASSWORD_REQUIRED" {
		t.Error(got)
	}
	if _, err := c.AdminSetUserPassword(t.Context(), &idp.AdminSetUserPasswordInput{
		UserPoolId: aws.String(poolID), Username: aws.String("ann"), Password: aws.String("new"), Permanent: true,
	}); err != nil {
		t.Fatal(err)
	}
	if got := signIn(t, pool, "ann", "new"); got != "signed in" {
		t.Error(got)
	}
	_, err := c.AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String("eu-west-1_other0000"), Username: aws.String("ann")})
	if got := outcome("", err); !strings.HasPrefix(got, "ResourceNotFoundException") {
		t.Errorf("another pool's id: %s", got)
	}
}

func start(t *testing.T, cfg cognito.Config) *cognito.Pool {
	t.Helper()
	cfg.PoolID, cfg.ClientID = poolID, clientID
	pool, err := cognito.Start(t.Context(), cfg, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// function stands in for Lambda: its Invoke API in front of one function.
func function(t *testing.T, handle func(w http.ResponseWriter, event []byte)) *cognito.Trigger {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/migrate/invocations", func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		handle(w, event)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &cognito.Trigger{Endpoint: server.URL, Function: "migrate"}
}

func client(pool *cognito.Pool) *idp.Client {
	return idp.New(idp.Options{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String(pool.Endpoint()),
		Credentials:      credentials.NewStaticCredentialsProvider("sandbox", "sandbox", ""),
		RetryMaxAttempts: 1,
	})
}

func initiateAuth(username, password string) *idp.InitiateAuthInput {
	return &idp.InitiateAuthInput{
		ClientId: aws.String(clientID), AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
	}
}

func adminInitiateAuth(username, password string) *idp.AdminInitiateAuthInput {
	return &idp.AdminInitiateAuthInput{
		UserPoolId: aws.String(poolID), ClientId: aws.String(clientID), AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
	}
}

func signIn(t *testing.T, pool *cognito.Pool, username, password string) string {
	t.Helper()
	out, err := client(pool).InitiateAuth(t.Context(), initiateAuth(username, password))
	if err != nil {
		return outcome("", err)
	}
	return outcome(out.ChallengeName, nil)
}

func adminSignIn(t *testing.T, pool *cognito.Pool, username, password string) string {
	t.Helper()
	out, err := client(pool).AdminInitiateAuth(t.Context(), adminInitiateAuth(username, password))
	if err != nil {
		return outcome("", err)
	}
	return outcome(out.ChallengeName, nil)
}

func forgotPassword(t *testing.T, pool *cognito.Pool, username string) string {
	t.Helper()
	out, err := client(pool).ForgotPassword(t.Context(), &idp.ForgotPasswordInput{ClientId: aws.String(clientID), Username: &username})
	if err != nil {
		return outcome("", err)
	}
	return string(out.CodeDeliveryDetails.DeliveryMedium) + " " + *out.CodeDeliveryDetails.Destination
}

func confirmForgotPassword(t *testing.T, pool *cognito.Pool, username, code, password string) string {
	t.Helper()
	_, err := client(pool).ConfirmForgotPassword(t.Context(), &idp.ConfirmForgotPasswordInput{
		ClientId: aws.String(clientID), Username: &username, ConfirmationCode: &code, Password: &password,
	})
	if err != nil {
		return outcome("", err)
	}
	return "confirmed"
}

// outcome is what an authentication came to in one line. An error has to be one that the SDK knows as a type of its own.
func outcome(challenge types.ChallengeNameType, err error) string {
	if unmodelled, ok := errors.AsType[*smithy.GenericAPIError](err); ok {
		return "an error that the SDK has no type for: " + unmodelled.Error()
	}
	if modelled, ok := errors.AsType[smithy.APIError](err); ok {
		return modelled.ErrorCode() + ": " + modelled.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	if challenge != "" {
		return string(challenge)
	}
	return "signed in"
}

func put(t *testing.T, pool *cognito.Pool, users ...cognito.User) {
	t.Helper()
	if err := pool.Put(t.Context(), users...); err != nil {
		t.Fatal(err)
	}
}

func users(t *testing.T, pool *cognito.Pool) []cognito.User {
	t.Helper()
	got, err := pool.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// theUser is the pool's only user.
func theUser(t *testing.T, pool *cognito.Pool) cognito.User {
	t.Helper()
	got := users(t, pool)
	if len(got) != 1 {
		t.Fatalf("users: %+v, want exactly one", got)
	}
	return got[0]
}

func decode(t *testing.T, data []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %q", err, data)
	}
	return v
}
