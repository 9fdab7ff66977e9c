package cognito_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// Where the documents are that state a rule.
const (
	guide     = "https://docs.aws.amazon.com/cognito/latest/developerguide/"
	reference = "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/"
	knowledge = "https://repost.aws/knowledge-center/"

	attributesPage = guide + "user-pool-settings-attributes.html"
	aliasesPage    = attributesPage + "#user-pool-settings-aliases"
	addressesPage  = attributesPage + "#user-pool-settings-aliases-settings-option-2"
	triggerPage    = guide + "user-pool-lambda-migrate-user.html"
	importPage     = guide + "cognito-user-pools-import-using-lambda.html"
	customPage     = attributesPage + "#user-pool-settings-custom-attributes"
	schemaPage     = reference + "API_SchemaAttributeType.html"
	lengthsPage    = reference + "API_StringAttributeConstraintsType.html"
	rangesPage     = reference + "API_NumberAttributeConstraintsType.html"
	updatePage     = reference + "API_AdminUpdateUserAttributes.html"
	forcePage      = reference + "API_AdminCreateUser.html"
	errorsPage     = knowledge + "cognito-migration-lambda-trigger-errors"
	casePage       = guide + "user-pool-case-sensitivity.html"
)

const (
	notFound  = "UserNotFoundException: "
	nonSchema = notFound + "Attributes did not conform to the schema: "
)

// answerRow is one answer of the function to the first sign-in of a user.
type answerRow struct {
	rule, doc  string
	typed      string // name; empty: "ann"
	attributes string // the answer's userAttributes, without braces
	response   string // other members of the answer's response, each after a comma
	want       string // outcome of the sign-in; empty: "signed in"
	username   string // of the user who is created; empty: what was typed, or anything that the pool makes up
	lost       bool   // the user is created, but not found by what was typed
}

var answers = []struct {
	pool string
	cfg  cognito.Config
	rows []answerRow
}{
	{"plain usernames", cognito.Config{SchemaAttributes: []types.SchemaAttributeType{
		{Name: aws.String("given_name"), Required: aws.Bool(true)},
		{
			Name:                       aws.String("nickname"),
			StringAttributeConstraints: &types.StringAttributeConstraintsType{MinLength: aws.String("2"), MaxLength: aws.String("4")},
		},
		{Name: aws.String("custom:old_sub"), Mutable: aws.Bool(false)},
		{
			Name: aws.String("custom:age"), AttributeDataType: types.AttributeDataTypeNumber,
			NumberAttributeConstraints: &types.NumberAttributeConstraintsType{MinValue: aws.String("18"), MaxValue: aws.String("130")},
		},
		{Name: aws.String("custom:member"), AttributeDataType: types.AttributeDataTypeBoolean},
		{Name: aws.String("custom:since"), AttributeDataType: types.AttributeDataTypeDatetime},
	}}, []answerRow{
		{rule: "standard attributes", doc: attributesPage, attributes: `"given_name":"Ann","name":"Ann Lee","updated_at":"1700000000"`},
		{rule: "an address has the form of no alias", doc: aliasesPage, typed: "ann@example.com", attributes: `"given_name":"Ann"`},
		{
			rule: "an immutable attribute can be written when the user is created", doc: customPage,
			attributes: `"given_name":"Ann","custom:old_sub":"0f8fad5b"`,
		},
		{
			rule: "not in the schema", doc: errorsPage, attributes: `"given_name":"Ann","custom:tier":"gold"`,
			want: nonSchema + "custom:tier: Attribute does not exist in the schema.",
		},
		{
			rule: "Cognito's own attribute", doc: attributesPage, attributes: `"given_name":"Ann","sub":"0f8fad5b"`,
			want: notFound + "Cannot modify the non-mutable attribute sub",
		},
		{
			rule: "a required attribute is missing", doc: attributesPage, attributes: `"name":"Ann"`,
			want: nonSchema + "given_name: The attribute is required",
		},
		{
			rule: "a required attribute is blank", doc: attributesPage, attributes: `"given_name":""`,
			want: nonSchema + "given_name: The attribute is required",
		},
		{rule: "the longest value", doc: attributesPage, attributes: `"given_name":"Ann","name":"` + strings.Repeat("é", 2048) + `"`},
		{
			rule: "too long", doc: attributesPage,
			attributes: `"given_name":"Ann","name":"` + strings.Repeat("é", 2049) + `"`,
			want:       nonSchema + "name: String must be no longer than 2048 characters",
		},
		{
			rule: "too long for the attribute", doc: lengthsPage, attributes: `"given_name":"Ann","nickname":"Annie"`,
			want: nonSchema + "nickname: String must be no longer than 4 characters",
		},
		{
			rule: "too short for the attribute", doc: lengthsPage, attributes: `"given_name":"Ann","nickname":"A"`,
			want: nonSchema + "nickname: String must be no shorter than 2 characters",
		},
		{rule: "a number", doc: schemaPage, attributes: `"given_name":"Ann","custom:age":"18"`},
		{
			rule: "no number", doc: schemaPage, attributes: `"given_name":"Ann","custom:age":"old"`,
			want: nonSchema + "custom:age: Value must be a number",
		},
		{
			rule: "a number is not trimmed", doc: schemaPage, attributes: `"given_name":"Ann","custom:age":" 18"`,
			want: nonSchema + "custom:age: Value must be a number",
		},
		{
			rule: "a number below the range", doc: rangesPage, attributes: `"given_name":"Ann","custom:age":"17.9"`,
			want: nonSchema + "custom:age: Number must be no less than 18",
		},
		{
			rule: "a number above the range", doc: rangesPage, attributes: `"given_name":"Ann","custom:age":"131"`,
			want: nonSchema + "custom:age: Number must be no greater than 130",
		},
		{
			rule: "no Boolean", doc: schemaPage, attributes: `"given_name":"Ann","custom:member":"yes"`,
			want: nonSchema + "custom:member: Value must be true or false",
		},
		{
			rule: "no date", doc: schemaPage, attributes: `"given_name":"Ann","custom:since":"long ago"`,
			want: nonSchema + "custom:since: Value must be a date and time",
		},
		{
			rule: "no email address", doc: attributesPage, attributes: `"given_name":"Ann","email":"ann"`,
			want: notFound + "Invalid email address format.",
		},
		{
			rule: "no phone number", doc: attributesPage, attributes: `"given_name":"Ann","phone_number":"0170 1234567"`,
			want: notFound + "Invalid phone number format.",
		},
		{
			rule: "no birthdate", doc: attributesPage, attributes: `"given_name":"Ann","birthdate":"10.12.1815"`,
			want: notFound + "Invalid birthdate format.",
		},
		{
			rule: "a verified email address that is none", doc: updatePage,
			attributes: `"given_name":"Ann","email_verified":"true"`,
			want:       notFound + "Email is required to verify/un-verify an email",
		},
		{
			rule: "a verified phone number that is none", doc: updatePage,
			attributes: `"given_name":"Ann","phone_number_verified":"true"`,
			want:       notFound + "Phone Number is required to verify/un-verify a phone number",
		},
		{rule: "the username that was typed", doc: importPage, attributes: `"given_name":"Ann","username":"ann"`},
		{
			rule: "another username, and nothing is an alias", doc: importPage,
			attributes: `"given_name":"Ann","username":"anna"`,
			want:       notFound + "Username cannot be set, since the name that was entered is not an alias of the user.",
		},
		{
			rule: "a username of more than 128 characters", doc: reference + "API_SignUp.html",
			typed: strings.Repeat("a", 129), attributes: `"given_name":"Ann"`,
			want: notFound + "Username must have 1 to 128 characters.",
		},
		{
			rule: "a second factor, and MFA is off", doc: triggerPage,
			attributes: `"given_name":"Ann","phone_number":"+491701234567"`, response: `,"enableSMSMFA":true`,
			want: notFound + "SMS MFA cannot be enabled, since MFA is off in the user pool.",
		},
		{
			rule: "a status that is none", doc: errorsPage,
			attributes: `"given_name":"Ann"`, response: `,"finalUserStatus":"ACTIVE"`,
			want: notFound + "Error during migration: Invalid finalUserStatus",
		},
		{
			rule: "a message action that is none", doc: errorsPage,
			attributes: `"given_name":"Ann"`, response: `,"messageAction":"SEND"`,
			want: notFound + "Error during migration: Invalid messageAction",
		},
		{
			rule: "a delivery medium that is none", doc: errorsPage,
			attributes: `"given_name":"Ann"`, response: `,"desiredDeliveryMediums":["LETTER"]`,
			want: notFound + "Error during migration: Invalid desiredDeliveryMediums",
		},
	}},
	{"aliases", cognito.Config{AliasAttributes: []string{"email", "phone_number", "preferred_username"}, MFA: "OPTIONAL"}, []answerRow{
		{rule: "the username was typed", doc: aliasesPage, attributes: `"email":"ann@example.com","email_verified":"false"`},
		{
			rule: "a verified email address was typed", doc: aliasesPage,
			typed: "ann@example.com", attributes: `"username":"ann","email":"ann@example.com","email_verified":"true"`,
			username: "ann",
		},
		{
			rule: "a verified phone number was typed", doc: aliasesPage,
			typed: "+491701234567", attributes: `"username":"ann","phone_number":"+491701234567","phone_number_verified":"true"`,
			username: "ann",
		},
		{
			rule: "a preferred username was typed, which needs no verification", doc: aliasesPage,
			typed: "annie", attributes: `"username":"ann","preferred_username":"annie"`, username: "ann",
		},
		{
			rule: "an unverified email address was typed", doc: aliasesPage,
			typed: "ann@example.com", attributes: `"username":"ann","email":"ann@example.com","email_verified":"false"`,
			username: "ann", lost: true,
		},
		{
			rule: "an email address as the username", doc: aliasesPage,
			typed: "ann@example.com", attributes: `"email":"ann@example.com","email_verified":"true"`,
			want: notFound + "Username cannot be of email format, since user pool is configured for email alias.",
		},
		{
			rule: "a phone number as the username", doc: aliasesPage,
			typed: "+491701234567", attributes: `"phone_number":"+491701234567","phone_number_verified":"true"`,
			want: notFound + "Username cannot be of phone number format, since user pool is configured for phone number alias.",
		},
		{
			rule: "another username, and no alias was typed", doc: importPage,
			attributes: `"username":"anna","email":"ann@example.com","email_verified":"true"`,
			want:       notFound + "Username cannot be set, since the name that was entered is not an alias of the user.",
		},
		{
			rule: "another user has the email address", doc: triggerPage,
			attributes: `"email":"bob@example.com","email_verified":"true"`,
			want:       notFound + "An account with the given email already exists.",
		},
		{
			rule: "another user has it, and forceAliasCreation is false", doc: triggerPage,
			attributes: `"email":"bob@example.com","email_verified":"true"`, response: `,"forceAliasCreation":false`,
			want: notFound + "An account with the given email already exists.",
		},
		{
			rule: "another user has it, and here it is not verified", doc: forcePage,
			attributes: `"email":"bob@example.com","email_verified":"false"`,
		},
		{
			rule: "another user has it unverified", doc: aliasesPage,
			attributes: `"phone_number":"+15550000001","phone_number_verified":"true"`,
		},
		{
			rule: "another user has the preferred username", doc: aliasesPage,
			attributes: `"preferred_username":"bobby"`, response: `,"forceAliasCreation":true`,
			want: notFound + "An account with the given preferred_username already exists.",
		},
		{
			rule: "a second factor", doc: triggerPage,
			attributes: `"phone_number":"+491701234567"`, response: `,"enableSMSMFA":true`, want: "SMS_MFA",
		},
		{
			rule: "a second factor without a phone number", doc: triggerPage,
			attributes: `"email":"ann@example.com"`, response: `,"enableSMSMFA":true`,
			want: notFound + "SMS MFA cannot be enabled for a user without a phone number.",
		},
	}},
	{"email addresses as usernames", cognito.Config{UsernameAttributes: []string{"email"}}, []answerRow{
		{rule: "the pool makes the username", doc: addressesPage, typed: "ann@example.com", attributes: `"name":"Ann"`},
		{
			rule: "the address that was typed", doc: addressesPage,
			typed: "ann@example.com", attributes: `"email":"ann@example.com","email_verified":"false"`,
		},
		{
			rule: "another address", doc: addressesPage, typed: "ann@example.com", attributes: `"email":"anna@example.com"`,
			want: notFound + "The email is not the username that was entered.",
		},
		{
			rule: "the address in another case", doc: casePage,
			typed: "ann@example.com", attributes: `"email":"Ann@example.com"`,
			want: notFound + "The email is not the username that was entered.",
		},
		{
			rule: "a username", doc: importPage,
			typed: "ann@example.com", attributes: `"username":"ann","email":"ann@example.com"`,
			want: notFound + "Username cannot be set, since the name that was entered is not an alias of the user.",
		},
		{
			rule: "the address as the username", doc: importPage,
			typed: "ann@example.com", attributes: `"username":"ann@example.com"`,
			want: notFound + "Username cannot be set, since the name that was entered is not an alias of the user.",
		},
		{
			rule: "no email address was typed", doc: addressesPage, attributes: `"email":"ann@example.com"`,
			want: notFound + "Username should be an email.",
		},
		{
			rule: "another user's phone number is no username here", doc: addressesPage,
			typed: "ann@example.com", attributes: `"phone_number":"+15550000001"`,
		},
	}},
	{"addresses of both kinds as usernames", cognito.Config{UsernameAttributes: []string{"phone_number", "email"}}, []answerRow{
		{rule: "an email address", doc: addressesPage, typed: "ann@example.com", attributes: `"name":"Ann"`},
		{rule: "a phone number", doc: addressesPage, typed: "+491701234567", attributes: `"name":"Ann","email":"ann@example.com"`},
		{
			rule: "neither", doc: addressesPage, attributes: `"name":"Ann"`,
			want: notFound + "Username should be either a phone number or an email.",
		},
		{
			rule: "another user's address", doc: addressesPage,
			typed: "ann@example.com", attributes: `"phone_number":"+15550000001"`,
			want: notFound + "An account with the given phone_number already exists.",
		},
	}},
	{"aliases, in any case", cognito.Config{
		AliasAttributes: []string{"email"}, UsernameConfiguration: &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)},
	}, []answerRow{
		{rule: "the username in another case", doc: casePage, typed: "ANN", attributes: `"username":"Ann"`, username: "ann"},
		{
			rule: "an alias in another case", doc: casePage,
			typed: "Ann@Example.com", attributes: `"username":"Ann","email":"ANN@example.com","email_verified":"true"`,
			username: "ann",
		},
		{
			rule: "another user has the address in another case", doc: casePage,
			attributes: `"email":"BOB@example.com","email_verified":"true"`,
			want:       notFound + "An account with the given email already exists.",
		},
	}},
}

func TestWhatTheFunctionsAnswerMayHold(t *testing.T) {
	t.Parallel()
	for _, group := range answers {
		t.Run(group.pool, func(t *testing.T) {
			t.Parallel()
			var row answerRow
			var calls atomic.Int32
			group.cfg.UserMigration = function(t, func(w http.ResponseWriter, _ []byte) {
				calls.Add(1)
				response := `"finalUserStatus":"CONFIRMED"` + row.response // of two members of one name the last one counts
				_, _ = io.WriteString(w, `{"response":{"userAttributes":{`+row.attributes+`},`+response+`}}`)
			})
			pool := start(t, group.cfg)
			for _, row = range group.rows {
				t.Run(row.rule, func(t *testing.T) {
					calls.Store(0)
					checkAnswer(t, pool, row, &calls)
				})
			}
		})
	}
}

func checkAnswer(t *testing.T, pool *cognito.Pool, row answerRow, calls *atomic.Int32) {
	t.Helper()
	put(t, pool, cognito.User{Username: "bob", Attributes: map[string]string{
		"email": "bob@example.com", "email_verified": "true", "phone_number": "+15550000001", "phone_number_verified": "false",
		"preferred_username": "bobby",
	}})
	typed, want := row.typed, row.want
	if typed == "" {
		typed = "ann"
	}
	if want == "" {
		want = "signed in"
	}
	if got := signIn(t, pool, typed, "right"); got != want {
		t.Errorf("%s: %s, want %s", row.doc, got, want)
	}
	created := newcomers(t, pool)
	if taken := !strings.Contains(want, "Exception"); taken != (len(created) == 1) {
		t.Fatalf("%s: created %+v", row.doc, created)
	}

	// The next sign-in calls the function again, unless the user is found by what was typed.
	again, wantCalls := want, int32(1)
	if row.lost {
		again = notFound + "User already exists"
	}
	if row.lost || len(created) == 0 {
		wantCalls = 2
	}
	if got := signIn(t, pool, typed, "right"); got != again || calls.Load() != wantCalls {
		t.Errorf("%s: the next sign-in: %s, after %d calls; want %s after %d", row.doc, got, calls.Load(), again, wantCalls)
	}
	for _, user := range created {
		if row.username != "" && user.Username != row.username || user.Status != "CONFIRMED" {
			t.Errorf("%s: created %+v", row.doc, user)
		}
		if err := pool.Delete(t.Context(), user.Username); err != nil {
			t.Fatal(err)
		}
	}
}

// newcomers are all users but bob.
func newcomers(t *testing.T, pool *cognito.Pool) (created []cognito.User) {
	t.Helper()
	for _, user := range users(t, pool) {
		if user.Username != "bob" {
			created = append(created, user)
		}
	}
	return created
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html#user-pool-settings-aliases-settings-option-2
func TestThePoolsOwnUsernameIsTheSub(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{UsernameAttributes: []string{"email"}, UserMigration: answering(t, `"name":"Ann"`, "")})
	if got := signIn(t, pool, "ann@example.com", "right"); got != "signed in" {
		t.Fatal(got)
	}
	ann := theUser(t, pool)
	if ann.Username != ann.Sub || ann.Attributes["email"] != "ann@example.com" || ann.Attributes["email_verified"] != "" {
		t.Errorf("%+v", ann)
	}
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
func TestForceAliasCreationTakesTheAliasOver(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{
		AliasAttributes: []string{"email"},
		UserMigration:   answering(t, `"email":"shared@example.com","email_verified":"true"`, `,"forceAliasCreation":true`),
	})
	put(t, pool, cognito.User{Username: "bob", Password: "bobs", Attributes: verified("shared@example.com")})
	for _, step := range []struct{ name, password, want string }{
		{"shared@example.com", "bobs", "signed in"},
		{"ann", "right", "signed in"},
		{"shared@example.com", "bobs", incorrect},
		{"shared@example.com", "right", "signed in"},
		{"bob", "bobs", "signed in"},
	} {
		if got := signIn(t, pool, step.name, step.password); got != step.want {
			t.Errorf("%s with the password %s: %s, want %s", step.name, step.password, got, step.want)
		}
	}
	for _, user := range users(t, pool) {
		if user.Username == "bob" && user.Attributes["email_verified"] != "false" {
			t.Errorf("%+v still has a verified address", user)
		}
	}
}

func verified(email string) map[string]string {
	return map[string]string{"email": email, "email_verified": "true"}
}

// answering is a function that answers every event with these attributes and these other members of the response.
func answering(t *testing.T, attributes, response string) *cognito.Trigger {
	t.Helper()
	return function(t, func(w http.ResponseWriter, _ []byte) {
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{`+attributes+`},"finalUserStatus":"CONFIRMED"`+response+`}}`)
	})
}
