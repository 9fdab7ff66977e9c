package cognitoevent_test

import (
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/cognitoevent"
)

// What the app says was typed counts only if it is the name that Cognito sent, but for case.
func TestTyped(t *testing.T) {
	for name, tt := range map[string]struct{ request, want string }{
		"as validation data":           {`{"password":"p","validationData":{"typed":"SomeName"}}`, "SomeName"},
		"as client metadata":           {`{"password":"p","clientMetadata":{"typed":"SomeName"}}`, "SomeName"},
		"under another key":            {`{"password":"p","clientMetadata":{"name":"SomeName"}}`, "somename"},
		"somebody else":                {`{"password":"p","clientMetadata":{"typed":"Other"}}`, "somename"},
		"a letter that only folds":     {`{"password":"p","clientMetadata":{"typed":"\u017fomename"}}`, "somename"},
		"no text":                      {`{"password":"p","clientMetadata":{"typed":{"x":1}},"validationData":[1]}`, "somename"},
		"nothing":                      {`{"password":"p","clientMetadata":null}`, "somename"},
		"no text beside the right one": {`{"password":"p","clientMetadata":{"typed":"SomeName","x":[1]}}`, "SomeName"},
	} {
		e, err := cognitoevent.ParseUserMigration([]byte(`{"triggerSource":"UserMigration_Authentication","userPoolId":"p","userName":"somename","request":` +
			tt.request + `,"response":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Typed("typed"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if got := e.Typed(""); got != "somename" {
			t.Errorf("%s: %q without a key", name, got)
		}
	}
}
