package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// observeFacts looks at what AWS's documentation does not say, or says in two ways.
func (m *smoke) observeFacts(ctx context.Context) {
	m.observe(ctx, "which triggers Cognito calls in a migration", "a function at PreSignUp and PostAuthentication of the new pool", m.witnessed)
	m.observe(ctx, "an immutable attribute is set by a migration", "the link of the new pool is immutable", func(ctx context.Context) (string, error) {
		value, err := m.attribute(ctx, m.newID, "ada", "custom:old_sub")
		return fmt.Sprintf("custom:old_sub is set: %t", value != ""), err
	})
	m.observe(ctx, "a migration sets an attribute that the app client may not write", "a user signs in by a client that may write email alone", m.unwritable)
	m.observe(ctx, "AdminGetUser takes the sub of a local user", "at the old pool", func(ctx context.Context) (string, error) {
		user, err := m.cognito.AdminGetUser(ctx, &cognitoidentityprovider.AdminGetUserInput{UserPoolId: &m.oldID, Username: ptr(m.subs["ada"])})
		if err != nil {
			return outcomeOf(err), nil
		}
		return "yes: it finds " + aws.ToString(user.Username), nil
	})
	m.observe(ctx, "ListUsers by a prefix of the sub, and how long it takes", `sub ^= "…", ten times, in a pool of ten`, m.listed)
	for _, untried := range [][2]string{
		{"SMS as second factor, with a number that is not verified", "it takes a role for SMS, and sends text messages"},
		{"PostAuthentication at managed login", "it takes a domain and a browser"},
		{"whether migrations draw on the quota UserCreation", "it takes hundreds of users a second"},
	} {
		m.rows = append(m.rows, []any{"not tried", untried[0], "", untried[1]})
	}
}

// attribute is that of a user.
func (m *smoke) attribute(ctx context.Context, pool, name, attribute string) (string, error) {
	user, err := m.cognito.AdminGetUser(ctx, &cognitoidentityprovider.AdminGetUserInput{UserPoolId: &pool, Username: &name})
	if err != nil {
		return "", m.stack.explain(ctx, err)
	}
	for _, a := range user.UserAttributes {
		if aws.ToString(a.Name) == attribute {
			return aws.ToString(a.Value), nil
		}
	}
	return "", nil
}

// witnessed waits for what the witness wrote down, and counts it.
func (m *smoke) witnessed(ctx context.Context) (string, error) {
	if m.local {
		return "", unavailable{"no function but the stack's runs"}
	}
	logs := cloudwatchlogs.NewFromConfig(*m.stack.cfg)
	seen := map[string]int{}
	err := m.until(ctx, time.Minute, func(ctx context.Context) (bool, error) {
		clear(seen)
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(logs, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: ptr(m.stage["WitnessLogGroup"]), FilterPattern: ptr("witness"),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return false, m.stack.explain(ctx, err)
			}
			for _, e := range page.Events {
				seen[strings.TrimPrefix(strings.TrimSpace(aws.ToString(e.Message)), "witness ")]++
			}
		}
		return len(seen) > 0, nil
	})
	switch {
	case errors.Is(err, errPatience):
		return "none within a minute, of two migrations and a later sign-in", nil
	case err != nil:
		return "", err
	}
	var counts []string
	for _, source := range slices.Sorted(maps.Keys(seen)) {
		counts = append(counts, fmt.Sprintf("%s %d times", source, seen[source]))
	}
	return strings.Join(counts, ", ") + "; of two migrations and a later sign-in", nil
}

// unwritable moves a user by the app client that may write the email address alone.
func (m *smoke) unwritable(ctx context.Context) (string, error) {
	if m.narrowApp == "" {
		return "", unavailable{"a pool has one app client"}
	}
	u := trialUser{name: "hugo"}
	if err := m.makeUser(ctx, u); err != nil {
		return "", m.stack.explain(ctx, err)
	}
	if err := m.signIn(ctx, m.narrowApp, u.name, rightPassword); err != nil {
		return "no: the app is told " + outcomeOf(err), nil
	}
	value, err := m.attribute(ctx, m.newID, u.name, "custom:note")
	return fmt.Sprintf("the user moves; the attribute is set: %t", value != ""), err
}

func (m *smoke) listed(ctx context.Context) (string, error) {
	sub := m.subs["ada"]
	filter := fmt.Sprintf("sub ^= %q", sub[:min(2, len(sub))])
	var times []time.Duration
	found := 0
	for range 10 {
		began := time.Now()
		out, err := m.cognito.ListUsers(ctx, &cognitoidentityprovider.ListUsersInput{UserPoolId: &m.oldID, Filter: &filter})
		if err != nil {
			return outcomeOf(err), nil
		}
		times, found = append(times, time.Since(began).Round(time.Millisecond)), len(out.Users)
	}
	slices.Sort(times)
	return fmt.Sprintf("%d users, %s the fastest, %s the median, %s the slowest", found, times[0], times[5], times[9]), nil
}

// observeTransactions looks at what a cancelled transaction tells, and to whom.
func (m *smoke) observeTransactions(ctx context.Context, role *dynamodb.Client) {
	m.observe(ctx, "a cancelled transaction names every condition that failed", "two puts, neither of which can be", func(ctx context.Context) (string, error) {
		put := func(sk string) types.TransactWriteItem {
			item := nowhere()
			item["sk"] = &types.AttributeValueMemberS{Value: sk}
			return types.TransactWriteItem{Put: &types.Put{TableName: ptr(m.resources["AuditTable"]), Item: item, ConditionExpression: ptr(isThere)}}
		}
		_, err := role.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put("a"), put("b")}})
		return reasonsOf(err)
	})
	m.observe(ctx, "a role that may not read gets the item that stands where a condition failed", "a put over ada's first event, asking for it (ALL_OLD)", func(ctx context.Context) (string, error) {
		event, err := m.firstEvent(ctx)
		if err != nil {
			return "", err
		}
		_, err = role.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{
			TableName: ptr(m.resources["AuditTable"]), Item: event, ConditionExpression: ptr("attribute_not_exists(pk)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}}}})
		return reasonsOf(err)
	})
}

// firstEvent is the key of some event of the audit table.
func (m *smoke) firstEvent(ctx context.Context) (map[string]types.AttributeValue, error) {
	out, err := dynamodb.NewFromConfig(*m.stack.cfg).Scan(ctx, &dynamodb.ScanInput{TableName: ptr(m.resources["AuditTable"]), Limit: aws.Int32(1)})
	switch {
	case err != nil:
		return nil, m.stack.explain(ctx, err)
	case len(out.Items) == 0:
		return nil, errors.New("the audit table is empty")
	}
	return map[string]types.AttributeValue{"pk": out.Items[0]["pk"], "sk": out.Items[0]["sk"]}, nil
}

// reasonsOf says what a cancelled transaction told.
func reasonsOf(err error) (string, error) {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return "", fmt.Errorf("the transaction was not cancelled: %s", outcomeOf(err))
	}
	var told []string
	for _, r := range cancelled.CancellationReasons {
		told = append(told, fmt.Sprintf("%s with %d attributes of the item", aws.ToString(r.Code), len(r.Item)))
	}
	return strings.Join(told, "; "), nil
}
