package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// event is what Cognito sends, as far as it is read or given back. Fields that only pass through stay as they came.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
type event struct {
	Version       json.RawMessage   `json:"version"`
	TriggerSource migration.Trigger `json:"triggerSource"`
	Region        json.RawMessage   `json:"region"`
	UserPoolID    string            `json:"userPoolId"`
	UserName      string            `json:"userName"`
	CallerContext json.RawMessage   `json:"callerContext"`
	Request       *request          `json:"request"`
	Response      response          `json:"response"`
}

// request is read with its password and given back without: nor are validationData and clientMetadata, which the app sent.
type request struct {
	Password       *string         `json:"password,omitempty"`
	UserAttributes json.RawMessage `json:"userAttributes"`
}

// response keeps the fields that Cognito sent, known or not: those that are not set stay null, as they came.
type response map[string]json.RawMessage

// Cognito's limits, in characters.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
const (
	maxUsername = 128
	maxPassword = 256
)

// parse reads an event. Its errors quote nothing of the event.
func parse(raw []byte) (event, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return e, fmt.Errorf("field %q is not a %s", wrongType.Field, wrongType.Type.Kind())
		}
		return e, errors.New("not a JSON object")
	}
	switch {
	case !slices.Contains(migration.Triggers, e.TriggerSource):
		return e, errors.New(`field "triggerSource" is none of the user migration trigger's`)
	case e.Request == nil:
		return e, errors.New(`field "request" is missing`)
	case e.Response == nil:
		return e, errors.New(`field "response" is missing`)
	case !sized(e.UserName, maxUsername):
		return e, fmt.Errorf(`field "userName" is missing or longer than %d characters`, maxUsername)
	case e.TriggerSource == migration.SignIn && (e.Request.Password == nil || !sized(*e.Request.Password, maxPassword)):
		return e, fmt.Errorf(`field "request.password" is missing or longer than %d characters`, maxPassword)
	}
	return e, nil
}

func sized(s string, most int) bool { return s != "" && utf8.RuneCountInString(s) <= most }

// answer gives the event back: with the user's attributes if the user migrates, with the response untouched if not.
func (e event) answer(d migration.Decision) ([]byte, error) {
	e.Request = &request{UserAttributes: e.Request.UserAttributes}
	if d.Outcome == migration.Migrated {
		attributes, err := json.Marshal(d.Attributes)
		if err != nil {
			return nil, err
		}
		e.Response = maps.Clone(e.Response)
		e.Response["userAttributes"] = attributes
		e.Response["messageAction"] = json.RawMessage(`"SUPPRESS"`)
		if e.TriggerSource == migration.SignIn {
			e.Response["finalUserStatus"] = json.RawMessage(`"CONFIRMED"`)
		}
	}
	return json.Marshal(e)
}
