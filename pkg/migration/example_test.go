package migration_test

import (
	"fmt"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// A decision needs the policy, what the user typed, what the old pool said and the user's record. It asks nobody.
func ExamplePolicy_Decide() {
	var policy migration.Policy
	_ = policy.NewPool.UnmarshalText([]byte(`{"AliasAttributes":["email"]}`))
	_ = policy.Attributes.UnmarshalText([]byte("custom:old_sub=sub,-custom:legacy"))
	answer := migration.Answer{
		Account: &migration.Account{
			Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", Username: "ada", Enabled: true, Status: "CONFIRMED",
			Attributes: map[string]string{"email": "ada@example.com", "email_verified": "true", "custom:legacy": "yes"},
		},
		Authentication: migration.Authentication{Accepted: true},
	}
	d := policy.Decide(migration.SignIn, "ada@example.com", answer, migration.Record{})
	fmt.Println(d.Outcome, d.Attributes)
	// Output: migrated map[custom:old_sub:0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10 email:ada@example.com email_verified:true username:ada]
}

// A record is the fold of a user's events.
func ExampleFold() {
	account := migration.Account{Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10"}
	record := migration.Fold([]migration.Event{
		migration.NewAttempt(migration.Origin{}, migration.SignIn, account, migration.Decision{Outcome: migration.Rejected, Reason: migration.Disabled}),
		migration.NewAttempt(migration.Origin{}, migration.SignIn, account, migration.Decision{Outcome: migration.Migrated}),
	})
	fmt.Println(record.Version, record.Status)
	// Output: 2 migrated
}
