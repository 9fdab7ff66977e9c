package migration_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

func TestImport(t *testing.T) {
	verified := map[string]string{"sub": "s-1", "email": "ada@example.com", "email_verified": "true", "nickname": "Ada"}
	with := func(changes map[string]string) map[string]string {
		all := maps.Clone(verified)
		maps.Copy(all, changes)
		return all
	}
	for name, tt := range map[string]struct {
		shape   string
		account migration.Account
		want    map[string]string
		reason  migration.Reason
	}{
		"usernames": {
			`{}`,
			migration.Account{Username: "ada", Enabled: true, Status: "CONFIRMED", Attributes: verified},
			map[string]string{"username": "ada", "email": "ada@example.com", "email_verified": "true", "nickname": "Ada", "custom:old_sub": "s-1"},
			"",
		},
		"addresses for usernames": {
			`{"UsernameAttributes":["email"]}`,
			migration.Account{Username: "ada", Enabled: true, Status: "CONFIRMED", Attributes: verified},
			map[string]string{"username": "ada@example.com", "email": "ada@example.com", "email_verified": "true", "nickname": "Ada", "custom:old_sub": "s-1"},
			"",
		},
		"a username that is an alias there": {
			`{"AliasAttributes":["email"]}`,
			migration.Account{Username: "ada@example.com", Enabled: true, Status: "RESET_REQUIRED", Attributes: verified},
			map[string]string{"username": "s-1", "email": "ada@example.com", "email_verified": "true", "nickname": "Ada", "custom:old_sub": "s-1"},
			"",
		},
		"no verified address": {
			`{}`,
			migration.Account{Username: "ada", Enabled: true, Status: "CONFIRMED", Attributes: with(map[string]string{"email_verified": "false"})},
			nil, migration.NoVerifiedContact,
		},
		"no address for a username": {
			`{"UsernameAttributes":["phone_number"]}`,
			migration.Account{Username: "ada", Enabled: true, Status: "CONFIRMED", Attributes: verified},
			nil, migration.AttributeRejected,
		},
		"disabled": {
			`{}`, migration.Account{Username: "ada", Status: "CONFIRMED", Attributes: verified}, nil, migration.Disabled,
		},
		"federated": {
			`{}`, migration.Account{Username: "ada", Enabled: true, Status: "EXTERNAL_PROVIDER", Attributes: verified}, nil, migration.ExternalProvider,
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := migration.Policy{ForgotPassword: migration.ResetRefused}
			for _, err := range []error{policy.NewPool.UnmarshalText([]byte(tt.shape)), policy.Attributes.UnmarshalText([]byte("custom:old_sub=sub"))} {
				if err != nil {
					t.Fatal(err)
				}
			}
			tt.account.Sub = "s-1"
			got := policy.Import(tt.account)
			if diff := cmp.Diff(tt.want, got.Attributes); diff != "" || got.Reason != tt.reason {
				t.Errorf("%s (-want +got):\n%s", got.Reason, diff)
			}
		})
	}
}
