package cognito_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{AliasAttributes: []string{"email"}})
	put(
		t, pool,
		cognito.User{Username: "ann", Sub: "a-0", Password: "right", Attributes: verified("ann@example.com")},
		cognito.User{Username: "bob", Sub: "b-0"},
	)
	c, ctx := client(pool), t.Context()
	pages := map[string]string{
		"create": reference + "API_CreateGroup.html", "add": reference + "API_AdminAddUserToGroup.html",
		"of": reference + "API_AdminListGroupsForUser.html", "list": reference + "API_ListGroups.html",
	}
	for _, tt := range []struct{ rule, call, argument, want string }{
		{"no groups", "list", "", ""},
		{"a new group", "create", "writers", "writers"},
		{"another one", "create", "readers", "readers"},
		{"a group that exists", "create", "readers", "GroupExistsException: A group with the name already exists."},
		{"by name", "list", "", "readers writers"},
		{"nobody is in a group at first", "of", "ann", ""},
		{"by the username", "add", "ann readers", "added"},
		{"by an alias", "add", "ann@example.com writers", "added"},
		{"by the sub", "add", "b-0 writers", "added"},
		{"again", "add", "ann readers", "added"},
		{"a group that is none", "add", "ann editors", "ResourceNotFoundException: Group not found."},
		{"a user who is none", "add", "cy readers", unknown},
		{"of a user, by the username", "of", "ann", "readers writers"},
		{"of a user, by an alias", "of", "ann@example.com", "readers writers"},
		{"of a user, by the sub", "of", "b-0", "writers"},
		{"of a user who is none", "of", "cy", unknown},
	} {
		var got []types.GroupType
		var err error
		said := ""
		switch tt.call {
		case "create":
			var out *idp.CreateGroupOutput
			if out, err = c.CreateGroup(ctx, &idp.CreateGroupInput{UserPoolId: aws.String(poolID), GroupName: &tt.argument}); err == nil {
				got = []types.GroupType{*out.Group}
			}
		case "add":
			user, group, _ := strings.Cut(tt.argument, " ")
			_, err = c.AdminAddUserToGroup(ctx, &idp.AdminAddUserToGroupInput{UserPoolId: aws.String(poolID), Username: &user, GroupName: &group})
			said = "added"
		case "of":
			got, err = groupsOf(ctx, c, tt.argument, nil)
		case "list":
			var out *idp.ListGroupsOutput
			if out, err = c.ListGroups(ctx, &idp.ListGroupsInput{UserPoolId: aws.String(poolID)}); err == nil {
				got = out.Groups
			}
		}
		if err != nil {
			said = outcome("", err)
		} else if said == "" {
			said = groupNames(got)
		}
		if said != tt.want {
			t.Errorf("%s: %s, want %s (%s)", tt.rule, said, tt.want, pages[tt.call])
		}
	}
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminListGroupsForUser.html
func TestPagesOfGroups(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	put(t, pool, cognito.User{Username: "ann"})
	c := client(pool)
	for i := range 5 {
		name := fmt.Sprintf("group%d", i)
		if _, err := c.CreateGroup(t.Context(), &idp.CreateGroupInput{UserPoolId: aws.String(poolID), GroupName: &name}); err != nil {
			t.Fatal(err)
		}
		add := &idp.AdminAddUserToGroupInput{UserPoolId: aws.String(poolID), Username: aws.String("ann"), GroupName: &name}
		if _, err := c.AdminAddUserToGroup(t.Context(), add); err != nil {
			t.Fatal(err)
		}
	}
	got, err := groupsOf(t.Context(), c, "ann", aws.Int32(2))
	if want := "group0 group1 group2 group3 group4"; err != nil || groupNames(got) != want {
		t.Errorf("%s, %v; want %s", groupNames(got), err, want)
	}
	var listed []types.GroupType
	in := &idp.ListGroupsInput{UserPoolId: aws.String(poolID), Limit: aws.Int32(3)}
	for pages := idp.NewListGroupsPaginator(c, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, page.Groups...)
	}
	if got := groupNames(listed); got != "group0 group1 group2 group3 group4" {
		t.Error(got)
	}
}

func groupsOf(ctx context.Context, c *idp.Client, username string, limit *int32) (groups []types.GroupType, err error) {
	in := &idp.AdminListGroupsForUserInput{UserPoolId: aws.String(poolID), Username: &username, Limit: limit}
	for pages := idp.NewAdminListGroupsForUserPaginator(c, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		groups = append(groups, page.Groups...)
	}
	return groups, nil
}

func groupNames(groups []types.GroupType) string {
	names := make([]string, len(groups))
	for i, group := range groups {
		names[i] = *group.GroupName
	}
	return strings.Join(names, " ")
}
