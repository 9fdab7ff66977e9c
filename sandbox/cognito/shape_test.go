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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

var anyCase = &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)}

func TestPoolsThatAWSDoesNotMake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, doc string
		cfg       cognito.Config
		want      string
	}{
		{
			"addresses as usernames, and aliases", aliasesPage,
			cognito.Config{UsernameAttributes: []string{"email"}, AliasAttributes: []string{"phone_number"}},
			"a pool has UsernameAttributes or AliasAttributes, not both",
		},
		{
			"a required custom attribute", attributesPage + "#user-pool-settings-custom-attributes",
			cognito.Config{SchemaAttributes: []types.SchemaAttributeType{{Name: aws.String("custom:tier"), Required: aws.Bool(true)}}},
			"custom:tier: a custom attribute can't be required",
		},
		{
			"a long name", guide + "quotas.html#resource-quotas",
			cognito.Config{SchemaAttributes: []types.SchemaAttributeType{{Name: aws.String("custom:aaaaaaaaaaaaaaaaaaaaa")}}},
			"custom:aaaaaaaaaaaaaaaaaaaaa: the name of a custom attribute has at most 20 characters",
		},
		{
			"an alias that is required", attributesPage,
			cognito.Config{
				AliasAttributes:  []string{"preferred_username"},
				SchemaAttributes: []types.SchemaAttributeType{{Name: aws.String("preferred_username"), Required: aws.Bool(true)}},
			},
			"preferred_username is required or an alias, not both",
		},
		{
			"an attribute that is neither standard nor custom", attributesPage,
			cognito.Config{SchemaAttributes: []types.SchemaAttributeType{{Name: aws.String("tier")}}},
			"ended before it was ready",
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			tt.cfg.PoolID, tt.cfg.ClientID = poolID, clientID
			pool, err := cognito.Start(t.Context(), tt.cfg, io.Discard)
			if err == nil {
				pool.Close()
				t.Fatalf("%s: the pool was started", tt.doc)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", tt.doc, err, tt.want)
			}
		})
	}
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
func TestDescribeUserPoolTellsTheShape(t *testing.T) {
	t.Parallel()
	recovery := &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{
		{Name: types.RecoveryOptionNameTypeVerifiedEmail, Priority: aws.Int32(1)},
	}}
	age := types.SchemaAttributeType{
		Name: aws.String("custom:age"), AttributeDataType: types.AttributeDataTypeNumber, Mutable: aws.Bool(false), Required: aws.Bool(false),
		DeveloperOnlyAttribute:     aws.Bool(false),
		NumberAttributeConstraints: &types.NumberAttributeConstraintsType{MinValue: aws.String("18")},
	}
	pool := start(t, cognito.Config{
		AliasAttributes: []string{"email", "preferred_username"}, UsernameConfiguration: anyCase,
		MFA: "OPTIONAL", AccountRecoverySetting: recovery,
		SchemaAttributes: []types.SchemaAttributeType{
			{
				Name: age.Name, AttributeDataType: age.AttributeDataType, Mutable: age.Mutable,
				NumberAttributeConstraints: age.NumberAttributeConstraints,
			},
			{Name: aws.String("name"), Required: aws.Bool(true)},
		},
		UserMigration: &cognito.Trigger{Endpoint: "http://127.0.0.1", Function: "migrate"},
	})
	put(t, pool, cognito.User{Username: "ann"}, cognito.User{Username: "bob"})
	out, err := patient(pool).DescribeUserPool(t.Context(), &idp.DescribeUserPoolInput{UserPoolId: aws.String(poolID)})
	if err != nil {
		t.Fatal(err)
	}
	got := out.UserPool
	want := &types.UserPoolType{
		Id: aws.String(poolID), Name: aws.String(poolID), Arn: aws.String("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/" + poolID),
		AliasAttributes: []types.AliasAttributeType{"email", "preferred_username"}, UsernameConfiguration: anyCase,
		MfaConfiguration: types.UserPoolMfaTypeOptional, AccountRecoverySetting: recovery, EstimatedNumberOfUsers: 2,
		LambdaConfig: &types.LambdaConfigType{UserMigration: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:migrate")},
	}
	others := cmpopts.IgnoreFields(types.UserPoolType{}, "SchemaAttributes", "CreationDate", "LastModifiedDate", "Policies",
		"VerificationMessageTemplate", "EmailConfiguration", "AdminCreateUserConfig", "DeletionProtection", "UserPoolTags", "UserPoolTier")
	unexported := cmpopts.IgnoreUnexported(
		types.UserPoolType{}, types.UsernameConfigurationType{}, types.AccountRecoverySettingType{}, types.RecoveryOptionType{},
		types.LambdaConfigType{}, types.SchemaAttributeType{}, types.NumberAttributeConstraintsType{},
	)
	if diff := cmp.Diff(want, got, others, unexported); diff != "" {
		t.Error(diff)
	}
	schema := map[string]types.SchemaAttributeType{}
	for _, attribute := range got.SchemaAttributes {
		schema[*attribute.Name] = attribute
	}
	if diff := cmp.Diff(age, schema["custom:age"], unexported); diff != "" {
		t.Error(diff)
	}
	if !*schema["name"].Required || *schema["given_name"].Required || !*schema["sub"].Required || len(schema) != 21 {
		t.Errorf("schema: %+v", schema)
	}
}

// nameRow is a name that finds a user of a pool, or does not.
type nameRow struct {
	rule, doc, name string
	found           bool
}

func TestNamesThatFindAUser(t *testing.T) {
	t.Parallel()
	addresses := map[string]string{
		"email": "Ann@example.com", "email_verified": "true", "phone_number": "+491701234567", "phone_number_verified": "false",
		"preferred_username": "Annie",
	}
	for _, pool := range []struct {
		name string
		cfg  cognito.Config
		user cognito.User
		rows []nameRow
	}{
		{"plain usernames", cognito.Config{}, cognito.User{Username: "Ann", Sub: "a-0", Attributes: addresses}, []nameRow{
			{"the username", aliasesPage, "Ann", true},
			{"its case matters", casePage, "ann", false},
			{"the sub", reference + "API_AdminGetUser.html", "a-0", true},
			{"an address that is no alias", aliasesPage, "Ann@example.com", false},
		}},
		{"a federated user", cognito.Config{}, cognito.User{Username: "Google_1", Sub: "a-0", Status: "EXTERNAL_PROVIDER"}, []nameRow{
			{"the username", reference + "API_AdminGetUser.html", "Google_1", true},
			{"the sub", reference + "API_AdminGetUser.html", "a-0", false},
		}},
		{"aliases", cognito.Config{
			AliasAttributes: []string{"email", "phone_number", "preferred_username"},
		}, cognito.User{Username: "Ann", Attributes: addresses}, []nameRow{
			{"a verified address", aliasesPage, "Ann@example.com", true},
			{"its case matters", casePage, "ann@example.com", false},
			{"an unverified one", aliasesPage, "+491701234567", false},
			{"a preferred username", aliasesPage, "Annie", true},
			{"its case matters too", casePage, "annie", false},
		}},
		{"aliases in any case", cognito.Config{
			AliasAttributes: []string{"email", "preferred_username"}, UsernameConfiguration: anyCase,
		}, cognito.User{Username: "Ann", Attributes: addresses}, []nameRow{
			{"the username", casePage, "ANN", true},
			{"a verified address", casePage, "ANN@EXAMPLE.COM", true},
			{"a preferred username", casePage, "ANNIE", true},
			{"a phone number that is no alias", aliasesPage, "+491701234567", false},
		}},
		{"addresses as usernames", cognito.Config{
			UsernameAttributes: []string{"phone_number"},
		}, cognito.User{Sub: "a-0", Attributes: addresses}, []nameRow{
			{"an unverified address", addressesPage, "+491701234567", true},
			{"the username, which is the sub", addressesPage, "a-0", true},
			{"an address of the other kind", addressesPage, "Ann@example.com", false},
		}},
	} {
		t.Run(pool.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, pool.cfg)
			put(t, p, pool.user)
			for _, row := range pool.rows {
				_, err := client(p).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: &row.name})
				if got := outcome("", err); (got == "signed in") != row.found || err != nil && got != unknown {
					t.Errorf("%s: AdminGetUser(%s): %s (%s)", row.rule, row.name, got, row.doc)
				}
			}
		})
	}
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-case-sensitivity.html
func TestAPoolThatMindsNoCaseGivesOutLowerCase(t *testing.T) {
	t.Parallel()
	var event []byte
	pool := start(t, cognito.Config{UsernameConfiguration: anyCase, UserMigration: function(t, func(w http.ResponseWriter, e []byte) {
		event = e
		_, _ = io.WriteString(w, `{"response":{"userAttributes":{"email":"Ann@Example.com","name":"Ann Lee"},"finalUserStatus":"CONFIRMED"}}`)
	})})
	if got := signIn(t, pool, "ANN", "Right"); got != "signed in" {
		t.Fatal(got)
	}
	if sent := decode(t, event).(map[string]any); sent["userName"] != "ann" || sent["request"].(map[string]any)["password"] != "Right" {
		t.Errorf("the function got %v", sent)
	}
	ann, err := client(pool).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(poolID), Username: aws.String("Ann")})
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, a := range ann.UserAttributes {
		attributes[*a.Name] = *a.Value
	}
	if *ann.Username != "ann" || attributes["email"] != "ann@example.com" || attributes["name"] != "Ann Lee" {
		t.Errorf("%s, %v", *ann.Username, attributes)
	}
}
