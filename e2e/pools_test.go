package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// What the deployed function answers where the two pools differ: in case, in how users sign in, in attributes and second factors.
func TestPoolsThatDiffer(t *testing.T) {
	t.Parallel()
	const folds, mailAlias = `{"UsernameConfiguration":{"CaseSensitive":false}}`, `{"AliasAttributes":["email"]}`
	const needsPhone = `{"SchemaAttributes":[{"Name":"phone_number","Required":true}]}`
	sms := func(u *cognito.User) { u.MFA = []string{"SMS_MFA"} }
	type response = map[string]any
	for _, tt := range []struct {
		name     string
		env      map[string]string
		username string              // in the old pool; # is a number of the test's own
		user     func(*cognito.User) // what else is special
		trigger  migration.Trigger
		sent     string // userName, as Cognito sends it
		metadata map[string]any
		reason   string            // none: migrated
		named    string            // username in the answer; SUB is the old sub
		gets     map[string]string // of the other attributes, some; empty: must not be there
		response response          // besides
	}{
		{
			name: "the new pool folds case, and the app says what was typed", env: map[string]string{"NEW_POOL": folds, "TYPED_NAME": "typed"},
			username: "SomeName#@example.org", sent: "somename#@example.org", metadata: map[string]any{"typed": "SomeName#@example.org"},
		},
		{
			name: "the new pool folds case, and the app names somebody else", env: map[string]string{"NEW_POOL": folds, "TYPED_NAME": "typed"},
			username: "SomeName#@example.org", sent: "other#@example.org", metadata: map[string]any{"typed": "SomeName#@example.org"},
			reason: "unknown_user",
		},
		{
			name: "the new pool folds case, and nobody says what was typed", env: map[string]string{"NEW_POOL": folds},
			username: "SomeName#@example.org", sent: "somename#@example.org", reason: "unknown_user",
		},
		{
			name: "metadata that is no text", env: map[string]string{"NEW_POOL": folds, "TYPED_NAME": "typed"},
			username: "plain#", sent: "plain#", metadata: map[string]any{"typed": map[string]any{"x": 1}, "other": []int{1}},
		},
		{
			name: "the new pool signs in by email", env: map[string]string{"NEW_POOL": `{"UsernameAttributes":["email"]}`},
			username: "ada#", sent: "ada#@example.org",
		},
		{
			name: "the new pool signs in by email, and the username was typed", env: map[string]string{"NEW_POOL": `{"UsernameAttributes":["email"]}`},
			username: "ada#", sent: "ada#", reason: "attribute_rejected",
		},
		{
			name: "an address as username, which is an alias in the new pool", env: map[string]string{"NEW_POOL": mailAlias},
			username: "ada#@example.org", sent: "ada#@example.org", named: "SUB",
		},
		{
			name: "an alias that is not verified", env: map[string]string{"NEW_POOL": mailAlias},
			username: "ada#", sent: "ada#", user: func(u *cognito.User) { u.Attributes["email_verified"] = "false" },
		},
		{name: "required, and not there", env: map[string]string{"NEW_POOL": needsPhone}, username: "ada#", sent: "ada#", reason: "attribute_rejected"},
		{
			name: "required, and given by a rule", env: map[string]string{"NEW_POOL": needsPhone, "ATTRIBUTES": "phone_number?=+15550100"},
			username: "ada#", sent: "ada#", gets: map[string]string{"phone_number": "+15550100", "phone_number_verified": ""},
		},
		{
			name: "not in the schema", env: map[string]string{"NEW_POOL": `{"SchemaAttributes":[]}`},
			username: "ada#", sent: "ada#", user: func(u *cognito.User) { u.Attributes["custom:note"] = "x" }, reason: "attribute_rejected",
		},
		{
			name: "not in the schema, and dropped", env: map[string]string{"NEW_POOL": `{"SchemaAttributes":[]}`, "ATTRIBUTES": "-custom:note"},
			username: "ada#", sent: "ada#", user: func(u *cognito.User) { u.Attributes["custom:note"] = "x" }, gets: map[string]string{"custom:note": ""},
		},
		{
			name: "the link", env: map[string]string{"NEW_POOL": `{"SchemaAttributes":[{"Name":"custom:old_sub"}]}`, "ATTRIBUTES": "custom:old_sub=sub"},
			username: "ada#", sent: "ada#", gets: map[string]string{"custom:old_sub": "SUB"},
		},
		{
			name: "SMS codes are carried", env: map[string]string{"NEW_POOL": `{"MfaConfiguration":"OPTIONAL"}`, "SECOND_FACTOR": "carry_sms"},
			trigger: migration.ForgotPassword, username: "ada#", sent: "ada#", response: response{"enableSMSMFA": true},
			user: func(u *cognito.User) {
				sms(u)
				u.Attributes["phone_number"], u.Attributes["phone_number_verified"] = "+15550100", "true"
			},
		},
		{
			name: "SMS codes are dropped", env: map[string]string{"NEW_POOL": `{"MfaConfiguration":"OPTIONAL"}`},
			trigger: migration.ForgotPassword, username: "ada#", sent: "ada#", user: sms, response: response{"enableSMSMFA": nil},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id := unique("")
			own := func(s string) string { return strings.ReplaceAll(s, "#", id) }
			u := cognito.User{
				Username: own(tt.username), Password: "Right-password-1", Sub: uuid.NewString(),
				Attributes: map[string]string{"email": own("ada#@example.org"), "email_verified": "true"},
			}
			if tt.user != nil {
				tt.user(&u)
			}
			if err := local.Old.Put(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if tt.trigger == "" {
				tt.trigger = migration.SignIn
			}
			e := event(tt.trigger, own(tt.sent), u.Password)
			metadata := map[string]any{}
			for name, value := range tt.metadata {
				if text, ok := value.(string); ok {
					value = own(text)
				}
				metadata[name] = value
			}
			e["request"].(map[string]any)["validationData"] = metadata
			stack := deploy(t, tt.env)
			answer, failure := invoke(t, stack, e)
			if failure != "" {
				t.Fatalf("%s: %s", failure, stack.Logs("migrate"))
			}
			got := answer["response"].(response)
			attributes, migrated := got["userAttributes"].(map[string]any)
			if migrated != (tt.reason == "") {
				t.Fatalf("migrated: %t, %s", migrated, stack.Logs("migrate"))
			}
			if tt.reason != "" {
				if !strings.Contains(stack.Logs("migrate"), `"Reason":"`+tt.reason+`"`) {
					t.Errorf("not refused by %s: %s", tt.reason, stack.Logs("migrate"))
				}
				return
			}
			want := map[string]any{}
			for name, value := range u.Attributes {
				want[name] = value
			}
			if tt.named != "" {
				want["username"] = tt.named
			}
			for name, value := range tt.gets {
				want[name] = value
			}
			maps.DeleteFunc(want, func(_ string, value any) bool { return value == "" })
			for name, value := range want {
				if value == "SUB" {
					want[name] = u.Sub
				}
			}
			if diff := cmp.Diff(want, attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			for name, value := range tt.response {
				if got[name] != value {
					t.Errorf("%s is %v, want %v", name, got[name], value)
				}
			}
		})
	}
}
