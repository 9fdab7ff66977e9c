package cognitoevent

// SignUp is the source of the event of somebody who signs up.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
const SignUp = "PreSignUp_SignUp"

// PreSignUp is an event of the pre sign-up trigger, of any source.
type PreSignUp struct {
	Event
	Attributes map[string]string // of the new user
	Metadata   map[string]string // what the app sent for the trigger: ValidationData and ClientMetadata
}

// ParsePreSignUp reads an event of the pre sign-up trigger. Its errors quote nothing of the event. With an error comes what could be read.
func ParsePreSignUp(raw []byte) (PreSignUp, error) {
	event, err := Parse(raw)
	e := PreSignUp{Event: event}
	if err != nil {
		return e, err
	}
	e.Attributes, e.Metadata = e.Request.texts("userAttributes"), e.Request.texts("validationData", "clientMetadata")
	return e, nil
}

// Typed is the username as it was typed, if the app sent it under a key of the metadata, and it differs by no more than case.
func (e PreSignUp) Typed(key string) string { return typed(e.Username, e.Metadata, key) }
