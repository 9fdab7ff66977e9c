package oldpool_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
)

var config = oldpool.Config{UserPoolID: "eu-west-1_aB3dE5gH7", AppClientID: "1example23456789"}

// pool answers AdminGetUser with a user and counts what it is asked.
func pool(t *testing.T, provider aws.CredentialsProviderFunc) (*oldpool.Pool, *int) {
	t.Helper()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, `{"Username":"ada","Enabled":true,"UserStatus":"CONFIRMED",
			"UserAttributes":[{"Name":"sub","Value":"0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10"}],
			"MFAOptions":[{"DeliveryMedium":"SMS","AttributeName":"phone_number"}]}`)
	}))
	t.Cleanup(server.Close)
	return oldpool.New(aws.Config{Credentials: provider, BaseEndpoint: &server.URL}, config, time.Second), &asked
}

func signed(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
}

// A panic beside the caller's goroutine would end the process, and print what the user typed.
func TestPanicBesideTheCaller(t *testing.T) {
	p, _ := pool(t, func(ctx context.Context) (aws.Credentials, error) {
		if middleware.GetOperationName(ctx) == "AdminInitiateAuth" {
			panic("canary")
		}
		return signed(ctx)
	})
	answer := p.SignIn(t.Context(), "ada", "password", nil)
	want := migration.Authentication{Reason: migration.Internal, Exception: "Panic"}
	if answer.Account == nil || answer.Authentication != want {
		t.Errorf("%+v", answer)
	}
}

// Cognito has no user by a name that it does not take for one, and is not asked.
func TestNamesThatAreNone(t *testing.T) {
	p, asked := pool(t, signed)
	for _, name := range []string{"ada ", "a da", "", "ada\n", "ada\x00", strings.Repeat("ä", 129)} {
		for _, answer := range []migration.Answer{p.SignIn(t.Context(), name, "password", nil), p.Lookup(t.Context(), name)} {
			if answer.AccountReason != migration.UnknownUser {
				t.Errorf("%q: %+v", name, answer)
			}
		}
	}
	long := strings.Repeat("a", 245) + "@x"
	if answer := p.LookupAddress(t.Context(), migration.Email, long); answer.AccountReason != migration.UnknownUser {
		t.Errorf("%q: %+v", long, answer)
	}
	if *asked != 0 {
		t.Errorf("asked %d times", *asked)
	}
}

// Factors that were set up in the old way count as well.
func TestOldMFAOptions(t *testing.T) {
	p, _ := pool(t, signed)
	if a := p.Lookup(t.Context(), "ada").Account; a == nil || len(a.Factors) != 1 || a.Factors[0] != "SMS_MFA" {
		t.Errorf("%+v", a)
	}
}
