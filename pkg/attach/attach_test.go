package attach_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/attach"
)

const (
	migrate = "arn:aws:lambda:eu-west-1:123456789012:function:stack-MigrateFunction-1"
	guard   = "arn:aws:lambda:eu-west-1:123456789012:function:stack-GuardFunction-1"
)

// parsed reads the members of a pool's description, besides its id and name.
func parsed(t interface{ Fatal(...any) }, members string) attach.Pool {
	p, err := attach.Parse([]byte(`{"UserPool":{"Id":"eu-west-1_new","Name":"new"` + members + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// updated is the pool after UpdateUserPool: what was decided when it was made stays, a setting that is not sent is gone.
func updated(t interface{ Fatal(...any) }, p attach.Pool, update []byte) attach.Pool {
	var input attach.Pool
	if err := json.Unmarshal(update, &input); err != nil {
		t.Fatal(err)
	}
	after := attach.Pool{}
	for _, name := range fixed {
		if value, ok := p[name]; ok {
			after[name] = value
		}
	}
	maps.Copy(after, input)
	after["Id"], after["Name"] = input["UserPoolId"], input["PoolName"]
	delete(after, "UserPoolId")
	delete(after, "PoolName")
	return after
}

// fixed are the members that UpdateUserPool has nothing to do with.
var fixed = []string{
	"AliasAttributes", "Arn", "CreationDate", "CustomDomain", "Domain", "EmailConfigurationFailure", "EstimatedNumberOfUsers",
	"LastModifiedDate", "SchemaAttributes", "SmsConfigurationFailure", "Status", "UsernameAttributes", "UsernameConfiguration",
}

// Each member that the newest SDK knows of a description is sent back, or is known not to be: a new SDK's new member fails here until it
// is decided what becomes of it.
func TestEveryMemberOfADescriptionIsSentBackOrKnownNotToBe(t *testing.T) {
	taken := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[cognito.UpdateUserPoolInput]()) {
		taken[field.Name] = true
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[types.UserPoolType]()) {
		if !field.IsExported() || field.Name == "Id" || field.Name == "Name" { // those two have other names
			continue
		}
		var input map[string]json.RawMessage
		if err := json.Unmarshal(parsed(t, `,"`+field.Name+`":{"x":1}`).Update(), &input); err != nil {
			t.Fatal(err)
		}
		if _, sent := input[field.Name]; sent != taken[field.Name] {
			t.Errorf("%s: sent %t; UpdateUserPool takes it: %t", field.Name, sent, taken[field.Name])
		}
		delete(taken, field.Name)
	}
	maps.DeleteFunc(taken, func(name string, _ bool) bool {
		return slices.Contains([]string{"UserPoolId", "PoolName", "noSmithyDocumentSerde", "NoSerde"}, name)
	})
	if len(taken) > 0 {
		t.Errorf("UpdateUserPool takes what no description shows, so that it would be reset: %v", taken)
	}
}

func TestUpdate(t *testing.T) {
	for name, tt := range map[string]struct{ described, want string }{
		"the id and the name have other names": {``, `{"PoolName":"new","UserPoolId":"eu-west-1_new"}`},
		"what nobody knows is sent back":       {`,"Quantum":{"Spin":0.1e1,"Big":12345678901234567890}`, `{"PoolName":"new","Quantum":{"Spin":0.1e1,"Big":12345678901234567890},"UserPoolId":"eu-west-1_new"}`},
		"null is not sent":                     {`,"Policies":null`, `{"PoolName":"new","UserPoolId":"eu-west-1_new"}`},
		"AWS's own tags are not sent": {
			`,"UserPoolTags":{"team":"a","aws:cloudformation:stack-name":"x","AWS:y":"z"}`, `{"PoolName":"new","UserPoolId":"eu-west-1_new","UserPoolTags":{"team":"a"}}`,
		},
		"days for unused accounts are not sent beside days for passwords": {
			`,"AdminCreateUserConfig":{"AllowAdminCreateUserOnly":true,"UnusedAccountValidityDays":7},"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":3}}`,
			`{"AdminCreateUserConfig":{"AllowAdminCreateUserOnly":true},"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":3}},"PoolName":"new","UserPoolId":"eu-west-1_new"}`,
		},
		"and alone they are": {
			`,"AdminCreateUserConfig":{"UnusedAccountValidityDays":7}`, `{"AdminCreateUserConfig":{"UnusedAccountValidityDays":7},"PoolName":"new","UserPoolId":"eu-west-1_new"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(parsed(t, tt.described).Update())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWith(t *testing.T) {
	for name, tt := range map[string]struct {
		config string
		change attach.Triggers
		want   string
	}{
		"to none":          {``, attach.Triggers{attach.UserMigration: migrate}, `{"UserMigration":"` + migrate + `"}`},
		"beside others":    {`,"LambdaConfig":{"PreSignUp":"other","New":{"V":1}}`, attach.Triggers{attach.UserMigration: migrate}, `{"New":{"V":1},"PreSignUp":"other","UserMigration":"` + migrate + `"}`},
		"both":             {`,"LambdaConfig":{}`, attach.Triggers{attach.UserMigration: migrate, attach.PreSignUp: guard}, `{"PreSignUp":"` + guard + `","UserMigration":"` + migrate + `"}`},
		"one is taken off": {`,"LambdaConfig":{"PreSignUp":"other","UserMigration":"` + migrate + `"}`, attach.Triggers{attach.UserMigration: ""}, `{"PreSignUp":"other"}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, tt.config)
			changed := p.With(tt.change)
			if diff := cmp.Diff(tt.want, string(changed["LambdaConfig"])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for trigger, function := range tt.change {
				if got := changed.Trigger(trigger); got != function {
					t.Errorf("%s calls %q, want %q", trigger, got, function)
				}
			}
			if diff := cmp.Diff(parsed(t, tt.config), p); diff != "" {
				t.Errorf("the pool itself was changed:\n%s", diff)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after string
		want          []attach.Change
	}{
		"nothing":                   {`,"A":{"B":1}`, `,"A":{"B":1}`, nil},
		"another spelling":          {`,"A":{"B":"é","C":2}`, `,"A":{ "C":2,"B":"\u00e9" }`, nil},
		"another order of a set":    {`,"A":["x","y",{"p":1}]`, `,"A":[{"p":1},"y","x"]`, nil},
		"null, empty and not there": {`,"A":null,"B":{},"C":[],"D":{"E":null}`, ``, nil},
		"what moves by itself":      {`,"EstimatedNumberOfUsers":1,"LastModifiedDate":1`, `,"EstimatedNumberOfUsers":2,"LastModifiedDate":2`, nil},
		"a value":                   {`,"A":{"B":{"C":1,"D":2}}`, `,"A":{"B":{"C":3,"D":2}}`, []attach.Change{{"A.B.C", "1", "3"}}},
		"a member that is new":      {``, `,"A":{"B":"x"}`, []attach.Change{{"A.B", "", `"x"`}}},
		"a member that is gone":     {`,"A":[1],"Z":true`, ``, []attach.Change{{"A", "[1]", ""}, {"Z", "true", ""}}},
		"another kind":              {`,"A":{"B":1}`, `,"A":"x"`, []attach.Change{{"A", `{"B":1}`, `"x"`}}},
		"false is set":              {`,"A":false`, ``, []attach.Change{{"A", "false", ""}}},
		"great numbers":             {`,"A":12345678901234567890`, `,"A":12345678901234567891`, []attach.Change{{"A", "12345678901234567890", "12345678901234567891"}}},
		"days that have no effect": {
			`,"AdminCreateUserConfig":{"UnusedAccountValidityDays":7},"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":3}}`,
			`,"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":3}}`, nil,
		},
		"days that have": {
			`,"AdminCreateUserConfig":{"UnusedAccountValidityDays":7}`, ``, []attach.Change{{"AdminCreateUserConfig.UnusedAccountValidityDays", "7", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, attach.Diff(parsed(t, tt.before), parsed(t, tt.after))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// aValue draws any JSON value.
func aValue(t *rapid.T, depth int) any {
	kinds := []func() any{
		func() any { return nil }, func() any { return rapid.Bool().Draw(t, "bool") }, func() any { return rapid.String().Draw(t, "text") },
		func() any {
			return json.Number(rapid.StringMatching(`-?[1-9][0-9]{0,25}(\.[0-9]{1,3})?`).Draw(t, "number"))
		},
	}
	if depth > 0 {
		kinds = append(kinds, func() any {
			object := map[string]any{}
			for _, name := range rapid.SliceOfN(rapid.StringMatching(`[A-Z][a-z]{0,3}`), 0, 3).Draw(t, "names") {
				object[name] = aValue(t, depth-1)
			}
			return object
		}, func() any {
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				list = append(list, aValue(t, depth-1))
			}
			return list
		})
	}
	return rapid.SampledFrom(kinds).Draw(t, "kind")()
}

// aPool draws a description with some of the settings that are known, and some that nobody knows, all of any value.
func aPool(t *rapid.T) attach.Pool {
	members := map[string]any{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[types.UserPoolType]()) {
		if field.IsExported() && rapid.Bool().Draw(t, field.Name) {
			members[field.Name] = aValue(t, 2)
		}
	}
	for _, name := range rapid.SliceOfN(rapid.StringMatching(`New[A-Z][a-z]{0,5}`), 0, 4).Draw(t, "new") {
		members[name] = aValue(t, 3)
	}
	for _, name := range []string{"AdminCreateUserConfig", "Policies"} { // what has a rule of its own has its form more often
		if rapid.Bool().Draw(t, "formed "+name) {
			members["AdminCreateUserConfig"] = map[string]any{"UnusedAccountValidityDays": 7, "X": aValue(t, 1)}
			members["Policies"] = map[string]any{"PasswordPolicy": map[string]any{"TemporaryPasswordValidityDays": aValue(t, 0)}}
		}
	}
	config := map[string]any{"NewTrigger": aValue(t, 2)}
	for _, trigger := range []string{"PostConfirmation", "CustomMessage"} {
		config[trigger] = rapid.String().Draw(t, trigger)
	}
	members["LambdaConfig"], members["Id"], members["Name"] = config, "eu-west-1_new", "new"
	text, err := json.Marshal(map[string]any{"UserPool": members})
	if err != nil {
		t.Fatal(err)
	}
	p, err := attach.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Whatever a pool's settings are: after attaching nothing differs but the trigger, and after detaching nothing at all, though every
// setting that is not sent is reset.
func TestNothingDiffersButTheTrigger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := aPool(t)
		functions := attach.Triggers{attach.UserMigration: migrate}
		want := []attach.Change{{Setting: "LambdaConfig.UserMigration", After: `"` + migrate + `"`}}
		if rapid.Bool().Draw(t, "guard") {
			functions[attach.PreSignUp] = guard
			want = append([]attach.Change{{Setting: "LambdaConfig.PreSignUp", After: `"` + guard + `"`}}, want...)
		}
		attached := updated(t, p, p.With(functions).Update())
		if diff := cmp.Diff(want, attach.Diff(p, attached)); diff != "" {
			t.Fatalf("after attaching (-want +got):\n%s", diff)
		}
		for trigger := range functions {
			functions[trigger] = ""
		}
		detached := updated(t, attached, attached.With(functions).Update())
		if changes := attach.Diff(p, detached); len(changes) > 0 {
			t.Fatalf("after detaching: %v", changes)
		}
		if len(attach.Diff(p, attached.With(functions))) > 0 || len(attach.Diff(attached, p)) != len(want) {
			t.Fatal("a diff depends on its direction")
		}
	})
}

func TestWhatIsNoDescription(t *testing.T) {
	for _, text := range []string{``, `{}`, `[]`, `{"UserPool":{}}`, `{"UserPool":{"Id":"x"}}`, `{"UserPool":{"Id":1,"Name":"x"}}`, `{"UserPool":[]}`} {
		if _, err := attach.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "no description of a user pool") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOwner(t *testing.T) {
	for tags, want := range map[string]string{
		``:                                      "",
		`{"team":"identity"}`:                   "",
		`{"aws:cloudformation:stack-name":"a"}`: "the CloudFormation stack a",
		`{"ManagedBy":"Terraform"}`:             "Terraform, by the tag ManagedBy=Terraform",
		`{"terraform":"true","a":"b"}`:          "Terraform, by the tag terraform=true",
		`{"managed-by":"opentofu"}`:             "OpenTofu, by the tag managed-by=opentofu",
		`{"pulumi:project":"x"}`:                "Pulumi, by the tag pulumi:project=x",
	} {
		members := ""
		if tags != "" {
			members = `,"UserPoolTags":` + tags
		}
		if got := parsed(t, members).Owner(); got != want {
			t.Errorf("%s: %q, want %q", tags, got, want)
		}
	}
}

func TestBroken(t *testing.T) {
	for members, want := range map[string]string{
		``: "",
		`,"EmailConfigurationFailure":"Email identity is not verified"`: "the pool can't send messages (EmailConfigurationFailure: Email identity is not verified)",
		`,"SmsConfigurationFailure":"InvalidSmsRole"`:                   "the pool can't send messages (SmsConfigurationFailure: InvalidSmsRole)",
	} {
		if got := parsed(t, members).Broken(); got != want {
			t.Errorf("%s: %q, want %q", members, got, want)
		}
	}
}

func ExampleElsewhere() {
	fmt.Print(attach.Elsewhere(attach.Triggers{
		attach.UserMigration: "arn:aws:lambda:eu-west-1:123456789012:function:migrate", attach.PreSignUp: "arn:aws:lambda:eu-west-1:123456789012:function:guard",
	}))
	// Output:
	// CloudFormation and SAM, in the AWS::Cognito::UserPool's Properties:
	//
	//     LambdaConfig:
	//       PreSignUp: arn:aws:lambda:eu-west-1:123456789012:function:guard
	//       UserMigration: arn:aws:lambda:eu-west-1:123456789012:function:migrate
	//
	// CDK:
	//
	//     userPool.addTrigger(cognito.UserPoolOperation.PRE_SIGN_UP,
	//       lambda.Function.fromFunctionArn(this, 'PreSignUp', 'arn:aws:lambda:eu-west-1:123456789012:function:guard'));
	//     userPool.addTrigger(cognito.UserPoolOperation.USER_MIGRATION,
	//       lambda.Function.fromFunctionArn(this, 'UserMigration', 'arn:aws:lambda:eu-west-1:123456789012:function:migrate'));
	//
	// Terraform, in the aws_cognito_user_pool:
	//
	//     lambda_config {
	//       pre_sign_up = "arn:aws:lambda:eu-west-1:123456789012:function:guard"
	//       user_migration = "arn:aws:lambda:eu-west-1:123456789012:function:migrate"
	//     }
}
