package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// A client of the new pool can't find out which users the old pool knows: not in an outage of the old pool, and not with names and
// passwords at and over Cognito's limits. The new pool alone answers users who have moved: the same while the old pool works.
func TestNobodyLearnsWhoIsKnown(t *testing.T) {
	patient := deploy(t, nil)
	hasty := deploy(t, map[string]string{"BUDGET": "1200ms", "OLD_POOL_BUDGET": "150ms", "LEDGER_BUDGET": "500ms", "SPOOL_BUDGET": "300ms"})
	internal := fault.Exception{Status: http.StatusInternalServerError, Type: "InternalErrorException"}
	for name, rules := range map[string][]fault.Rule{
		"all is well":              nil,
		"throttled":                {throws("", "TooManyRequestsException")},
		"sign-ins throttled":       {throws("AdminInitiateAuth", "TooManyRequestsException")},
		"look-ups throttled":       {throws("AdminGetUser", "TooManyRequestsException")},
		"a fault of the pool":      {{Kind: fault.Error, Probability: 1, Exception: internal}},
		"a fault of its sign-ins":  {{Kind: fault.Error, Probability: 1, Operation: "AdminInitiateAuth", Exception: internal}},
		"sign-ins hang":            {{Kind: fault.Hang, Probability: 1, Operation: "AdminInitiateAuth"}},
		"look-ups hang":            {{Kind: fault.Hang, Probability: 1, Operation: "AdminGetUser"}},
		"connections are reset":    {{Kind: fault.Reset, Probability: 1}},
		"a right is missing":       {throws("", "AccessDeniedException")},
		"a right to sign in is":    {throws("AdminInitiateAuth", "AccessDeniedException")},
		"an exception that is new": {throws("AdminInitiateAuth", "MoonPhaseException")},
		"the client has a secret":  {{Kind: fault.Error, Probability: 1, Operation: "AdminInitiateAuth", Exception: fault.Exception{Status: 400, Type: "NotAuthorizedException", Message: "Client x is configured with secret but SECRET_HASH was not received"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if attach(t, patient); rules != nil {
				attach(t, hasty) // an outage lasts longer than anybody waits
			}
			known := newUser(t, nil)
			disabled := newUser(t, func(u *cognito.User) { u.Disabled = true })
			local.OldFaults.Set(rules...)
			defer repair(t, local.OldFaults)
			refusal := signInAtNewPool(t, known.Username, "Wrong-password-1")
			for _, password := range []string{"Wrong-password-1", strings.Repeat("p", 256), strings.Repeat("p", 257), strings.Repeat("p", 2000)} {
				want := signInAtNewPool(t, unique("nobody"), password)
				if rules == nil && want != refusal {
					t.Errorf("%d characters: read %q, another wrong password %q", len(password), want, refusal)
				}
				for who, username := range map[string]string{"a known user": known.Username, "a disabled user": disabled.Username} {
					if got := signInAtNewPool(t, username, password); got != want {
						t.Errorf("%d characters: %s reads %q, nobody reads %q", len(password), who, got, want)
					}
				}
				if rules != nil || len(password) > 256 {
					continue // then Cognito answers by its own rules, without the trigger
				}
				moved := newUser(t, nil)
				if failure := signInAtNewPool(t, moved.Username, moved.Password); failure != "" {
					t.Fatal(failure)
				}
				if got := signInAtNewPool(t, moved.Username, password); got != want {
					t.Errorf("%d characters: a user who has moved reads %q, nobody reads %q", len(password), got, want)
				}
			}
			if rules != nil {
				return // no user has a name that is too long, so nothing is told of anybody
			}
			for _, length := range []int{128, 129, 2000} {
				if got := signInAtNewPool(t, strings.Repeat("n", length), "Wrong-password-1"); got != refusal {
					t.Errorf("a name of %d characters reads %q, any other %q", length, got, refusal)
				}
			}
		})
	}
}

// signInAtNewPool returns what a client of the new pool reads; nothing if the user gets in.
func signInAtNewPool(t *testing.T, username, password string) string {
	t.Helper()
	_, err := local.NewPoolClient().InitiateAuth(t.Context(), &cognitoidp.InitiateAuthInput{
		AuthFlow: "USER_PASSWORD_AUTH", ClientId: aws.String(sandbox.NewClientID),
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
	})
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode() + ": " + api.ErrorMessage()
	default:
		return err.Error()
	}
}
