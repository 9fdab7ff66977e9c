package preflight

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// listed is a user as ListUsers tells it, with attributes as name, value, name, value.
func listed(username string, attributes ...string) types.UserType {
	u := types.UserType{Username: &username, Enabled: true, UserStatus: types.UserStatusTypeConfirmed}
	add := func(name, value string) {
		u.Attributes = append(u.Attributes, types.AttributeType{Name: &name, Value: &value})
	}
	add("sub", "sub-of-"+username)
	for i := 0; i < len(attributes); i += 2 {
		add(attributes[i], attributes[i+1])
	}
	return u
}

func verified(username, address string) types.UserType {
	return listed(username, "email", address, "email_verified", "true")
}

// Each case says what is counted of a few users of two pools; nothing else is.
func TestSurvey(t *testing.T) {
	minds := func(pool *types.UserPoolType) { pool.UsernameConfiguration = nil }
	byEmail := func(pool *types.UserPoolType) {
		pool.UsernameAttributes, pool.AliasAttributes = []types.UsernameAttributeType{types.UsernameAttributeTypeEmail}, nil
	}
	plain := func(pool *types.UserPoolType) { pool.AliasAttributes = nil }
	short := func(pool *types.UserPoolType) {
		pool.SchemaAttributes[2].StringAttributeConstraints.MaxLength = aws.String("3")
	}
	needsTenant := func(pool *types.UserPoolType) { pool.SchemaAttributes[2].Required = aws.Bool(true) }
	factors := func(pool *types.UserPoolType) { pool.MfaConfiguration = types.UserPoolMfaTypeOptional }
	as := func(status types.UserStatusType) types.UserType {
		u := verified("ada", "ada@example.org")
		u.UserStatus = status
		return u
	}
	disabled, sms := as(types.UserStatusTypeConfirmed), as(types.UserStatusTypeConfirmed)
	disabled.Enabled = false
	sms.MFAOptions = []types.MFAOptionType{{DeliveryMedium: types.DeliveryMediumTypeSms}}

	type pools []func(*types.UserPoolType)
	tests := []struct {
		name       string
		old, later pools
		variables  map[string]string
		users      []types.UserType
		want       map[string]int // by id and detail
	}{
		{"nothing is wrong", nil, nil, nil, []types.UserType{verified("ada", "ada@example.org"), listed("bob")}, nil},
		{
			"capitals are lost",
			pools{minds},
			nil, nil,
			[]types.UserType{verified("Ada", "ada@example.org"), listed("bob")},
			map[string]int{capitals: 1, refused + " unknown_user, when they type the username": 1},
		},
		{
			"capitals are told",
			pools{minds},
			nil,
			map[string]string{"TYPED_NAME": "typed"},
			[]types.UserType{listed("Ada"), listed("bob")},
			map[string]int{capitals: 1},
		},
		{"capitals do not matter", pools{minds}, pools{minds}, nil, []types.UserType{listed("Ada"), listed("ADA")}, nil},
		{
			"twins",
			pools{minds},
			nil,
			map[string]string{"TYPED_NAME": "typed"},
			[]types.UserType{listed("Ada"), listed("ADA"), listed("aDa")},
			map[string]int{capitals: 3, caseTwin: 2},
		},
		{
			"an address as username, which is the user's own",
			pools{plain},
			nil, nil,
			[]types.UserType{verified("pat@example.org", "pat@example.org")},
			map[string]int{usernameForm + " email": 1},
		},
		{
			"an address as username, which is not",
			pools{plain},
			nil, nil,
			[]types.UserType{verified("pat@example.org", "pat@example.com"), listed("pat@example.net", "email", "pat@example.net")},
			map[string]int{
				usernameForm + " email": 2, refused + " attribute_rejected username, whatever they type": 1,
				refused + " alias_unverified email_verified, whatever they type": 1,
			},
		},
		{
			"usernames where addresses are taken", nil,
			pools{byEmail},
			nil,
			[]types.UserType{verified("ada", "ada@example.org"), listed("bob")},
			map[string]int{
				refused + " attribute_rejected username, when they type the username": 1,
				refused + " attribute_rejected username, whatever they type":          1,
			},
		},
		{
			"an address that becomes an alias",
			pools{byEmail},
			nil, nil,
			[]types.UserType{verified("sub-of-ada", "ada@example.org"), listed("sub-of-bob", "email", "bob@example.org", "email_verified", "false")},
			map[string]int{refused + " alias_unverified email_verified, whatever they type": 1},
		},
		{
			"an alias that is not verified", nil, nil, nil,
			[]types.UserType{listed("ada", "email", "ada@example.org", "email_verified", "false")},
			map[string]int{unverifiedAlias + " email": 1},
		},
		{
			"an alias that is known to be right", nil, nil,
			map[string]string{"ASSUME_VERIFIED": "email"},
			[]types.UserType{listed("ada", "email", "ada@example.org", "email_verified", "false")},
			nil,
		},
		{
			"one address of many",
			pools{plain},
			nil, nil,
			[]types.UserType{
				verified("ada", "us@example.org"), verified("bob", "US@example.org"), listed("cy", "email", "us@example.org"), verified("dot", "dot@example.org"),
			},
			map[string]int{sharedVerified + " email": 1, sharedUnverified + " email": 1, unverifiedAlias + " email": 1},
		},
		{
			"one address in two cases, where case is minded",
			pools{plain, minds},
			pools{minds},
			nil,
			[]types.UserType{verified("ada", "us@example.org"), verified("bob", "US@example.org")},
			nil,
		},
		{
			"one address where it is no name",
			pools{plain},
			pools{plain},
			nil,
			[]types.UserType{verified("ada", "us@example.org"), verified("bob", "us@example.org")},
			nil,
		},
		{
			"a value that is too long", nil,
			pools{short},
			nil,
			[]types.UserType{listed("ada", "custom:tenant", "acme"), listed("bob", "custom:tenant", "foo")},
			map[string]int{valueUnfit + " custom:tenant": 1},
		},
		{
			"a value that is dropped", nil,
			pools{short},
			map[string]string{"ATTRIBUTES": "-custom:tenant"},
			[]types.UserType{listed("ada", "custom:tenant", "acme")},
			nil,
		},
		{
			"a required attribute", nil,
			pools{needsTenant},
			nil,
			[]types.UserType{listed("ada", "custom:tenant", "acme"), listed("bob")},
			map[string]int{refused + " attribute_rejected custom:tenant, whatever they type": 1},
		},
		{
			"a required attribute that a rule gives", nil,
			pools{needsTenant},
			map[string]string{"ATTRIBUTES": "custom:tenant?=none"},
			[]types.UserType{listed("bob")},
			nil,
		},
		{"disabled", nil, nil, nil, []types.UserType{disabled}, map[string]int{refused + " disabled, whatever they type": 1}},
		{
			"unconfirmed", nil, nil, nil,
			[]types.UserType{as(types.UserStatusTypeUnconfirmed)},
			map[string]int{refused + " unconfirmed, whatever they type": 1},
		},
		{
			"a temporary password", nil, nil, nil,
			[]types.UserType{as(types.UserStatusTypeForceChangePassword)},
			map[string]int{refused + " challenge NEW_PASSWORD_REQUIRED, whatever they type": 1},
		},
		{"codes by SMS", pools{factors}, nil, nil, []types.UserType{sms}, map[string]int{refused + " challenge SMS_MFA, whatever they type": 1}},
		{"codes by SMS, which nobody asks for", nil, nil, nil, []types.UserType{sms}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := faultless(t)
			for _, change := range tt.old {
				change(s.OldPool)
			}
			for _, change := range tt.later {
				change(s.NewPool)
			}
			set, err := ParseSettings(tt.variables)
			if err != nil {
				t.Fatal(err)
			}
			survey, err := NewSurvey(s.OldPool, s.NewPool, set, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range tt.users {
				survey.Add(u)
			}
			var got map[string]int
			for _, k := range survey.Kinds() {
				if got == nil {
					got = map[string]int{}
				}
				id := k.ID
				if k.Detail != "" {
					id += " " + k.Detail
				}
				if _, how, ok := strings.Cut(k.What, "at sign-in"); ok {
					id += how
				}
				got[id] = k.Users
				if len(k.Examples) != 1 || k.What == "" {
					t.Errorf("%+v", k)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || survey.Users() != len(tt.users) {
				t.Errorf("%d users (-want +got):\n%s", survey.Users(), diff)
			}
		})
	}
}

// A survey without examples names nobody, and counts the same in any order.
func TestASurveyNamesNobody(t *testing.T) {
	s := faultless(t)
	s.OldPool.UsernameConfiguration, s.OldPool.AliasAttributes = nil, nil
	rapid.Check(t, func(t *rapid.T) {
		users := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) types.UserType {
			u := listed(rapid.StringMatching(`[AaBb]{1,3}(@x)?`).Draw(t, "username"), "email", rapid.StringMatching(`[AaBb]@x`).Draw(t, "email"),
				"email_verified", rapid.SampledFrom([]string{"true", "false"}).Draw(t, "verified"))
			u.Enabled = rapid.Bool().Draw(t, "enabled")
			return u
		}), 1, 20).Draw(t, "users")
		counted := func(users []types.UserType) map[string]int {
			survey, err := NewSurvey(s.OldPool, s.NewPool, Settings{Policy: migration.Policy{}}, 0)
			if err != nil {
				t.Fatal(err)
			}
			counts := map[string]int{}
			for _, u := range users {
				survey.Add(u)
			}
			for _, k := range survey.Kinds() {
				counts[fmt.Sprint(k.ID, " ", k.Detail, k.What)] = k.Users
				if len(k.Examples) > 0 {
					t.Fatalf("%+v", k)
				}
			}
			one, other := sharedVerified+" email"+kinds[sharedVerified], sharedUnverified+" email"+kinds[sharedUnverified]
			counts["shared"] = counts[one] + counts[other] // which of them, the order decides
			delete(counts, one)
			delete(counts, other)
			return counts
		}
		if diff := cmp.Diff(counted(users), counted(rapid.Permutation(users).Draw(t, "other order"))); diff != "" {
			t.Fatalf("(-in order +in another):\n%s", diff)
		}
	})
}
