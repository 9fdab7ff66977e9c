package cognito_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

const (
	hashPage     = guide + "signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash"
	hashErrors   = knowledge + "cognito-unable-to-verify-secret-hash"
	rotationPage = reference + "API_AddUserPoolClientSecret.html"

	unverifiedHash = "NotAuthorizedException: Unable to verify secret hash for client " + clientID
	withoutHash    = "NotAuthorizedException: Client " + clientID + " is configured with secret but SECRET_HASH was not received"
	unexpectedHash = "InvalidParameterException: App client " + clientID + " is not configured for secret but secret hash was received"
)

func TestSecretHashes(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{UsernameConfiguration: anyCase, ClientSecrets: []string{"old"}})
	put(t, pool, cognito.User{Username: "ann", Password: "right", Attributes: verified("ann@example.com")})
	for _, tt := range []struct {
		rule, doc string
		secrets   []string // of the app client
		typed     string
		hash      string
		want      string
	}{
		{"the right hash", hashPage, []string{"old"}, "ann", secretHash("old", "ann"), "signed in"},
		{"no hash", hashErrors, []string{"old"}, "ann", "", withoutHash},
		{"a hash by another secret", hashErrors, []string{"old"}, "ann", secretHash("new", "ann"), unverifiedHash},
		{"a hash of another name", hashErrors, []string{"old"}, "ann", secretHash("old", "bob"), unverifiedHash},
		{"a hash that is none", hashErrors, []string{"old"}, "ann", "hash", unverifiedHash},
		{"a hash of the name as it is typed", hashPage, []string{"old"}, "ANN", secretHash("old", "ANN"), "signed in"},
		{"a hash of the name in another case", hashPage, []string{"old"}, "ANN", secretHash("old", "ann"), unverifiedHash},
		{"a rotation, by the old secret", rotationPage, []string{"old", "new"}, "ann", secretHash("old", "ann"), "signed in"},
		{"a rotation, by the new secret", rotationPage, []string{"old", "new"}, "ann", secretHash("new", "ann"), "signed in"},
		{"the rotation is over", rotationPage, []string{"new"}, "ann", secretHash("old", "ann"), unverifiedHash},
		{"no secret", hashPage, nil, "ann", "", "signed in"},
		{"a hash for no secret", "https://github.com/pmill/aws-cognito/pull/23", nil, "ann", secretHash("old", "ann"), unexpectedHash},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			if err := pool.SetClientSecrets(t.Context(), tt.secrets...); err != nil {
				t.Fatal(err)
			}
			var sent *string
			user, admin := initiateAuth(tt.typed, "right"), adminInitiateAuth(tt.typed, "right")
			if tt.hash != "" {
				sent, user.AuthParameters["SECRET_HASH"], admin.AuthParameters["SECRET_HASH"] = &tt.hash, tt.hash, tt.hash
			}
			_, err := client(pool).InitiateAuth(t.Context(), user)
			_, adminErr := client(pool).AdminInitiateAuth(t.Context(), admin)
			_, forgotErr := client(pool).ForgotPassword(t.Context(), &idp.ForgotPasswordInput{
				ClientId: aws.String(clientID), Username: &tt.typed, SecretHash: sent,
			})
			for operation, err := range map[string]error{"InitiateAuth": err, "AdminInitiateAuth": adminErr, "ForgotPassword": forgotErr} {
				if got := outcome("", err); got != tt.want {
					t.Errorf("%s: %s, want %s (%s)", operation, got, tt.want, tt.doc)
				}
			}
			described, err := client(pool).DescribeUserPoolClient(t.Context(), describeClient())
			if err != nil {
				t.Fatal(err)
			}
			newest := ""
			if len(tt.secrets) > 0 {
				newest = tt.secrets[len(tt.secrets)-1]
			}
			if got := aws.ToString(described.UserPoolClient.ClientSecret); got != newest {
				t.Errorf("DescribeUserPoolClient: the secret %q, want %q (%s)", got, newest, rotationPage)
			}
		})
	}
}

// secretHash is HMAC-SHA256 of the username and the client's id, in base64.
// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash
func secretHash(secret, username string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func describeClient() *idp.DescribeUserPoolClientInput {
	return &idp.DescribeUserPoolClientInput{UserPoolId: aws.String(poolID), ClientId: aws.String(clientID)}
}

// https://repost.aws/knowledge-center/cognito-migration-lambda-trigger-errors
func TestOnlyFlowsThatTheClientAllows(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{ExplicitAuthFlows: []string{"ALLOW_ADMIN_USER_PASSWORD_AUTH"}})
	put(t, pool, cognito.User{Username: "ann", Password: "right"})
	if got := adminSignIn(t, pool, "ann", "right"); got != "signed in" {
		t.Error(got)
	}
	if got := signIn(t, pool, "ann", "right"); got != "InvalidParameterException: USER_PASSWORD_AUTH flow not enabled for this client" {
		t.Error(got)
	}
	if err := pool.SetExplicitAuthFlows(t.Context(), "ALLOW_USER_PASSWORD_AUTH"); err != nil {
		t.Fatal(err)
	}
	if got := signIn(t, pool, "ann", "right"); got != "signed in" {
		t.Error(got)
	}
}

// What preflight reads of an app client, and of a pool's second factors.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetUserPoolMfaConfig.html
func TestWhatPreflightReads(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{MFA: "OPTIONAL", ClientSecrets: []string{"secret"}})
	list, err := client(pool).ListUserPoolClients(t.Context(), &idp.ListUserPoolClientsInput{
		UserPoolId: aws.String(poolID), MaxResults: aws.Int32(60),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.UserPoolClients) != 1 || *list.UserPoolClients[0].ClientId != clientID || list.NextToken != nil {
		t.Errorf("ListUserPoolClients: %+v", list)
	}
	out, err := client(pool).DescribeUserPoolClient(t.Context(), describeClient())
	if err != nil {
		t.Fatal(err)
	}
	flows := make([]string, len(out.UserPoolClient.ExplicitAuthFlows))
	for i, flow := range out.UserPoolClient.ExplicitAuthFlows {
		flows[i] = string(flow)
	}
	if got := strings.Join(flows, " "); got != "ALLOW_ADMIN_USER_PASSWORD_AUTH ALLOW_USER_PASSWORD_AUTH ALLOW_REFRESH_TOKEN_AUTH" ||
		out.UserPoolClient.PreventUserExistenceErrors != "ENABLED" || aws.ToString(out.UserPoolClient.ClientName) == "" {
		t.Errorf("DescribeUserPoolClient: %+v", out.UserPoolClient)
	}
	mfa, err := client(pool).GetUserPoolMfaConfig(t.Context(), &idp.GetUserPoolMfaConfigInput{UserPoolId: aws.String(poolID)})
	if err != nil {
		t.Fatal(err)
	}
	if mfa.MfaConfiguration != "OPTIONAL" || mfa.SmsMfaConfiguration != nil || mfa.SoftwareTokenMfaConfiguration == nil {
		t.Errorf("GetUserPoolMfaConfig: %+v", mfa)
	}
}
