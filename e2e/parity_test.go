package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// With verification assumed the answers are those of AWS's sample; without, the flags are the old pool's. What Cognito sent
// comes back, but for what the user typed and the app added.
func TestAnswersOfTheSample(t *testing.T) {
	t.Parallel()
	sample := deploy(t, map[string]string{"ASSUME_VERIFIED": "email,phone_number"})
	truthful := deploy(t, nil)
	u := newUser(t, nil)
	for _, tt := range []struct {
		name          string
		trigger       migration.Trigger
		assume        bool
		phoneVerified string
		status        any
	}{
		{"sign-in, verification assumed", migration.SignIn, true, "true", "CONFIRMED"},
		{"forgot password, verification assumed", migration.ForgotPassword, true, "true", nil},
		{"sign-in", migration.SignIn, false, "false", "CONFIRMED"},
		{"forgot password", migration.ForgotPassword, false, "false", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := truthful
			if tt.assume {
				stack = sample
			}
			sent := event(tt.trigger, u.Username, u.Password)
			sent["request"].(map[string]any)["validationData"] = map[string]any{"from": "the app"}
			sent["request"].(map[string]any)["clientMetadata"] = map[string]any{"from": "the app"}
			got, failure := invoke(t, stack, sent)
			if failure != "" {
				t.Fatal(failure)
			}
			want := event(tt.trigger, u.Username, "")
			want["request"] = map[string]any{"userAttributes": nil}
			want["response"] = map[string]any{
				"userAttributes": map[string]any{
					"email": u.Attributes["email"], "email_verified": "true",
					"phone_number": u.Attributes["phone_number"], "phone_number_verified": tt.phoneVerified,
				},
				"forceAliasCreation": nil, "enableSMSMFA": nil, "finalUserStatus": tt.status, "messageAction": "SUPPRESS",
				"desiredDeliveryMediums": nil,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// Older events lack enableSMSMFA, other emulators' request.userAttributes: what was not there is not added, and what is new to us
// comes back.
func TestOtherFormsOfEvents(t *testing.T) {
	t.Parallel()
	stack := deploy(t, map[string]string{"NEW_USER_POOL_ID": ""})
	u := newUser(t, nil)
	sent := map[string]any{
		"triggerSource": "UserMigration_Authentication", "userName": u.Username,
		"request":  map[string]any{"password": wrong, "somethingNew": 1.0},
		"response": map[string]any{"desiredDeliveryMediums": []any{}, "somethingNew": nil},
	}
	got, failure := invoke(t, stack, sent)
	sent["request"] = map[string]any{"somethingNew": 1.0}
	if diff := cmp.Diff(sent, got); diff != "" || failure != "" {
		t.Errorf("error %q, answer (-sent +got):\n%s", failure, diff)
	}
}

// A user who signs in by an alias keeps the old username; everything else is handed over unchanged.
func TestUserArrivesWhole(t *testing.T) {
	attach(t, deploy(t, nil))
	for _, name := range []string{"username", "email"} {
		t.Run("signing in by "+name, func(t *testing.T) {
			u := newUser(t, func(u *cognito.User) { u.Attributes["custom:tenant"] = "7" })
			typed := u.Username
			if name == "email" {
				typed = u.Attributes["email"]
			}
			if err := signIn(t.Context(), typed, u.Password); err != nil {
				t.Fatal(err)
			}
			users := arrived(t, u.Username)
			if len(users) != 1 {
				t.Fatalf("%d users arrived", len(users))
			}
			got := users[0]
			if got.Username != u.Username || got.Password != u.Password || got.Status != "CONFIRMED" || got.Sub == u.Sub {
				t.Errorf("%+v", got)
			}
			if diff := cmp.Diff(u.Attributes, got.Attributes); diff != "" {
				t.Errorf("attributes (-old +new):\n%s", diff)
			}
		})
	}
}
