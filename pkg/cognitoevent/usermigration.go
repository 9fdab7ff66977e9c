package cognitoevent

import (
	"encoding/json"
	"errors"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// UserMigration is an event of the user migration trigger.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
type UserMigration struct {
	Event
	Trigger  migration.Trigger
	Password string            // empty for a forgotten password
	Metadata map[string]string // what the app sends along: validationData if there is any, else clientMetadata
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
	e.Metadata = texts(e.Request["validationData"])
	if len(e.Metadata) == 0 {
		e.Metadata = texts(e.Request["clientMetadata"])
	}
	return e, nil
}

// texts reads an object of texts; it leaves out what is none, since Cognito's ClientMetadata holds nothing else.
func texts(raw json.RawMessage) map[string]string {
	var members map[string]any
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	found := map[string]string{}
	for name, value := range members {
		if text, ok := value.(string); ok {
			found[name] = text
		}
	}
	return found
}

// Answer gives the event back: with the user's attributes if the user migrates, with the response untouched if not.
func (e UserMigration) Answer(d migration.Decision) ([]byte, error) {
	if d.Outcome != migration.Migrated {
		return e.Event.Answer(nil)
	}
	set := map[string]any{"userAttributes": d.Attributes, "messageAction": "SUPPRESS"}
	if e.Trigger == migration.SignIn {
		set["finalUserStatus"] = "CONFIRMED"
	}
	return e.Event.Answer(set)
}
