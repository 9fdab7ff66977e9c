package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// event is what Cognito sends: what is read of it, and the whole of it to give back.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
type event struct {
	trigger  migration.Trigger
	poolID   string
	username string
	password string // empty for a forgotten password

	fields, request, response object
}

// object is a JSON object whose members stay as they came: those that Cognito leaves out, or sends as null, go back like that.
type object map[string]json.RawMessage

// known are the members of an event that go back. https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html#cognito-user-pools-lambda-trigger-event-parameter-shared
var known = []string{"version", "triggerSource", "region", "userPoolId", "userName", "callerContext", "request", "response"}

// private are the members of the request that do not go back: what the user typed, and what the app added.
var private = []string{"password", "validationData", "clientMetadata"}

// Cognito's limits, in characters.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
const (
	maxUsername = 128
	maxPassword = 256
)

// parse reads an event. Its errors quote nothing of the event.
func parse(raw []byte) (event, error) {
	var e event
	if err := json.Unmarshal(raw, &e.fields); err != nil {
		return e, errors.New("not a JSON object")
	}
	maps.DeleteFunc(e.fields, func(name string, _ json.RawMessage) bool { return !slices.Contains(known, name) })
	err := errors.Join(
		e.fields.read("triggerSource", &e.trigger), e.fields.read("userPoolId", &e.poolID), e.fields.read("userName", &e.username),
		e.fields.read("request", &e.request), e.fields.read("response", &e.response),
	)
	if err != nil {
		return e, err
	}
	if err := e.request.read("password", &e.password); err != nil {
		return e, err
	}
	switch {
	case !slices.Contains(migration.Triggers, e.trigger):
		return e, errors.New(`field "triggerSource" is none of the user migration trigger's`)
	case e.request == nil:
		return e, errors.New(`field "request" is missing`)
	case e.response == nil:
		return e, errors.New(`field "response" is missing`)
	case !sized(e.username, maxUsername):
		return e, fmt.Errorf(`field "userName" is missing or longer than %d characters`, maxUsername)
	case e.trigger == migration.SignIn && !sized(e.password, maxPassword):
		return e, fmt.Errorf(`field "password" is missing or longer than %d characters`, maxPassword)
	}
	return e, nil
}

// read reads a member into out, if it is there.
func (o object) read(name string, out any) error {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("field %q has the wrong type", name)
	}
	return nil
}

func sized(s string, most int) bool { return s != "" && utf8.RuneCountInString(s) <= most }

// answer gives the event back: with the user's attributes if the user migrates, with the response untouched if not.
func (e event) answer(d migration.Decision) ([]byte, error) {
	request, response := maps.Clone(e.request), maps.Clone(e.response)
	maps.DeleteFunc(request, func(name string, _ json.RawMessage) bool {
		return slices.ContainsFunc(private, func(p string) bool { return strings.EqualFold(p, name) })
	})
	if d.Outcome == migration.Migrated {
		attributes, err := json.Marshal(d.Attributes)
		if err != nil {
			return nil, err
		}
		response["userAttributes"] = attributes
		response["messageAction"] = json.RawMessage(`"SUPPRESS"`)
		if e.trigger == migration.SignIn {
			response["finalUserStatus"] = json.RawMessage(`"CONFIRMED"`)
		}
	}
	whole := map[string]any{}
	for name, value := range e.fields {
		whole[name] = value
	}
	whole["request"], whole["response"] = request, response
	return json.Marshal(whole)
}
