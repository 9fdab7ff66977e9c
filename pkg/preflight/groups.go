package preflight

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

var groupRules = []rule{
	{
		id: "groups_missing", severity: Warning, needs: OldGroups | NewGroups,
		check: func(s Snapshot) []string {
			return slices.DeleteFunc(slices.Clone(s.OldGroups), func(name string) bool { return slices.Contains(s.NewGroups, name) })
		},
		what: "The new pool lacks groups of the old one, and users are to keep their groups (CARRY_GROUPS)",
		why:  "Nobody makes them: users who move lose what they may do by them. Confirm counts those losses (GroupsMissing), and does not ask about the same user again.",
		mend: "Make each group before the trigger is attached: New pool → Groups → Create group. Or: aws cognito-idp create-group --user-pool-id $NEW_USER_POOL_ID --group-name …. Nothing, if a group is not needed any more.",
		docs: guide + "cognito-user-pools-user-groups.html",
	},
}

// groups lists the names of a pool's groups.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListGroups.html
func groups(ctx context.Context, pools Cognito, pool string) ([]string, error) {
	names := []string{}
	pages := cognito.NewListGroupsPaginator(pools, &cognito.ListGroupsInput{UserPoolId: &pool, Limit: aws.Int32(60)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.Groups {
			names = append(names, aws.ToString(g.GroupName))
		}
	}
	return names, nil
}

// lookAtGroups lists the groups of both pools if users are to keep theirs; else there is nothing to look at.
func lookAtGroups(ctx context.Context, t Targets, s *Snapshot) {
	if !t.CarryGroups {
		s.OldGroups, s.NewGroups = []string{}, []string{}
		return
	}
	var err error
	if s.OldGroups, err = groups(ctx, t.Old, t.OldPoolID); err != nil {
		s.Errors[OldGroups] = err
	}
	if s.NewGroups, err = groups(ctx, t.New, t.NewPoolID); err != nil {
		s.Errors[NewGroups] = err
	}
}
