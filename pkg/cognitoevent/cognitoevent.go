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

// Parse reads an event of one of the sources. Its errors quote nothing of the event.
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
	case !slices.Contains(sources, e.Source):
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
