// Package attach changes which functions a user pool calls, and nothing else of the pool.
//
// UpdateUserPool sets every setting that it is not sent to its default, and no other operation sets the Lambda configuration. So all that
// DescribeUserPool shows has to be sent back. The package works on the JSON of that description, not on an SDK's types: those would lose
// the settings that they do not know. It is pure.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html
package attach

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Pool is the description of a user pool: the member UserPool of DescribeUserPool's answer.
type Pool map[string]json.RawMessage

// Parse reads the answer of DescribeUserPool.
func Parse(answer []byte) (Pool, error) {
	var described struct{ UserPool Pool }
	if err := json.Unmarshal(answer, &described); err != nil {
		return nil, fmt.Errorf("this is no description of a user pool: %w", err)
	}
	if described.UserPool.text("Id") == "" || described.UserPool.text("Name") == "" {
		return nil, errors.New("this is no description of a user pool: it has no UserPool with an Id and a Name")
	}
	return described.UserPool, nil
}

// ID returns the pool's id.
func (p Pool) ID() string { return p.text("Id") }

// ARN returns the pool's ARN.
func (p Pool) ARN() string { return p.text("Arn") }

// Modified returns when the pool was last changed, as the description has it. Any change of a setting changes it.
func (p Pool) Modified() string { return string(p["LastModifiedDate"]) }

// text returns a member that is a text, else "".
func (p Pool) text(name string) string {
	var text string
	_ = json.Unmarshal(p[name], &text) // what is no text is none
	return text
}

// object returns the members of a member that is an object; of anything else, none.
func (p Pool) object(name string) Pool {
	var object Pool
	_ = json.Unmarshal(p[name], &object)
	return object
}

// Triggers are functions by the trigger that calls them: "UserMigration", "PreSignUp". An empty function is none.
type Triggers map[string]string

const (
	lambdaConfig = "LambdaConfig"

	// UserMigration and PreSignUp are the triggers that this project has functions for.
	UserMigration = "UserMigration"
	PreSignUp     = "PreSignUp"
)

// Trigger returns the ARN of the function that a trigger calls, or "".
func (p Pool) Trigger(name string) string { return p.object(lambdaConfig).text(name) }

// With returns the pool as it will be with the functions.
func (p Pool) With(functions Triggers) Pool {
	config := p.object(lambdaConfig)
	if config == nil {
		config = Pool{}
	}
	for trigger, function := range functions {
		if function == "" {
			delete(config, trigger)
		} else {
			config[trigger] = encode(function)
		}
	}
	changed := maps.Clone(p)
	changed[lambdaConfig] = encode(config)
	return changed
}

// shown are the members that UpdateUserPool does not take: facts, what was decided when the pool was made, and Id and Name, which it takes
// under other names. Every other member is a setting, known or not.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
var shown = []string{
	"AliasAttributes", "Arn", "CreationDate", "CustomDomain", "Domain", "EmailConfigurationFailure", "EstimatedNumberOfUsers", "Id",
	"LastModifiedDate", "Name", "SchemaAttributes", "SmsConfigurationFailure", "Status", "UsernameAttributes", "UsernameConfiguration",
}

// Update returns the input of UpdateUserPool that leaves the pool as the description says.
func (p Pool) Update() []byte {
	input := Pool{}
	for name, value := range p {
		if !slices.Contains(shown, name) && string(value) != "null" {
			input[name] = value
		}
	}
	input["UserPoolId"], input["PoolName"] = p["Id"], p["Name"]
	if tags := p.object("UserPoolTags"); tags != nil {
		maps.DeleteFunc(tags, func(key string, _ json.RawMessage) bool { return isAWSTag(key) })
		input["UserPoolTags"] = encode(tags)
	}
	if config := p.object("AdminCreateUserConfig"); p.outlived() {
		delete(config, unusedDays)
		input["AdminCreateUserConfig"] = encode(config)
	}
	return encode(input)
}

// isAWSTag tells whether AWS owns a tag: nobody else can set or remove it.
// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
func isAWSTag(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

const unusedDays = "UnusedAccountValidityDays"

// outlived tells whether UnusedAccountValidityDays has no effect, because TemporaryPasswordValidityDays took its place. UpdateUserPool
// refuses both together.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html
func (p Pool) outlived() bool {
	policy := p.object("Policies").object("PasswordPolicy")
	return policy["TemporaryPasswordValidityDays"] != nil && p.object("AdminCreateUserConfig")[unusedDays] != nil
}

// Broken says why Cognito would refuse any update, or "". DescribeUserPool tells when the pool can't send messages any more: its SES
// identity or its role for SMS is gone or does not let Cognito use it. UpdateUserPool checks both.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
func (p Pool) Broken() string {
	for _, what := range []string{"Email", "Sms"} {
		if code := p.text(what + "ConfigurationFailure"); code != "" {
			return fmt.Sprintf("the pool can't send messages (%sConfigurationFailure: %s)", what, code)
		}
	}
	return ""
}

func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts, and JSON that was parsed
	}
	return text
}

// WithSettings returns the pool as it will be with the settings of another description of it. Facts, and AWS's own tags, stay.
func (p Pool) WithSettings(other Pool) Pool {
	is := func(setting bool) func(string, json.RawMessage) bool {
		return func(name string, _ json.RawMessage) bool {
			return (name == "Name" || !slices.Contains(shown, name)) == setting
		}
	}
	changed, settings := maps.Clone(p), maps.Clone(other)
	maps.DeleteFunc(changed, is(true))
	maps.DeleteFunc(settings, is(false))
	maps.Copy(changed, settings)

	tags := Pool{}
	for key, value := range other.object("UserPoolTags") {
		if !isAWSTag(key) {
			tags[key] = value
		}
	}
	for key, value := range p.object("UserPoolTags") {
		if isAWSTag(key) {
			tags[key] = value
		}
	}
	if len(tags) > 0 {
		changed["UserPoolTags"] = encode(tags)
	}
	return changed
}
