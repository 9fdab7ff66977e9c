package cognitoevent_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/cognitoevent"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// An event goes back as it came, without the password.
func ExampleUserMigration_Answer() {
	e, err := cognitoevent.ParseUserMigration([]byte(`{"triggerSource":"UserMigration_Authentication","userPoolId":"eu-west-1_aB3dE5gH7",
		"userName":"ada","request":{"password":"secret","userAttributes":null},"response":{"forceAliasCreation":null}}`))
	if err != nil {
		panic(err)
	}
	answer, err := e.Answer(migration.Decision{Outcome: migration.Migrated, Attributes: map[string]string{"email": "ada@example.com"}})
	var whole struct{ Request, Response json.RawMessage }
	err = errors.Join(err, json.Unmarshal(answer, &whole))
	fmt.Printf("%s\n%s\n%v\n", whole.Request, whole.Response, err)
	// Output:
	// {"userAttributes":null}
	// {"finalUserStatus":"CONFIRMED","forceAliasCreation":null,"messageAction":"SUPPRESS","userAttributes":{"email":"ada@example.com"}}
	// <nil>
}
