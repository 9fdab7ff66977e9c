// Package cognitoevent parses the event with which Cognito calls a Lambda trigger, and gives it back: every member as it came, except
// those that a trigger must not echo.
//
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html#cognito-user-pools-lambda-trigger-event-parameter-shared
package cognitoevent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Event is what every trigger is sent.
type Event struct {
	Source   string // triggerSource
	PoolID   string
	Username string
	Request  Object
	Response Object

	members Object // the whole event
}

// Object is a JSON object whose members stay as they came: a member that Cognito left out, or sent as null, goes back the same way.
type Object map[string]json.RawMessage

// members are the members of an event that go back.
var members = []string{"version", "triggerSource", "region", "userPoolId", "userName", "callerContext", "request", "response"}

// private are the members of the request that do not go back: what the user typed, and what the app added.
var private = []string{"password", "validationData", "clientMetadata"}

// Parse reads an event of one of the sources, or of any if none is named. Its errors quote nothing of the event. With an error comes what
// could be read.
func Parse(raw []byte, sources ...string) (Event, error) {
	var e Event
	if err := json.Unmarshal(raw, &e.members); err != nil {
		return e, errors.New("not a JSON object")
	}
	maps.DeleteFunc(e.members, func(name string, _ json.RawMessage) bool { return !slices.Contains(members, name) })
	err := errors.Join(
		e.members.Read("triggerSource", &e.Source), e.members.Read("userPoolId", &e.PoolID), e.members.Read("userName", &e.Username),
		e.members.Read("request", &e.Request), e.members.Read("response", &e.Response),
	)
	switch {
	case err != nil:
		return e, err
	case len(sources) > 0 && !slices.Contains(sources, e.Source):
		return e, errors.New(`field "triggerSource" is none that this function is for`)
	case e.Request == nil:
		return e, errors.New(`field "request" is missing`)
	case e.Response == nil:
		return e, errors.New(`field "response" is missing`)
	case e.Username == "":
		return e, errors.New(`field "userName" is missing`)
	}
	return e, nil
}

// Read reads a member into out, if it is there. Its error names the member.
func (o Object) Read(name string, out any) error {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("field %q has the wrong type", name)
	}
	return nil
}

// texts are the strings in some members that are objects. Values that are no strings are left out: an app may send anything, and no value
// may keep a user from signing in.
func (o Object) texts(members ...string) map[string]string {
	var texts map[string]string
	for _, member := range members {
		var values map[string]any
		_ = o.Read(member, &values)
		for name, value := range values {
			text, ok := value.(string)
			if !ok {
				continue
			}
			if texts == nil {
				texts = map[string]string{}
			}
			texts[name] = text
		}
	}
	return texts
}

// typed is the name as the user typed it, if the app sent it under a key of the metadata: a pool that folds case gives triggers names in
// lower case. A value that differs by more than case is another name, and is ignored.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-case-sensitivity.html
func typed(name string, metadata map[string]string, key string) string {
	if typed := metadata[key]; key != "" && migration.EqualButForCase(typed, name) {
		return typed
	}
	return name
}

// Answer gives the event back with some members of the response set, and without the private members of the request.
func (e Event) Answer(set map[string]any) ([]byte, error) {
	request, response := maps.Clone(e.Request), maps.Clone(e.Response)
	maps.DeleteFunc(request, func(name string, _ json.RawMessage) bool {
		return slices.ContainsFunc(private, func(p string) bool { return strings.EqualFold(p, name) })
	})
	for name, value := range set {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		response[name] = raw
	}
	whole := map[string]any{}
	for name, value := range e.members {
		whole[name] = value
	}
	whole["request"], whole["response"] = request, response
	return json.Marshal(whole)
}
