package cognito_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// countingCalls is a function that knows nobody, and counts how often it is asked.
func countingCalls(t *testing.T, asked *int) *cognito.Trigger {
	t.Helper()
	return function(t, func(w http.ResponseWriter, event []byte) {
		*asked++
		_, _ = w.Write(event)
	})
}

func TestLengthsOfNamesAndPasswords(t *testing.T) {
	t.Parallel()
	const usernamePage, quotasPage = reference + "API_AdminGetUser.html#CognitoUserPools-AdminGetUser-request-Username", guide + "quotas.html#resource-quotas"
	const tooLong = "InvalidParameterException: 1 validation error detected: Value at '%' failed to satisfy constraint: Member must have length less than or equal to "
	longUsername, longPassword := strings.Replace(tooLong, "%", "username", 1)+"128", strings.Replace(tooLong, "%", "password", 1)+"256"
	asked := 0
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}, UserMigration: countingCalls(t, &asked)})
	address := strings.Repeat("a", 120) + "@example.com"
	put(t, pool, cognito.User{Username: "ann", Password: strings.Repeat("é", 256), Attributes: map[string]string{"email": address, "email_verified": "true"}})
	for _, tt := range []struct {
		rule, doc string
		got       func(*testing.T) string
		want      string
		asks      bool // the function is called
	}{
		{"the longest password", quotasPage, func(t *testing.T) string { return signIn(t, pool, "ann", strings.Repeat("é", 256)) }, "signed in", false},
		{"a longer password of a user who exists", quotasPage, func(t *testing.T) string { return signIn(t, pool, "ann", strings.Repeat("é", 257)) }, longPassword, false},
		{"a longer password of a user who does not", quotasPage, func(t *testing.T) string { return signIn(t, pool, "bob", strings.Repeat("é", 257)) }, incorrect, true},
		{"a longer name of a user who exists", usernamePage, func(t *testing.T) string { return signIn(t, pool, address, "right") }, longUsername, false},
		{"a longer name of a user who does not", usernamePage, func(t *testing.T) string { return signIn(t, pool, strings.Repeat("b", 129), "right") }, incorrect, true},
		{"a longer name for a forgotten password", usernamePage, func(t *testing.T) string { return forgotPassword(t, pool, strings.Repeat("b", 129)) }, longUsername, false},
		{"a longer name to be looked up", usernamePage, func(t *testing.T) string {
			_, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: aws.String(strings.Repeat("b", 129))})
			return outcome("", err)
		}, longUsername, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			asked = 0
			if got := tt.got(t); got != tt.want || (asked > 0) != tt.asks {
				t.Errorf("%s: %s after %d calls of the function, want %s", tt.doc, got, asked, tt.want)
			}
		})
	}
}

// The quota of a category is one for all of its operations.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
func TestQuotasOfCategories(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	put(t, pool, cognito.User{Username: "ann", Password: "right"})
	if err := pool.SetRates(t.Context(), map[string]float64{"UserAuthentication": 0.001, "UserList": 0.001}); err != nil {
		t.Fatal(err)
	}
	const exceeded = "TooManyRequestsException: Rate exceeded"
	list := func() string {
		_, err := client(pool).ListUsers(t.Context(), &idp.ListUsersInput{UserPoolId: aws.String(poolID)})
		return outcome("", err)
	}
	look := func() string {
		_, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: aws.String("ann")})
		return outcome("", err)
	}
	for _, step := range []struct {
		rule    string
		advance time.Duration
		got     func() string
		want    string
	}{
		{"the first request", 0, func() string { return signIn(t, pool, "ann", "right") }, "signed in"},
		{"the next of the same category", 0, func() string { return adminSignIn(t, pool, "ann", "right") }, exceeded},
		{"the first of another category", 0, list, "signed in"},
		{"its next", 0, list, exceeded},
		{"a category without a limit", 0, look, "signed in"},
		{"the same again", 0, look, "signed in"},
		{"after a pause", 1000 * time.Second, func() string { return adminSignIn(t, pool, "ann", "right") }, "signed in"},
		{"no pause", 0, func() string { return adminSignIn(t, pool, "ann", "right") }, exceeded},
	} {
		if err := pool.Advance(t.Context(), step.advance); err != nil {
			t.Fatal(err)
		}
		if got := step.got(); got != step.want {
			t.Errorf("%s: %s, want %s", step.rule, got, step.want)
		}
	}
	if err := pool.SetRates(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := signIn(t, pool, "ann", "right"); got != "signed in" {
		t.Errorf("without limits: %s", got)
	}
	if err := pool.SetRates(t.Context(), map[string]float64{"UserLists": 1}); err == nil {
		t.Error("a category that is none was taken")
	}
}
