package cognito_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

const preSignUpPage = guide + "user-pool-lambda-pre-sign-up.html"

func signUp(t *testing.T, pool *cognito.Pool, username string, attributes map[string]string) (*idp.SignUpOutput, string) {
	t.Helper()
	in := &idp.SignUpInput{
		ClientId: aws.String(clientID), Username: &username, Password: aws.String("right"), ClientMetadata: map[string]string{"app": "web"},
		ValidationData: []types.AttributeType{{Name: aws.String("captcha"), Value: aws.String("7")}},
	}
	for name, value := range attributes {
		in.UserAttributes = append(in.UserAttributes, types.AttributeType{Name: &name, Value: &value})
	}
	out, err := client(pool).SignUp(t.Context(), in)
	if err != nil {
		return nil, outcome("", err)
	}
	return out, "signed up"
}

// signUpRow is what becomes of a stranger who signs up.
type signUpRow struct {
	rule, doc, username, email, want string
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	const signUpPage = reference + "API_SignUp.html"
	const exists, invalid = "UsernameExistsException: ", "InvalidParameterException: "
	for _, pool := range []struct {
		name string
		cfg  cognito.Config
		rows []signUpRow
	}{
		{"aliases", cognito.Config{
			AliasAttributes: []string{"email"}, UsernameConfiguration: anyCase,
			SchemaAttributes: []types.SchemaAttributeType{{Name: aws.String("email"), Required: aws.Bool(true)}},
		}, []signUpRow{
			{"a new user", signUpPage, "ann", "ann@example.com", "signed up"},
			{"a username that is taken", signUpPage, "BOB", "ann@example.com", exists + "User already exists"},
			{"another user's verified address", aliasesPage, "cy", "bob@example.com", "signed up"},
			{
				"an address as the username", aliasesPage, "cy@example.com", "cy@example.com",
				invalid + "Username cannot be of email format, since user pool is configured for email alias.",
			},
			{
				"without what is required", attributesPage, "cy", "",
				invalid + "Attributes did not conform to the schema: email: The attribute is required",
			},
		}},
		{"addresses as usernames", cognito.Config{UsernameAttributes: []string{"email"}}, []signUpRow{
			{"a new user", addressesPage, "ann@example.com", "", "signed up"},
			{"an address that is taken", addressesPage, "bob@example.com", "", exists + "An account with the given email already exists."},
			{"no address", addressesPage, "ann", "", invalid + "Username should be an email."},
		}},
	} {
		t.Run(pool.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, pool.cfg)
			for _, row := range pool.rows {
				t.Run(row.rule, func(t *testing.T) {
					for _, user := range users(t, p) {
						if err := p.Delete(t.Context(), user.Username); err != nil {
							t.Fatal(err)
						}
					}
					put(t, p, cognito.User{Username: "bob", Attributes: verified("bob@example.com")})
					attributes := map[string]string{}
					if row.email != "" {
						attributes["email"] = row.email
					}
					out, got := signUp(t, p, row.username, attributes)
					if got != row.want {
						t.Fatalf("%s: %s, want %s", row.doc, got, row.want)
					}
					created := newcomers(t, p)
					if out == nil && len(created) == 0 {
						return
					}
					if len(created) != 1 || created[0].Status != "UNCONFIRMED" || out.UserConfirmed || *out.UserSub != created[0].Sub {
						t.Errorf("%s: %+v, created %+v", row.doc, out, created)
					}
				})
			}
		})
	}
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
func TestNobodySignsUpWithAnAddressThatIsVerified(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}})
	const refused = "NotAuthorizedException: A client attempted to write unauthorized attribute"
	if _, got := signUp(t, pool, "ann", verified("ann@example.com")); got != refused {
		t.Error(got)
	}
}

func TestThePreSignUpTrigger(t *testing.T) {
	t.Parallel()
	var event []byte
	answer, functionError := "", false
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}, PreSignUp: function(t, func(w http.ResponseWriter, e []byte) {
		event = e
		if functionError {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = io.WriteString(w, answer)
	})})
	put(t, pool, cognito.User{Username: "bob", Password: "right", Attributes: verified("bob@example.com")})

	answer, functionError = `{"errorMessage":"SIGN_IN_INSTEAD"}`, true
	const refused = "UserLambdaValidationException: PreSignUp failed with error SIGN_IN_INSTEAD."
	if _, got := signUp(t, pool, "ann", map[string]string{"email": "ann@example.com"}); got != refused {
		t.Errorf("%s: %s", preSignUpPage, got)
	}
	if created := newcomers(t, pool); len(created) != 0 {
		t.Errorf("%s: a user who was refused was created: %+v", preSignUpPage, created)
	}
	want := `{"version":"1","triggerSource":"PreSignUp_SignUp","region":"eu-west-1","userPoolId":"` + poolID + `","userName":"ann",
		"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + clientID + `"},
		"request":{"userAttributes":{"email":"ann@example.com"},"validationData":{"captcha":"7"},"clientMetadata":{"app":"web"}},
		"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`
	if diff := cmp.Diff(decode(t, []byte(want)), decode(t, event)); diff != "" {
		t.Errorf("%s:\n%s", preSignUpPage, diff)
	}

	event = nil
	if _, got := signUp(t, pool, "bob", nil); got != "UsernameExistsException: User already exists" || event != nil {
		t.Errorf("a taken username: %s, and the function got %s", got, event)
	}

	answer, functionError = `{"response":{"autoConfirmUser":true,"autoVerifyEmail":true}}`, false
	if out, got := signUp(t, pool, "ann", map[string]string{"email": "bob@example.com"}); got != "signed up" || !out.UserConfirmed {
		t.Errorf("%s: %s, %+v", preSignUpPage, got, out)
	}
	for name, want := range map[string]string{"ann": "true", "bob": "false"} {
		user, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: &name})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range user.UserAttributes {
			if *a.Name == "email_verified" && *a.Value != want {
				t.Errorf("%s: the address of %s is verified: %s, want %s", preSignUpPage, name, *a.Value, want)
			}
		}
	}
	if got := signIn(t, pool, "bob@example.com", "right"); got != "signed in" {
		t.Errorf("ann by the alias: %s", got)
	}

	answer = `{"response":{"autoVerifyPhone":true}}`
	if _, got := signUp(t, pool, "cy", nil); !strings.HasPrefix(got, "InvalidLambdaResponseException") {
		t.Errorf("a phone number that is none is verified: %s (%s)", got, preSignUpPage)
	}
}

// The trigger is called for whom an administrator makes; its error refuses the user, and nothing else that it answers counts.
func TestThePreSignUpTriggerForAdministrators(t *testing.T) {
	t.Parallel()
	var event []byte
	answer, functionError := `{"response":{"autoConfirmUser":true,"autoVerifyPhone":true}}`, false
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}, PreSignUp: function(t, func(w http.ResponseWriter, e []byte) {
		event = e
		if functionError {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = io.WriteString(w, answer)
	})})
	create := func(username string) string {
		_, err := client(pool).AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{
			UserPoolId: aws.String(poolID), Username: &username, TemporaryPassword: aws.String("right"), MessageAction: types.MessageActionTypeSuppress,
			UserAttributes: []types.AttributeType{
				{Name: aws.String("email"), Value: aws.String(username + "@example.com")}, {Name: aws.String("email_verified"), Value: aws.String("true")},
			},
		})
		return outcome("created", err)
	}
	if got := create("ann"); got != "created" || theUser(t, pool).Status != "FORCE_CHANGE_PASSWORD" {
		t.Errorf("%s: %s, %+v", preSignUpPage, got, theUser(t, pool))
	}
	sent := decode(t, event).(map[string]any)
	attributes := sent["request"].(map[string]any)["userAttributes"].(map[string]any)
	if sent["triggerSource"] != "PreSignUp_AdminCreateUser" || attributes["email_verified"] != "true" {
		t.Errorf("%s: %v", preSignUpPage, sent)
	}
	answer, functionError = `{"errorMessage":"no"}`, true
	if got := create("bob"); got != "UserLambdaValidationException: PreSignUp failed with error no." {
		t.Errorf("%s: %s", preSignUpPage, got)
	}
	if got := create("ann"); got != "UsernameExistsException: User already exists" {
		t.Errorf("%s: %s", reference+"API_AdminCreateUser.html", got)
	}
}

// Users of real pools report that a migration calls the trigger as well, and not by which source.
// https://foxy.io/blog/using-migration-and-pre-signup-triggers-with-aws-cognito
func TestThePreSignUpTriggerInAMigration(t *testing.T) {
	t.Parallel()
	var event []byte
	pool := start(t, cognito.Config{
		PreSignUpOfMigrations: "PreSignUp_SignUp",
		UserMigration: function(t, func(w http.ResponseWriter, _ []byte) {
			_, _ = io.WriteString(w, `{"response":{"userAttributes":{"email":"ann@example.com","email_verified":"true"},"finalUserStatus":"CONFIRMED"}}`)
		}),
		PreSignUp: function(t, func(w http.ResponseWriter, e []byte) {
			if event = e; strings.Contains(string(e), `"bob"`) {
				w.Header().Set("X-Amz-Function-Error", "Unhandled")
				_, _ = io.WriteString(w, `{"errorMessage":"no"}`)
				return
			}
			_, _ = w.Write(e)
		}),
	})
	if got := signIn(t, pool, "ann", "right"); got != "signed in" || !strings.Contains(string(event), `"email_verified":"true"`) {
		t.Errorf("%s: %s", got, event)
	}
	if got := signIn(t, pool, "bob", "right"); got != "UserLambdaValidationException: PreSignUp failed with error no." {
		t.Error(got)
	}
	if len(users(t, pool)) != 1 {
		t.Errorf("a user who was refused was created: %+v", users(t, pool))
	}
	event = nil
	if err := pool.SetPreSignUpOfMigrations(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if got := signIn(t, pool, "bob", "right"); got != "signed in" || event != nil {
		t.Errorf("%s, and the trigger was called: %s", got, event)
	}
}
