package cognitoevent

import (
	"errors"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// UserMigration is an event of the user migration trigger.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
type UserMigration struct {
	Event
	Trigger  migration.Trigger
	Password string // empty for a forgotten password
	// Metadata is what the app sent for the triggers: ClientMetadata, which arrives as validationData or clientMetadata, or as both.
	Metadata map[string]string
}

// ParseUserMigration reads an event of the user migration trigger. Its errors quote nothing of the event.
func ParseUserMigration(raw []byte) (UserMigration, error) {
	event, err := Parse(raw, string(migration.SignIn), string(migration.ForgotPassword))
	if err != nil {
		return UserMigration{}, err
	}
	e := UserMigration{Event: event, Trigger: migration.Trigger(event.Source)}
	if err := e.Request.Read("password", &e.Password); err != nil {
		return e, err
	}
	if e.Trigger == migration.SignIn && e.Password == "" {
		return e, errors.New(`field "password" is missing`)
	}
	e.Metadata = e.Request.texts("validationData", "clientMetadata")
	return e, nil
}

// Typed is the name as the user typed it, if the app sent it under a key of the metadata, and it differs by no more than case.
func (e UserMigration) Typed(key string) string { return typed(e.Username, e.Metadata, key) }

// Answer gives the event back: with the user's attributes if the user migrates, with the response untouched if not.
func (e UserMigration) Answer(d migration.Decision) ([]byte, error) {
	if d.Outcome != migration.Migrated {
		return e.Event.Answer(nil)
	}
	set := map[string]any{"userAttributes": d.Attributes, "messageAction": "SUPPRESS"}
	if e.Trigger == migration.SignIn {
		set["finalUserStatus"] = "CONFIRMED"
	}
	if d.EnableSMSMFA {
		set["enableSMSMFA"] = true
	}
	return e.Event.Answer(set)
}
