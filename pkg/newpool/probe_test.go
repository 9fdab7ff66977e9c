package newpool_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/secrethash"
)

const clientID = "1new2client3of4the5pool678"

// Each of Cognito's answers to a probe's sign-in has its reason, new ones included.
func TestWhyAProbeIsNotAnswered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		operation, exception, message string
		status                        int
		want                          probe.Reason
	}{
		{"InitiateAuth", "UserLambdaValidationException", "UserMigration failed with error PROBE_ANSWERED.", 400, ""},
		{"InitiateAuth", "UserLambdaValidationException", "UserMigration failed with error TEMPORARILY_UNAVAILABLE.", 400, probe.OldPool},
		{"InitiateAuth", "UserLambdaValidationException", "UserMigration failed with error UNSUPPORTED_EVENT.", 400, probe.FunctionFailed},
		{"InitiateAuth", "UserLambdaValidationException", "PreAuthentication failed with error no.", 400, probe.FunctionFailed},
		{"InitiateAuth", "InvalidLambdaResponseException", "Unrecognizable lambda output", 400, probe.FunctionFailed},
		{"InitiateAuth", "UnexpectedLambdaException", "UserMigration invocation failed due to error AccessDeniedException.", 400, probe.NotPermitted},
		{"InitiateAuth", "UnexpectedLambdaException", "UserMigration invocation failed due to error TooManyRequestsException.", 400, probe.NotInvoked},
		{"InitiateAuth", "UnexpectedLambdaException", "UserMigration invocation failed due to error Socket timeout while invoking Lambda function.", 400, probe.NotInvoked},
		{"InitiateAuth", "NotAuthorizedException", "Incorrect username or password.", 400, probe.NotAnswered},
		{"InitiateAuth", "UserNotFoundException", "User does not exist.", 400, probe.NotAnswered},
		{"InitiateAuth", "NotAuthorizedException", "Unable to verify secret hash for client 1new", 400, probe.AppClient},
		{"InitiateAuth", "NotAuthorizedException", "Client 1new is configured with secret but SECRET_HASH was not received", 400, probe.AppClient},
		{"InitiateAuth", "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client", 400, probe.AppClient},
		{"InitiateAuth", "TooManyRequestsException", "Rate exceeded", 400, probe.Throttled},
		{"InitiateAuth", "InternalErrorException", "", 500, probe.Unreachable},
		{"InitiateAuth", "MoonPhaseException", "", 400, probe.Unexpected},
		{"InitiateAuth", "", "", 200, probe.Unexpected}, // nobody has signed in
		{"DescribeUserPoolClient", "ResourceNotFoundException", "User pool client 1new does not exist.", 400, probe.AppClient},
		{"DescribeUserPoolClient", "AccessDeniedException", "User is not authorized", 400, probe.AppClient},
		{"DescribeUserPoolClient", "TooManyRequestsException", "Rate exceeded", 400, probe.Throttled},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+tt.operation) || tt.exception == "" {
				_, _ = io.WriteString(w, `{"UserPoolClient":{},"AuthenticationResult":{}}`)
				return
			}
			w.WriteHeader(tt.status)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": tt.exception, "message": tt.message})
		}))
		got, err := pool(server.URL).Probe(t.Context(), clientID, probe.NewName())
		server.Close()
		if got != tt.want || (err == nil) != (tt.exception == "") {
			t.Errorf("%s, %s (%s): %q, %v; want %q", tt.operation, tt.exception, tt.message, got, err, tt.want)
		}
	}
	if got, err := pool("http://127.0.0.1:1").Probe(t.Context(), clientID, probe.NewName()); got != probe.Unreachable || err == nil {
		t.Errorf("nobody listens: %q, %v", got, err)
	}
}

func pool(endpoint string) *newpool.Pool {
	return newpool.New(aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: aws.AnonymousCredentials{}},
		newpool.Config{UserPoolID: "eu-west-1_nEwP00l02"}, time.Second)
}

// A probe signs in as an app does, with its mark, and with the hash if the app client has a secret.
func TestWhatAProbeSends(t *testing.T) {
	t.Parallel()
	var sent struct {
		ClientID, AuthFlow             string
		AuthParameters, ClientMetadata map[string]string
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".InitiateAuth") {
			if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
				t.Error(err)
			}
		}
		_, _ = io.WriteString(w, `{"UserPoolClient":{"ClientSecret":"secret"}}`)
	}))
	t.Cleanup(server.Close)
	name := probe.NewName()
	if _, err := pool(server.URL).Probe(t.Context(), clientID, name); err != nil {
		t.Fatal(err)
	}
	if sent.ClientID != clientID || sent.AuthFlow != "USER_PASSWORD_AUTH" || !probe.Is(sent.AuthParameters["USERNAME"], sent.ClientMetadata) ||
		sent.AuthParameters["PASSWORD"] == "" || sent.AuthParameters["SECRET_HASH"] != secrethash.Of("secret", name, clientID) {
		t.Errorf("%+v", sent)
	}
}
