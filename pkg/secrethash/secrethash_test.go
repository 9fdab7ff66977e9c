package secrethash_test

import (
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/secrethash"
)

// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash
func TestOf(t *testing.T) {
	// echo -n "ada1client" | openssl dgst -sha256 -hmac secret -binary | base64
	if got, want := secrethash.Of("secret", "ada", "1client"), "CbCzXQKkW5MFcQE3Bf+TyVxk69YffkbFoJP1ZNmqCb4="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
