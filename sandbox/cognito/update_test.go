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

// raw calls an operation with a body as it is, and returns the answer as it came.
func raw(t *testing.T, pool *cognito.Pool, operation, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, pool.Endpoint(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer, ok := decode(t, text).(map[string]any)
	if !ok {
		t.Fatal("the answer is no object")
	}
	return answer
}

// described is the pool's description as it came, but for when it was changed.
func described(t *testing.T, pool *cognito.Pool) map[string]any {
	t.Helper()
	settings, _ := raw(t, pool, "DescribeUserPool", `{"UserPoolId":"`+poolID+`"}`)["UserPool"].(map[string]any)
	delete(settings, "LastModifiedDate")
	return settings
}

const id = `"UserPoolId":"` + poolID + `"`

func TestUpdateUserPoolResetsWhatIsNotSent(t *testing.T) {
	t.Parallel()
	fresh := described(t, start(t, cognito.Config{}))
	pool := start(t, cognito.Config{
		AliasAttributes: []string{"email"}, MFA: "OPTIONAL",
		Settings: map[string]any{
			"DeletionProtection": "ACTIVE", "UserPoolTier": "PLUS", "AutoVerifiedAttributes": []string{"email"}, "Quantum": map[string]any{"Spin": 1},
			"UserPoolTags": map[string]string{"team": "a", "aws:cloudformation:stack-name": "s"}, "Domain": "example",
			"Policies": map[string]any{"PasswordPolicy": map[string]any{"MinimumLength": 20}},
		},
		NewSettings: []string{"Quantum"},
	})
	before := described(t, pool)
	raw(t, pool, "UpdateUserPool", `{`+id+`,"PoolName":"renamed","LambdaConfig":{"PreSignUp":"x"},"MfaConfiguration":"ON"}`)
	want := map[string]any{
		"Name": "renamed", "LambdaConfig": map[string]any{"PreSignUp": "x"}, "MfaConfiguration": "ON",
		"DeletionProtection": "INACTIVE", "UserPoolTier": "ESSENTIALS", "Policies": fresh["Policies"],
		"AdminCreateUserConfig":       map[string]any{"AllowAdminCreateUserOnly": false},
		"EmailConfiguration":          map[string]any{"EmailSendingAccount": "COGNITO_DEFAULT"},
		"VerificationMessageTemplate": map[string]any{"DefaultEmailOption": "CONFIRM_WITH_CODE"},
		"UserPoolTags":                map[string]any{"aws:cloudformation:stack-name": "s"}, // which nobody but AWS can take off
	}
	for _, stays := range []string{"AliasAttributes", "Arn", "CreationDate", "Domain", "EstimatedNumberOfUsers", "Id", "SchemaAttributes"} {
		want[stays] = before[stays]
	}
	if diff := cmp.Diff(want, described(t, pool)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUpdatesThatUserPoolsRefuse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings map[string]any
		update   string
		want     string
	}{
		"a member that is only shown":      {nil, `"Arn":"x"`, "SerializationException: Unknown member Arn"},
		"a member that it does not know":   {map[string]any{"Quantum": 1}, `"Quantum":1`, "SerializationException: Unknown member Quantum"},
		"two kinds of days for new users":  {nil, `"AdminCreateUserConfig":{"UnusedAccountValidityDays":7},"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":7}}`, "InvalidParameterException: Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"},
		"a tag of AWS's":                   {nil, `"UserPoolTags":{"aws:x":"y"}`, "UserPoolTaggingException: aws: prefixed tag key names are not allowed for external use."},
		"a code and a link":                {nil, `"VerificationMessageTemplate":{"EmailMessage":"{####}","EmailMessageByLink":"{##x##}"}`, "InvalidParameterException: EmailMessage and EmailMessageByLink can't be set together."},
		"anything, if email can't be sent": {map[string]any{"EmailConfigurationFailure": "no identity"}, `"UserPoolTags":{}`, "InvalidEmailRoleAccessPolicyException: no identity"},
		"anything, if SMS can't be sent":   {map[string]any{"SmsConfigurationFailure": "no role"}, `"UserPoolTags":{}`, "InvalidSmsRoleAccessPolicyException: no role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := start(t, cognito.Config{Settings: tt.settings})
			before := described(t, pool)
			answer := raw(t, pool, "UpdateUserPool", `{`+id+`,`+tt.update+`}`)
			if got := answer["__type"].(string) + ": " + answer["message"].(string); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if diff := cmp.Diff(before, described(t, pool)); diff != "" {
				t.Errorf("the pool was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A function that UpdateUserPool makes a trigger is called, and one that it takes off is not.
func TestUpdateUserPoolChangesWhichFunctionsAreCalled(t *testing.T) {
	t.Parallel()
	trigger := answering(t, `"email":"ann@example.com"`, "")
	pool := start(t, cognito.Config{LambdaEndpoint: trigger.Endpoint})
	update := func(config *types.LambdaConfigType) {
		t.Helper()
		if _, err := client(pool).UpdateUserPool(t.Context(), &idp.UpdateUserPoolInput{UserPoolId: aws.String(poolID), LambdaConfig: config}); err != nil {
			t.Fatal(err)
		}
	}
	if got := signIn(t, pool, "ann", "right"); got != incorrect {
		t.Error(got)
	}
	update(&types.LambdaConfigType{UserMigration: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:migrate")})
	if got := signIn(t, pool, "ann", "right"); got != "signed in" {
		t.Error(got)
	}
	update(nil)
	if got := signIn(t, pool, "bob", "right"); got != incorrect {
		t.Error(got)
	}
}
