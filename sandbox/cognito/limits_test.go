package cognito_test

import (
	"fmt"
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
	asked := 0
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}, UserMigration: countingCalls(t, &asked)})
	const namePage, quotasPage = reference + "API_AdminGetUser.html", guide + "quotas.html#resource-quotas"
	tooLong := func(member string, most int) string {
		return fmt.Sprintf("InvalidParameterException: 1 validation error detected: Value at '%s' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", member, most)
	}
	longName, longPassword := tooLong("username", 128), tooLong("password", 256)
	typed := func(name, password string) func(*testing.T) string {
		return func(t *testing.T) string { t.Helper(); return signIn(t, pool, name, password) }
	}
	address, nobody := strings.Repeat("a", 120)+"@example.com", strings.Repeat("b", 129)
	put(t, pool, cognito.User{Username: "ann", Password: strings.Repeat("é", 256), Attributes: verified(address)})
	for _, tt := range []struct {
		rule, doc string
		got       func(*testing.T) string
		want      string
		asks      bool // the function is called
	}{
		{"the longest password", quotasPage, typed("ann", strings.Repeat("é", 256)), "signed in", false},
		{"a longer password of a user who exists", quotasPage, typed("ann", strings.Repeat("é", 257)), longPassword, false},
		{"a longer password of a user who does not", quotasPage, typed("bob", strings.Repeat("é", 257)), incorrect, true},
		{"a longer name of a user who exists", namePage, typed(address, "right"), longName, false},
		{"a longer name of a user who does not", namePage, typed(nobody, "right"), incorrect, true},
		{"a longer name, password forgotten", namePage, func(t *testing.T) string { return forgotPassword(t, pool, nobody) }, longName, false},
		{"a longer name to be looked up", namePage, func(t *testing.T) string {
			_, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: &nobody})
			return outcome("", err)
		}, longName, false},
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
