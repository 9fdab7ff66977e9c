package preflight

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

const (
	oldPoolID   = "eu-central-1_oLdP00l01"
	newPoolID   = "eu-west-1_nEwP00l02"
	newPoolARN  = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/" + newPoolID
	functionArn = "arn:aws:lambda:eu-west-1:123456789012:function:stack-MigrateFunction-1"
	otherArn    = "arn:aws:lambda:eu-west-1:123456789012:function:other"
	secret      = "canary-of-a-client-secret"
)

// faultless is a migration with nothing to say about.
func faultless(t *testing.T) *Snapshot {
	t.Helper()
	pool := func(id, region string) *types.UserPoolType {
		return &types.UserPoolType{
			Id:  &id,
			Arn: aws.String("arn:aws:cognito-idp:" + region + ":123456789012:userpool/" + id),
			SchemaAttributes: []types.SchemaAttributeType{
				{Name: aws.String("sub"), AttributeDataType: types.AttributeDataTypeString, Required: aws.Bool(true), Mutable: aws.Bool(false)},
				attribute("email"), attribute("custom:tenant"),
			},
			AliasAttributes:        []types.AliasAttributeType{types.AliasAttributeTypeEmail},
			AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
			UsernameConfiguration:  &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)},
			DeletionProtection:     types.DeletionProtectionTypeActive,
			MfaConfiguration:       types.UserPoolMfaTypeOff,
			EmailConfiguration:     &types.EmailConfigurationType{EmailSendingAccount: types.EmailSendingAccountTypeDeveloper},
			AdminCreateUserConfig:  &types.AdminCreateUserConfigType{AllowAdminCreateUserOnly: true},
			Policies: &types.UserPoolPolicyType{
				PasswordPolicy: &types.PasswordPolicyType{MinimumLength: aws.Int32(8), RequireNumbers: true},
				SignInPolicy:   &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{types.AuthFactorTypePassword}},
			},
		}
	}
	s := &Snapshot{
		OldPool:  pool(oldPoolID, "eu-central-1"),
		NewPool:  pool(newPoolID, "eu-west-1"),
		NewMFA:   &cognito.GetUserPoolMfaConfigOutput{},
		Policy:   parse(t, statement(newPoolARN)),
		Function: "stack-MigrateFunction-1", Guard: "stack-GuardFunction-1", ProbeClient: "1web",
		OldGroups: []string{"editors"}, NewGroups: []string{"editors", "new ones"},
		OldClient: &types.UserPoolClientType{
			ClientId: aws.String("1old"), ClientName: aws.String("migration"),
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth},
		},
		NewClients: []types.UserPoolClientType{{
			ClientId: aws.String("1web"), ClientName: aws.String("web"), ClientSecret: aws.String(secret),
			ExplicitAuthFlows:          []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth},
			PreventUserExistenceErrors: types.PreventUserExistenceErrorTypesEnabled,
		}},
	}
	s.NewPool.LambdaConfig = &types.LambdaConfigType{UserMigration: aws.String(functionArn)}
	s.Variables = map[string]string{"NEW_POOL": described(t, s.NewPool), "ATTRIBUTES": "", "SECOND_FACTOR": "drop", "TYPED_NAME": ""}
	return s
}

// described is a pool as the trigger function knows it after a deployment.
func described(t *testing.T, pool *types.UserPoolType) string {
	t.Helper()
	text, err := json.Marshal(pool)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func attribute(name string) types.SchemaAttributeType {
	return types.SchemaAttributeType{
		Name: &name, AttributeDataType: types.AttributeDataTypeString, Mutable: aws.Bool(true), Required: aws.Bool(false),
		StringAttributeConstraints: &types.StringAttributeConstraintsType{MinLength: aws.String("0"), MaxLength: aws.String("2048")},
	}
}

// statement is what the stack's permission makes, for a pool.
func statement(pool string) string {
	return `{"Sid":"stack","Effect":"Allow","Principal":{"Service":"cognito-idp.amazonaws.com"},"Action":"lambda:InvokeFunction",` +
		`"Resource":"` + functionArn + `","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"` + pool + `"}}}`
}

func parse(t *testing.T, statements ...string) *ResourcePolicy {
	t.Helper()
	var p ResourcePolicy
	if err := json.Unmarshal([]byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

// Every rule, both ways: what it finds, and what is close to that and right. Each change is made to a faultless snapshot.
func TestRules(t *testing.T) {
	unprobed := []string{"probe_client"} // the probed client's flows are among what is changed
	type change = func(*Snapshot)
	flows := func(client *types.UserPoolClientType, flows ...types.ExplicitAuthFlowsType) {
		client.ExplicitAuthFlows = flows
	}
	newClient := func(f ...types.ExplicitAuthFlowsType) change {
		return func(s *Snapshot) { flows(&s.NewClients[0], f...) }
	}
	oldClient := func(f ...types.ExplicitAuthFlowsType) change {
		return func(s *Snapshot) { flows(s.OldClient, f...) }
	}
	attached := func(function string) change {
		return func(s *Snapshot) { s.NewPool.LambdaConfig.UserMigration = aws.String(function) }
	}
	policy := func(statements ...string) change {
		return func(s *Snapshot) { s.Policy = parse(t, statements...) }
	}
	variable := func(name, value string) change {
		return func(s *Snapshot) { s.Variables[name] = value }
	}
	mapped := func(text string) change { return variable("ATTRIBUTES", text) }
	// more gives both pools an attribute of each name.
	more := func(names ...string) change {
		return func(s *Snapshot) {
			for _, name := range names {
				s.OldPool.SchemaAttributes = append(s.OldPool.SchemaAttributes, attribute(name))
				s.NewPool.SchemaAttributes = append(s.NewPool.SchemaAttributes, attribute(name))
			}
		}
	}
	// later changes an attribute of the new pool.
	later := func(name string, with func(*types.SchemaAttributeType)) change {
		return func(s *Snapshot) {
			i := slices.IndexFunc(s.NewPool.SchemaAttributes, func(a types.SchemaAttributeType) bool { return *a.Name == name })
			with(&s.NewPool.SchemaAttributes[i])
		}
	}
	mandatory := func(a *types.SchemaAttributeType) { a.Required = aws.Bool(true) }
	fixed := func(a *types.SchemaAttributeType) { a.Mutable = aws.Bool(false) }
	// client adds an app client to the new pool.
	client := func(name string, with func(*types.UserPoolClientType)) change {
		return func(s *Snapshot) {
			c := types.UserPoolClientType{ClientId: aws.String("1" + name), ClientName: &name, PreventUserExistenceErrors: types.PreventUserExistenceErrorTypesEnabled}
			with(&c)
			s.NewClients = append(s.NewClients, c)
		}
	}
	managed := func(c *types.UserPoolClientType) {
		c.SupportedIdentityProviders, c.CallbackURLs = []string{"COGNITO"}, []string{"https://app.example.org"}
		c.AllowedOAuthFlows = []types.OAuthFlowType{types.OAuthFlowTypeCode}
	}
	noClient := func(s *Snapshot) { s.NewClients = []types.UserPoolClientType{} }
	custom := func(pool func(*Snapshot) *types.UserPoolType, with func(*types.SchemaAttributeType)) change {
		return func(s *Snapshot) { with(&pool(s).SchemaAttributes[2]) }
	}
	before := func(s *Snapshot) *types.UserPoolType { return s.OldPool }
	after := func(s *Snapshot) *types.UserPoolType { return s.NewPool }
	numeric := func(a *types.SchemaAttributeType) {
		a.AttributeDataType, a.StringAttributeConstraints = types.AttributeDataTypeNumber, nil
	}
	length := func(most string) func(*types.SchemaAttributeType) {
		return func(a *types.SchemaAttributeType) {
			a.StringAttributeConstraints = &types.StringAttributeConstraintsType{MaxLength: &most}
		}
	}
	from := func(least string) func(*types.SchemaAttributeType) {
		return func(a *types.SchemaAttributeType) {
			numeric(a)
			a.NumberAttributeConstraints = &types.NumberAttributeConstraintsType{MinValue: &least}
		}
	}
	signIn := func(pool func(*Snapshot) *types.UserPoolType, usernames []types.UsernameAttributeType, aliases ...types.AliasAttributeType) change {
		return func(s *Snapshot) { pool(s).UsernameAttributes, pool(s).AliasAttributes = usernames, aliases }
	}
	plain := []types.UsernameAttributeType(nil)
	byEmail := []types.UsernameAttributeType{types.UsernameAttributeTypeEmail}
	byPhone := []types.UsernameAttributeType{types.UsernameAttributeTypePhoneNumber}
	email, phone := types.AliasAttributeTypeEmail, types.AliasAttributeTypePhoneNumber
	sensitive := func(pool func(*Snapshot) *types.UserPoolType) change {
		return func(s *Snapshot) { pool(s).UsernameConfiguration = nil }
	}
	mfa := func(pool func(*Snapshot) *types.UserPoolType, m types.UserPoolMfaType) change {
		return func(s *Snapshot) { pool(s).MfaConfiguration = m }
	}
	recovery := func(options ...types.RecoveryOptionNameType) change {
		return func(s *Snapshot) {
			s.NewPool.AccountRecoverySetting = &types.AccountRecoverySettingType{}
			for _, o := range options {
				s.NewPool.AccountRecoverySetting.RecoveryMechanisms = append(s.NewPool.AccountRecoverySetting.RecoveryMechanisms, types.RecoveryOptionType{Name: o})
			}
		}
	}
	triggers := func(pool func(*Snapshot) *types.UserPoolType, c types.LambdaConfigType) change {
		return func(s *Snapshot) {
			if c.UserMigration == nil {
				c.UserMigration = lambdaConfig(pool(s)).UserMigration
			}
			pool(s).LambdaConfig = &c
		}
	}
	threat := func(m types.AdvancedSecurityModeType) change {
		return func(s *Snapshot) { s.OldPool.UserPoolAddOns = &types.UserPoolAddOnsType{AdvancedSecurityMode: m} }
	}
	fn := aws.String(otherArn)
	// shape is what make deploy fills in of the faultless new pool, with other members in place of its own.
	shape := func(members string) string {
		merged := map[string]any{
			"UsernameAttributes": nil, "AliasAttributes": []string{"email"}, "UsernameConfiguration": map[string]bool{"CaseSensitive": false},
			"SchemaAttributes":       []map[string]any{{"Name": "sub", "Required": true}, {"Name": "custom:tenant", "Required": false}},
			"AccountRecoverySetting": nil, "MfaConfiguration": "OFF",
		}
		if err := json.Unmarshal([]byte("{"+members+"}"), &merged); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(merged)
		return string(text)
	}

	tests := []struct {
		id     string
		name   string
		change []change
		want   string   // part of what is found; empty if that is nothing
		also   []string // other rules that the change is about
	}{
		{notChecked, "denied", []change{func(s *Snapshot) {
			s.OldPool, s.Errors = nil, map[Part]error{OldPool: &types.NotAuthorizedException{}}
		}}, "the old pool (cognito-idp:DescribeUserPool: NotAuthorizedException)", nil},
		{notChecked, "nobody asked", []change{func(s *Snapshot) { s.NewMFA = nil }}, "the new pool's MFA (cognito-idp:GetUserPoolMfaConfig: not asked)", nil},
		{notChecked, "no answer", []change{func(s *Snapshot) { s.Policy, s.Errors = nil, map[Part]error{FunctionPolicy: os.ErrDeadlineExceeded} }}, "lambda:GetPolicy: no answer", nil},
		{notChecked, "all was seen", nil, "", nil},
		{"not_found", "no such client", []change{func(s *Snapshot) {
			s.OldClient, s.Errors = nil, map[Part]error{OldClient: &types.ResourceNotFoundException{}}
		}}, "the old pool's app client (AppClientId)", nil},
		{"not_found", "all exist", nil, "", nil},
		{"same_pool", "one pool twice", []change{func(s *Snapshot) { s.OldPool = s.NewPool }}, newPoolID, []string{"old_triggers", "quota"}},
		{"same_pool", "two pools", nil, "", nil},

		{"settings_wrong", "no such rule", []change{mapped("custom:tenant")}, "ATTRIBUTES: rule 1", nil},
		{"settings_wrong", "all are right", []change{mapped("-custom:tenant")}, "", nil},
		{"new_pool_unknown", "never filled", []change{variable("NEW_POOL", "")}, "NEW_POOL is empty", nil},
		{"new_pool_unknown", "filled", nil, "", nil},
		{"new_pool_changed", "another alias", []change{variable("NEW_POOL", shape(`"AliasAttributes":["email","phone_number"]`))}, "AliasAttributes (deployed with [email phone_number], now [email])", nil},
		{"new_pool_changed", "by address", []change{variable("NEW_POOL", shape(`"AliasAttributes":null,"UsernameAttributes":["email"]`))}, "UsernameAttributes (deployed with [email], now [])", nil},
		{"new_pool_changed", "minds case", []change{variable("NEW_POOL", shape(`"UsernameConfiguration":null`))}, "CaseSensitive=false", nil},
		{"new_pool_changed", "one more attribute", []change{variable("NEW_POOL", shape(`"SchemaAttributes":[]`))}, "SchemaAttributes (deployed with [], now [custom:tenant])", nil},
		{"new_pool_changed", "required", []change{variable("NEW_POOL", shape(`"SchemaAttributes":[{"Name":"email","Required":true},{"Name":"custom:tenant"}]`))}, "email required", nil},
		{"new_pool_changed", "recovery", []change{variable("NEW_POOL", shape(`"AccountRecoverySetting":{"RecoveryMechanisms":[{"Name":"admin_only"}]}`))}, "deployed with [admin_only]", nil},
		{"new_pool_changed", "MFA", []change{variable("NEW_POOL", shape(`"MfaConfiguration":"ON"`))}, "MfaConfiguration (deployed with [ON], now [OFF])", nil},
		{"new_pool_changed", "what make deploy fills in", []change{variable("NEW_POOL", shape(`"MfaConfiguration":null`))}, "", nil},

		{"old_client_flow", "SRP alone", []change{oldClient(types.ExplicitAuthFlowsTypeAllowUserSrpAuth)}, "migration 1old", nil},
		{"old_client_flow", "the flow for clients, not for servers", []change{oldClient(types.ExplicitAuthFlowsTypeAllowUserPasswordAuth)}, "1old", nil},
		{"old_client_flow", "the flow's name of before", []change{oldClient(types.ExplicitAuthFlowsTypeAdminNoSrpAuth)}, "", nil},
		{"old_client_secret", "a secret", []change{func(s *Snapshot) { s.OldClient.ClientSecret = aws.String(secret) }}, "migration 1old", nil},
		{"old_client_secret", "none, as the new client has one", nil, "", nil},
		{"new_client_flow", "SRP alone", []change{newClient(types.ExplicitAuthFlowsTypeAllowUserSrpAuth)}, "web 1web", unprobed},
		{"new_client_flow", "the defaults", []change{newClient()}, "web 1web", unprobed},
		{"new_client_flow", "no client at all", []change{noClient}, newPoolID, unprobed},
		{"new_client_flow", "a client for machines alone", []change{noClient, client("cron", func(c *types.UserPoolClientType) {
			c.AllowedOAuthFlows = []types.OAuthFlowType{types.OAuthFlowTypeClientCredentials}
		})}, newPoolID, unprobed},
		{"new_client_flow", "managed login for federated users alone", []change{noClient, client("app", managed), func(s *Snapshot) {
			s.NewClients[0].SupportedIdentityProviders = []string{"Google"}
		}}, "app 1app", unprobed},
		{"new_client_flow", "managed login", []change{noClient, client("app", managed)}, "", unprobed},
		{"new_client_flow", "the flow for servers", []change{newClient(types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth)}, "", unprobed},
		{"new_client_flow", "the flow's name of before", []change{newClient(types.ExplicitAuthFlowsTypeUserPasswordAuth)}, "", nil},
		{"new_client_deaf", "another client without it", []change{client("mobile", func(c *types.UserPoolClientType) {
			c.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserSrpAuth}
		})}, "mobile 1mobile", nil},
		{"new_client_deaf", "another client for machines", []change{client("cron", func(c *types.UserPoolClientType) {
			c.AllowedOAuthFlows = []types.OAuthFlowType{types.OAuthFlowTypeClientCredentials}
		})}, "", nil},
		{"new_client_deaf", "another client with managed login", []change{client("app", managed)}, "", nil},
		{"new_client_choice", "USER_AUTH alone", []change{newClient(types.ExplicitAuthFlowsTypeAllowUserAuth)}, "web 1web", unprobed},
		{"new_client_choice", "USER_AUTH besides", []change{newClient(types.ExplicitAuthFlowsTypeAllowUserAuth, types.ExplicitAuthFlowsTypeAllowUserPasswordAuth)}, "", nil},
		{"new_client_flow", "USER_AUTH without passwords", []change{newClient(types.ExplicitAuthFlowsTypeAllowUserAuth), func(s *Snapshot) { s.NewPool.Policies.SignInPolicy = nil }}, "web 1web", unprobed},
		{"new_client_existence_errors", "LEGACY", []change{func(s *Snapshot) {
			s.NewClients[0].PreventUserExistenceErrors = types.PreventUserExistenceErrorTypesLegacy
		}}, "web 1web", nil},
		{"new_client_existence_errors", "not set", []change{func(s *Snapshot) { s.NewClients[0].PreventUserExistenceErrors = "" }}, "web 1web", nil},
		{"new_client_existence_errors", "managed login", []change{client("app", managed), func(s *Snapshot) {
			s.NewClients[1].PreventUserExistenceErrors = types.PreventUserExistenceErrorTypesLegacy
		}}, "app 1app", nil},
		{"new_client_existence_errors", "a client that takes no passwords", []change{client("mobile", func(c *types.UserPoolClientType) {
			c.PreventUserExistenceErrors = ""
		})}, "", []string{"new_client_deaf"}},

		{"trigger_detached", "no triggers", []change{func(s *Snapshot) { s.NewPool.LambdaConfig = nil }}, newPoolID, nil},
		{"trigger_detached", "attached", nil, "", nil},
		{"trigger_other", "another function", []change{attached(otherArn)}, otherArn, nil},
		{"trigger_other", "a name that begins alike", []change{attached(functionArn + "0")}, functionArn + "0", nil},
		{"trigger_other", "the function, known by its ARN", []change{func(s *Snapshot) { s.Function = functionArn }}, "", nil},
		{"trigger_qualified", "an alias", []change{attached(functionArn + ":live")}, functionArn + ":live", nil},
		{"trigger_qualified", "the function", nil, "", nil},
		{"permission_missing", "no policy", []change{policy()}, newPoolARN, nil},
		{"permission_missing", "another service", []change{policy(strings.ReplaceAll(statement(newPoolARN), cognitoService, "events.amazonaws.com"))}, newPoolARN, nil},
		{"permission_missing", "another account", []change{policy(strings.Replace(statement(newPoolARN), `"AWS:SourceAccount":"123456789012"`, `"AWS:SourceAccount":"210987654321"`, 1))}, newPoolARN, nil},
		{"permission_missing", "another action", []change{policy(strings.Replace(statement(newPoolARN), "InvokeFunction", "GetFunction", 1))}, newPoolARN, nil},
		{"permission_missing", "a condition of another kind", []change{policy(strings.Replace(statement(newPoolARN), "AWS:SourceAccount", "aws:PrincipalOrgID", 1))}, newPoolARN, nil},
		{"permission_missing", "an operator of another kind", []change{policy(strings.Replace(statement(newPoolARN), "StringEquals", "StringNotEquals", 1))}, newPoolARN, nil},
		{"permission_missing", "a denial", []change{policy(strings.Replace(statement(newPoolARN), "Allow", "Deny", 1))}, newPoolARN, nil},
		{"permission_missing", "lists, and any action", []change{policy(strings.NewReplacer(
			`"cognito-idp.amazonaws.com"`, `["cognito-idp.amazonaws.com"]`, `"lambda:InvokeFunction"`, `["lambda:*"]`).Replace(statement(newPoolARN)))}, "", nil},
		{"permission_missing", "another pool", []change{policy(statement(newPoolARN + "x"))}, newPoolARN, []string{"permission_wide"}},
		{"permission_wide", "every pool of the account", []change{policy(statement("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/*"))}, "userpool/*", nil},
		{"permission_wide", "every pool of all", []change{policy(`{"Sid":"all","Effect":"Allow","Principal":{"Service":"cognito-idp.amazonaws.com"},"Action":"lambda:InvokeFunction"}`)}, "statement all has no AWS:SourceArn", nil},
		{"permission_wide", "everyone, besides", []change{policy(statement(newPoolARN), `{"Sid":"open","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction"}`)}, "statement open", nil},
		{"permission_wide", "another service, besides", []change{policy(statement(newPoolARN), `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction"}`)}, "", nil},

		{"attribute_missing", "custom", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("custom:role") })}, "custom:role", nil},
		{"attribute_missing", "developer only", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("dev:custom:role") })}, "dev:custom:role", nil},
		{"attribute_missing", "new in the new pool", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("email") })}, "", nil},
		{"attribute_missing", "dropped by a rule", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("custom:role") }), mapped("-custom:role")}, "", nil},
		{"attribute_missing", "renamed by a rule", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("custom:org") }), mapped("custom:tenant=custom:org")}, "", nil},
		{"attribute_type", "text to number, by a rule", []change{
			more("custom:age"), later("custom:age", numeric), mapped("custom:age=custom:tenant"),
		}, "custom:age, custom:age=custom:tenant", nil},
		{"attribute_type", "text to number, dropped", []change{custom(after, numeric), mapped("-custom:tenant")}, "", nil},
		{"attribute_bounds", "shorter, by a rule", []change{
			more("custom:org"), later("custom:org", length("10")), mapped("custom:org=custom:tenant,-custom:org2"), more("custom:org2"),
		}, "custom:org=custom:tenant", nil},
		{"attribute_bounds", "a sub has 36 characters", []change{more("custom:old_sub"), later("custom:old_sub", fixed), later("custom:old_sub", length("35")), mapped("custom:old_sub=sub")}, "custom:old_sub=sub", []string{"attribute_immutable"}},
		{"attribute_bounds", "a sub fits", []change{func(s *Snapshot) {
			s.NewPool.SchemaAttributes = append(s.NewPool.SchemaAttributes, attribute("custom:old_sub"))
		}, later("custom:old_sub", fixed), later("custom:old_sub", length("36")), mapped("custom:old_sub=sub")}, "", nil},
		{"attribute_missing", "what Cognito sets itself", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("identities") })}, "", nil},
		{"attribute_type", "text to number", []change{custom(after, numeric)}, "custom:tenant", nil},
		{"attribute_type", "number to text", []change{custom(before, numeric)}, "", nil},
		{"attribute_bounds", "shorter", []change{custom(after, length("10"))}, "custom:tenant", nil},
		{"attribute_bounds", "longer", []change{custom(before, length("10"))}, "", nil},
		{"attribute_bounds", "no bound is 2048", []change{custom(before, func(a *types.SchemaAttributeType) { a.StringAttributeConstraints = nil })}, "", nil},
		{"attribute_bounds", "fewer numbers", []change{custom(before, numeric), custom(after, from("0"))}, "custom:tenant", nil},
		{"attribute_bounds", "more numbers", []change{custom(before, from("0")), custom(after, numeric)}, "", nil},
		{"attribute_immutable", "now fixed", []change{custom(after, func(a *types.SchemaAttributeType) { a.Mutable = aws.Bool(false) })}, "custom:tenant", nil},
		{"attribute_immutable", "no longer fixed", []change{custom(before, func(a *types.SchemaAttributeType) { a.Mutable = aws.Bool(false) })}, "", nil},
		{"attribute_required", "now required", []change{later("email", mandatory)}, "email", nil},
		{"attribute_required", "of an attribute that users need not have", []change{more("name"), later("name", mandatory), mapped("name=custom:tenant")}, "name", nil},
		{"attribute_required", "given by a rule", []change{more("locale"), later("locale", mandatory), mapped("locale?=en")}, "", nil},
		{"attribute_required", "of an attribute that users must have", []change{
			more("name"), later("name", mandatory), mapped("name=email"), signIn(before, byEmail), signIn(after, plain),
		}, "", []string{"username_fixed"}},
		{"attribute_withheld", "dropped", []change{more("name"), later("name", mandatory), mapped("-name")}, "name", nil},
		{"attribute_withheld", "given to another", []change{more("name", "nickname"), later("name", mandatory), mapped("nickname=name")}, "name", nil},
		{"attribute_withheld", "dropped, and not required", []change{more("name"), mapped("-name")}, "", nil},

		{"settings_wrong", "a rule for an attribute that the shape lacks", []change{mapped("custom:old_sbu=sub")}, "custom:old_sbu", nil},
		{"rule_target_unknown", "a value for it", []change{mapped("emial?=ada@example.org")}, "emial", nil},
		{"rule_target_unknown", "dropped", []change{custom(before, func(a *types.SchemaAttributeType) { a.Name = aws.String("custom:role") }), mapped("-custom:role")}, "", nil},
		{"rule_source_unknown", "misspelt", []change{mapped("custom:tenant=custom:tennat")}, "custom:tenant", nil},
		{"rule_source_unknown", "nothing to drop", []change{mapped("-custom:legacy")}, "custom:legacy", nil},
		{"rule_source_unknown", "the sub", []change{later("custom:tenant", fixed), mapped("custom:tenant=sub")}, "", []string{"attribute_immutable"}},
		{"rule_default_unfit", "too long", []change{more("locale"), later("locale", length("2")), mapped("locale?=en-GB")}, "locale?=en-GB has 5 characters; allowed are 0 to 2", []string{"attribute_bounds"}},
		{"rule_default_unfit", "no number", []change{more("custom:age"), custom(before, numeric), later("custom:tenant", numeric), mapped("custom:tenant?=old")}, "is no number", nil},
		{"rule_default_unfit", "too small a number", []change{custom(before, from("18")), later("custom:tenant", from("18")), mapped("custom:tenant?=17")}, "outside of 18", nil},
		{"rule_default_unfit", "neither true nor false", []change{func(s *Snapshot) {
			s.OldPool.SchemaAttributes[2].AttributeDataType = types.AttributeDataTypeBoolean
		}, later("custom:tenant", func(a *types.SchemaAttributeType) { a.AttributeDataType = types.AttributeDataTypeBoolean }), mapped("custom:tenant?=yes")}, "neither true nor false", nil},
		{"rule_default_unfit", "no phone number", []change{more("phone_number"), mapped("phone_number?=0555"), variable("ASSUME_VERIFIED", "phone_number")}, "the form of phone_number", nil},
		{"rule_default_unfit", "it fits", []change{more("locale"), later("locale", length("5")), func(s *Snapshot) {
			s.OldPool.SchemaAttributes[3] = s.NewPool.SchemaAttributes[3]
		}, mapped("locale?=en-GB")}, "", nil},
		{"rule_default_shared", "an alias", []change{mapped("email?=ada@example.org"), variable("ASSUME_VERIFIED", "email")}, "email", nil},
		{"rule_default_shared", "what is no alias", []change{more("locale"), mapped("locale?=en")}, "", nil},
		{"rule_address_unverified", "from elsewhere", []change{more("phone_number"), mapped("phone_number=custom:tenant")}, "phone_number", nil},
		{"rule_address_unverified", "which is known to be right", []change{more("phone_number"), mapped("phone_number=custom:tenant"), variable("ASSUME_VERIFIED", "phone_number")}, "", nil},
		{"groups_missing", "some", []change{func(s *Snapshot) { s.OldGroups = []string{"beta", "editors", "old ones"} }}, "beta, old ones", nil},
		{"groups_missing", "none are carried", []change{func(s *Snapshot) { s.OldGroups, s.NewGroups = []string{}, []string{} }}, "", nil},
		{"link_writable", "by every client", []change{mapped("custom:tenant=sub")}, "web 1web", nil},
		{"link_writable", "by a client that names it", []change{mapped("custom:tenant=sub"), func(s *Snapshot) {
			s.NewClients[0].WriteAttributes = []string{"email", "custom:tenant"}
		}}, "web 1web", nil},
		{"link_writable", "by no client", []change{mapped("custom:tenant=sub"), func(s *Snapshot) {
			s.NewClients[0].WriteAttributes = []string{"email"}
		}}, "", nil},
		{"link_writable", "immutable", []change{later("custom:tenant", fixed), mapped("custom:tenant=sub")}, "", []string{"attribute_immutable"}},
		{"link_writable", "immutable, at sign-up", []change{later("custom:tenant", fixed), mapped("custom:tenant=sub"), func(s *Snapshot) {
			s.NewPool.AdminCreateUserConfig = nil
		}}, "web 1web", []string{"attribute_immutable", "new_open_sign_up"}},
		{"attribute_required", "no longer required", []change{func(s *Snapshot) { s.OldPool.SchemaAttributes[1].Required = aws.Bool(true) }}, "", nil},
		{"attribute_required", "what every user signs in by", []change{
			func(s *Snapshot) { s.NewPool.SchemaAttributes[1].Required = aws.Bool(true) }, signIn(before, byEmail), signIn(after, byEmail),
		}, "", nil},

		{"sign_in_unknown", "phone only, but found by email", []change{signIn(after, byPhone)}, "phone_number", []string{"sign_in_lost"}},
		{"sign_in_unknown", "email only, found by email", []change{signIn(before, byEmail), signIn(after, byEmail)}, "", nil},
		{"sign_in_withheld", "dropped", []change{mapped("-email")}, "email", nil},
		{"sign_in_withheld", "kept", []change{mapped("-custom:tenant")}, "", nil},
		{"sign_in_lost", "no alias", []change{signIn(after, plain)}, "email", nil},
		{"username_fixed", "an address becomes a username", []change{signIn(before, byEmail), signIn(after, plain)}, "email", nil},
		{"username_fixed", "a username was one before", []change{signIn(before, plain), signIn(after, plain)}, "", nil},
		{"sign_in_lost", "one more alias", []change{signIn(before, byEmail), signIn(after, []types.UsernameAttributeType{"email", "phone_number"})}, "", nil},
		{"username_is_alias", "email was the username", []change{signIn(before, byEmail), signIn(after, plain, email)}, "email", nil},
		{"username_is_alias", "email was an alias", nil, "", nil},
		{"username_is_alias", "which is known to be right", []change{signIn(before, byEmail), signIn(after, plain, email), variable("ASSUME_VERIFIED", "email")}, "", nil},
		{"username_like_alias", "a new alias", []change{signIn(before, plain)}, "email", nil},
		{"username_like_alias", "a preferred username has no form", []change{signIn(after, plain, email, types.AliasAttributeTypePreferredUsername)}, "", nil},
		{"username_not_address", "names, then addresses", []change{signIn(after, byEmail)}, "email", nil},
		{"username_not_address", "addresses, then addresses", []change{signIn(before, byEmail), signIn(after, byEmail)}, "", nil},
		{"username_like_alias", "the phone number too", []change{signIn(after, plain, email, phone)}, "phone_number", nil},
		{"case_folded", "Ada and ada become one", []change{sensitive(before), variable("TYPED_NAME", "typed")}, newPoolID, []string{"case_told"}},
		{"case_not_told", "nobody says what was typed", []change{sensitive(before)}, newPoolID, []string{"case_folded"}},
		{"case_not_told", "the app says it", []change{sensitive(before), variable("TYPED_NAME", "typed")}, "", []string{"case_folded", "case_told"}},
		{"case_not_told", "the new pool minds case", []change{sensitive(after)}, "", []string{"case_split"}},
		{"case_told", "it has to", []change{sensitive(before), variable("TYPED_NAME", "typed")}, "typed", []string{"case_folded"}},
		{"case_told", "both fold case", []change{variable("TYPED_NAME", "typed")}, "", nil},
		{"case_folded", "both tell them apart", []change{sensitive(before), sensitive(after)}, "", nil},
		{"case_split", "Ada may come twice", []change{sensitive(after)}, newPoolID, nil},
		{"case_split", "neither tells them apart", nil, "", nil},

		{"mfa_lost", "required, then none", []change{mfa(before, types.UserPoolMfaTypeOn)}, newPoolID, []string{"old_mfa"}},
		{"old_mfa", "optional in both", []change{mfa(before, types.UserPoolMfaTypeOptional), mfa(after, types.UserPoolMfaTypeOptional)}, "OPTIONAL", nil},
		{"old_mfa", "new in the new pool", []change{mfa(after, types.UserPoolMfaTypeOptional)}, "", nil},
		{"mfa_lost", "none before", []change{mfa(before, types.UserPoolMfaTypeOff)}, "", nil},
		{"new_mfa_required", "required", []change{mfa(after, types.UserPoolMfaTypeOn)}, "SECOND_FACTOR=drop", nil},
		{"new_mfa_required", "optional", []change{mfa(after, types.UserPoolMfaTypeOptional)}, "", nil},
		{"second_factor_not_carried", "MFA is off", []change{variable("SECOND_FACTOR", "carry_sms")}, "MFA is off", nil},
		{"second_factor_not_carried", "no SMS", []change{variable("SECOND_FACTOR", "carry_sms"), mfa(after, types.UserPoolMfaTypeOptional)}, "SMS is no second factor", nil},
		{"second_factor_not_carried", "SMS", []change{variable("SECOND_FACTOR", "carry_sms"), mfa(after, types.UserPoolMfaTypeOptional), func(s *Snapshot) {
			s.NewMFA.SmsMfaConfiguration = &types.SmsMfaConfigType{}
		}}, "", nil},
		{"second_factor_not_carried", "dropped", []change{mfa(after, types.UserPoolMfaTypeOptional)}, "", nil},
		{"new_open_sign_up", "by default", []change{func(s *Snapshot) { s.NewPool.AdminCreateUserConfig = nil }}, newPoolID, nil},
		{"new_open_sign_up", "administrators alone", nil, "", nil},
		{"new_open_sign_up", "guarded", []change{func(s *Snapshot) {
			s.NewPool.AdminCreateUserConfig = nil
			s.NewPool.LambdaConfig.PreSignUp = aws.String("arn:aws:lambda:eu-west-1:123456789012:function:stack-GuardFunction-1")
		}}, "", nil},
		{"new_open_sign_up", "by another function", []change{func(s *Snapshot) {
			s.NewPool.AdminCreateUserConfig, s.NewPool.LambdaConfig.PreSignUp = nil, aws.String(otherArn)
		}}, newPoolID, []string{"new_pre_sign_up"}},
		{"password_policy", "longer, with symbols", []change{func(s *Snapshot) {
			s.NewPool.Policies.PasswordPolicy = &types.PasswordPolicyType{MinimumLength: aws.Int32(12), RequireNumbers: true, RequireSymbols: true}
		}}, "at least 12 characters, symbols", nil},
		{"password_policy", "both cases of letters", []change{func(s *Snapshot) {
			s.NewPool.Policies.PasswordPolicy.RequireUppercase, s.NewPool.Policies.PasswordPolicy.RequireLowercase = true, true
		}}, "uppercase, lowercase", nil},
		{"password_policy", "numbers, where nothing was set", []change{func(s *Snapshot) { s.OldPool.Policies = nil }}, "at least 8 characters, numbers", nil},
		{"password_policy", "milder", []change{func(s *Snapshot) {
			s.NewPool.Policies.PasswordPolicy = &types.PasswordPolicyType{MinimumLength: aws.Int32(6)}
		}}, "", nil},

		{"old_triggers", "around the sign-in", []change{triggers(before, types.LambdaConfigType{PreAuthentication: fn, PostAuthentication: fn, PreTokenGeneration: fn})}, "PostAuthentication, PreAuthentication, PreTokenGeneration", nil},
		{"old_triggers", "by its newer setting", []change{triggers(before, types.LambdaConfigType{PreTokenGenerationConfig: &types.PreTokenGenerationVersionConfigType{LambdaArn: fn}})}, "PreTokenGeneration", nil},
		{"old_triggers", "a migration of its own", []change{triggers(before, types.LambdaConfigType{UserMigration: fn})}, "UserMigration", nil},
		{"old_triggers", "those of other flows", []change{triggers(before, types.LambdaConfigType{PreSignUp: fn, PostConfirmation: fn, DefineAuthChallenge: fn})}, "", nil},
		{"new_pre_authentication", "before the sign-in", []change{triggers(after, types.LambdaConfigType{PreAuthentication: fn})}, "PreAuthentication", nil},
		{"new_pre_authentication", "after the sign-in", []change{triggers(after, types.LambdaConfigType{PostAuthentication: fn})}, "", nil},
		{"new_pre_sign_up", "before the sign-up", []change{triggers(after, types.LambdaConfigType{PreSignUp: fn})}, "PreSignUp", nil},
		{"new_pre_sign_up", "of the old pool", []change{triggers(before, types.LambdaConfigType{PreSignUp: fn})}, "", nil},
		{"new_sign_up_triggers", "after the sign-up", []change{triggers(after, types.LambdaConfigType{PostConfirmation: fn})}, "PostConfirmation", nil},
		{"new_sign_up_triggers", "around the sign-in", []change{triggers(after, types.LambdaConfigType{PostAuthentication: fn, PreTokenGeneration: fn})}, "", nil},
		{"old_threat_protection", "enforced", []change{threat(types.AdvancedSecurityModeTypeEnforced)}, oldPoolID, nil},
		{"old_threat_protection", "only logging", []change{threat(types.AdvancedSecurityModeTypeAudit)}, "", nil},

		{"recovery_admin_only", "administrators alone", []change{recovery(types.RecoveryOptionNameTypeAdminOnly)}, "admin_only", nil},
		{"recovery_admin_only", "nothing set", nil, "", nil},
		{"recovery_address", "phone, where email is verified", []change{recovery(types.RecoveryOptionNameTypeVerifiedPhoneNumber)}, "phone_number", nil},
		{"recovery_address", "nothing is verified", []change{func(s *Snapshot) { s.OldPool.AutoVerifiedAttributes = nil }}, "phone_number, email", nil},
		{"recovery_address", "which is known to be right", []change{func(s *Snapshot) { s.OldPool.AutoVerifiedAttributes = nil }, variable("ASSUME_VERIFIED", "email")}, "", nil},
		{"recovery_address", "phone, then email", []change{recovery(types.RecoveryOptionNameTypeVerifiedPhoneNumber, types.RecoveryOptionNameTypeVerifiedEmail)}, "", nil},
		{"recovery_mfa", "email for both", []change{
			mfa(after, types.UserPoolMfaTypeOptional), recovery(types.RecoveryOptionNameTypeVerifiedEmail),
			func(s *Snapshot) { s.NewMFA.EmailMfaConfiguration = &types.EmailMfaConfigType{} },
		}, "verified_email", nil},
		{"recovery_mfa", "phone for both", []change{
			mfa(after, types.UserPoolMfaTypeOptional), recovery(types.RecoveryOptionNameTypeVerifiedPhoneNumber),
			func(s *Snapshot) { s.NewMFA.SmsMfaConfiguration = &types.SmsMfaConfigType{} },
		}, "verified_phone_number", []string{"recovery_address"}},
		{"recovery_mfa", "email for one, phone for the other", []change{
			mfa(after, types.UserPoolMfaTypeOptional), recovery(types.RecoveryOptionNameTypeVerifiedEmail),
			func(s *Snapshot) { s.NewMFA.SmsMfaConfiguration = &types.SmsMfaConfigType{} },
		}, "", nil},
		{"recovery_mfa", "email for both, but phone too", []change{
			mfa(after, types.UserPoolMfaTypeOptional), recovery(types.RecoveryOptionNameTypeVerifiedEmail, types.RecoveryOptionNameTypeVerifiedPhoneNumber),
			func(s *Snapshot) { s.NewMFA.EmailMfaConfiguration = &types.EmailMfaConfigType{} },
		}, "", nil},
		{"email_sender", "Cognito's own", []change{func(s *Snapshot) {
			s.NewPool.EmailConfiguration.EmailSendingAccount = types.EmailSendingAccountTypeCognitoDefault
		}}, "COGNITO_DEFAULT", nil},
		{"email_sender", "nothing set", []change{func(s *Snapshot) { s.NewPool.EmailConfiguration = nil }}, "COGNITO_DEFAULT", nil},
		{"email_sender", "a function sends", []change{
			func(s *Snapshot) { s.NewPool.EmailConfiguration = nil },
			triggers(after, types.LambdaConfigType{CustomEmailSender: &types.CustomEmailLambdaVersionConfigType{LambdaArn: fn}}),
		}, "", nil},
		{"sms_sender", "in the sandbox", []change{func(s *Snapshot) { s.NewPool.SmsConfigurationFailure = aws.String("SNSSandbox") }}, "SNSSandbox", nil},
		{"sms_sender", "in the sandbox, and not needed", []change{
			func(s *Snapshot) { s.NewPool.SmsConfigurationFailure = aws.String("SNSSandbox") }, recovery(types.RecoveryOptionNameTypeVerifiedEmail),
		}, "", nil},

		{"probe_client", "another pool's", []change{func(s *Snapshot) { s.ProbeClient = "1other" }}, "1other", nil},
		{"probe_client", "of the new pool", nil, "", nil},
		{"probe_off", "no client", []change{func(s *Snapshot) { s.ProbeClient = "" }}, newPoolID, nil},
		{"probe_off", "a client", nil, "", nil},
		{"quota", "one Region", []change{func(s *Snapshot) {
			s.OldPool.Arn = aws.String("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/" + oldPoolID)
		}}, "plan on 60 first sign-ins a second", nil},
		{"quota", "two Regions", nil, "", nil},
		{"old_deletion_protection", "off", []change{func(s *Snapshot) { s.OldPool.DeletionProtection = types.DeletionProtectionTypeInactive }}, oldPoolID, nil},
		{"old_deletion_protection", "off in the new pool alone", []change{func(s *Snapshot) { s.NewPool.DeletionProtection = "" }}, "", nil},
	}
	ways := map[string]map[bool]bool{}
	for _, tt := range tests {
		if ways[tt.id] == nil {
			ways[tt.id] = map[bool]bool{}
		}
		ways[tt.id][tt.want != ""] = true
		t.Run(tt.id+"/"+tt.name, func(t *testing.T) {
			s := faultless(t)
			deployed := s.Variables["NEW_POOL"]
			for _, change := range tt.change {
				change(s)
			}
			if s.NewPool != nil && s.Variables["NEW_POOL"] == deployed {
				s.Variables["NEW_POOL"] = described(t, s.NewPool) // the change was before the deployment
			}
			report := Check(*s)
			want := slices.Clone(tt.also)
			if tt.want != "" {
				want = append(want, tt.id)
			}
			var got []string
			for _, f := range report.Findings {
				got = append(got, f.ID)
				if f.ID == tt.id && !strings.Contains(f.What, tt.want) {
					t.Errorf("found %q, which does not say %q", f.What, tt.want)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	for _, r := range rules {
		if !ways[r.id][true] || !ways[r.id][false] {
			t.Errorf("%s is not tested both ways", r.id)
		}
	}
}

// A preflight that could not look is never green, whatever it could not look at.
func TestWhatIsNotSeenIsAProblem(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: arn:aws:sts::123456789012:assumed-role/inspect is not authorized"}
	for name, hide := range map[string]func(*Snapshot){
		"nothing was seen":         func(s *Snapshot) { *s = Snapshot{} },
		"the old pool":             func(s *Snapshot) { s.OldPool = nil },
		"the old client":           func(s *Snapshot) { s.OldClient = nil },
		"the new pool":             func(s *Snapshot) { s.NewPool = nil },
		"the new pool's MFA":       func(s *Snapshot) { s.NewMFA = nil },
		"the new clients":          func(s *Snapshot) { s.NewClients = nil },
		"the function's policy":    func(s *Snapshot) { s.Policy = nil },
		"the function's variables": func(s *Snapshot) { s.Variables = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := faultless(t)
			hide(s)
			s.Errors = map[Part]error{}
			for _, p := range parts {
				s.Errors[p.part] = denied
			}
			report := Check(*s)
			if report.Verdict != Problems || len(report.Findings) != 1 || report.Findings[0].ID != notChecked {
				t.Fatalf("%+v", report)
			}
			if what := report.Findings[0].What; !strings.Contains(what, "AccessDeniedException") || strings.Contains(what, "sts") {
				t.Errorf("%q should name the code and quote nothing", what)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Snapshot)
		want   Conclusion
	}{
		{"faultless", func(*Snapshot) {}, OK},
		{"not attached yet", func(s *Snapshot) { s.NewPool.LambdaConfig = nil }, OK},
		{"worth knowing", func(s *Snapshot) { s.OldPool.DeletionProtection = "" }, OK},
		{"an error", func(s *Snapshot) { s.Policy = &ResourcePolicy{} }, Problems},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := faultless(t)
			tt.change(s)
			if got := Check(*s).Verdict; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestErrorsComeFirst(t *testing.T) {
	s := faultless(t)
	s.OldPool.DeletionProtection = ""
	s.NewPool.LambdaConfig = nil
	s.OldClient.ClientSecret = aws.String(secret)
	var got []Severity
	for _, f := range Check(*s).Findings {
		got = append(got, f.Severity)
	}
	if diff := cmp.Diff([]Severity{Error, Warning, Info}, got); diff != "" {
		t.Errorf("severities (-want +got):\n%s", diff)
	}
}

func TestReportAsJSON(t *testing.T) {
	s := faultless(t)
	clean, err := json.Marshal(Check(*s))
	if want := `{"verdict":"OK","findings":[]}`; err != nil || string(clean) != want {
		t.Errorf("%s, %v, want %s", clean, err, want)
	}
	s.OldClient.ClientSecret = aws.String(secret)
	found, err := json.Marshal(Check(*s))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id":"old_client_secret"`, `"severity":"error"`, `"what":"`, `"why":"`, `"mend":"`, `"docs":"https://`} {
		if !strings.Contains(string(found), want) {
			t.Errorf("%s lacks %s", found, want)
		}
	}
	if strings.Contains(string(found), secret) {
		t.Errorf("%s gives the client's secret away", found)
	}
}

// Both update calls reset what is not sent: a mend that names one says so.
func TestMendsAreSafe(t *testing.T) {
	for _, r := range rules {
		if strings.Contains(r.mend, "update-user-pool") && !strings.Contains(r.mend, "resets every setting that is not sent") {
			t.Errorf("%s: %q does not warn", r.id, r.mend)
		}
	}
}

func TestEveryFindingIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/preflight.md")
	if err != nil {
		t.Fatal(err)
	}
	var findings []string
	for _, severity := range severities {
		for _, r := range rules {
			if r.severity == severity {
				mend := strings.TrimSuffix(strings.TrimSuffix(r.mend, byCLI), byClientCLI)
				findings = append(findings,
					fmt.Sprintf("### %s\n\n**%s**: [%s](%s). %s\n\n%s\n", r.id, r.severity, r.what, r.docs, r.why, mend))
			}
		}
	}
	want := strings.Join(findings, "\n")
	if _, got, _ := strings.Cut(string(page), "how to mend it.\n\n"); got != want {
		t.Errorf("docs/preflight.md should end with this:\n%s", want)
	}
}
