package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// pools differ as pools do when somebody migrates: the old one minds case, and the new one does not; the new one requires a
// name, has another name for the tenant, no place for the legacy flag, and keeps the old sub.
var pools = sandbox.Pools{
	Old: cognito.Config{
		MFA: "OPTIONAL", AliasAttributes: []string{"email"}, SchemaAttributes: custom("custom:tenant", "custom:legacy"),
	},
	New: cognito.Config{
		AliasAttributes:       []string{"email"},
		SchemaAttributes:      append(custom("custom:org", "custom:old_sub"), types.SchemaAttributeType{Name: aws.String("name"), Required: aws.Bool(true)}),
		UsernameConfiguration: &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)},
	},
}

// bridge is the configuration that gets users from the one to the other, beside the new pool's shape.
var bridge = map[string]string{
	"CARRY_GROUPS": "yes",
	"CENSUS_RATE":  "25",
	"ATTRIBUTES":   "custom:old_sub=sub,custom:org=custom:tenant,-custom:legacy",
	"TYPED_NAME":   "typed",
}

func custom(names ...string) []types.SchemaAttributeType {
	attributes := make([]types.SchemaAttributeType, len(names))
	for i, name := range names {
		attributes[i].Name = aws.String(name)
	}
	return attributes
}

// linked counts the users of the new pool who have what the rules gave them: the tenant by its new name, the old sub, and no more.
func linked(ctx context.Context, sb *sandbox.Sandbox) (all, whole int, err error) {
	old, err := sb.Old.Users(ctx)
	if err != nil {
		return 0, 0, err
	}
	bySub := map[string]cognito.User{}
	for _, u := range old {
		bySub[u.Sub] = u
	}
	users, err := sb.New.Users(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, u := range users {
		from, ok := bySub[u.Attributes["custom:old_sub"]]
		_, legacy := u.Attributes["custom:legacy"]
		if ok && !legacy && u.Attributes["custom:org"] == from.Attributes["custom:tenant"] {
			whole++
		}
	}
	return len(users), whole, nil
}

// tenant is the tenant of the i-th user.
func tenant(i int) string { return fmt.Sprintf("tenant-%d", i%7) }
