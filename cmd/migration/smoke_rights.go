package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// noRights is why what IAM refuses can't be tried at an emulator.
const noRights = "nobody's rights are checked"

// checkRights tries what must be refused. Most tries have a condition that can't hold, so that they change nothing where they are not
// refused; the table is the trial's own in any case.
func (m *smoke) checkRights(ctx context.Context) {
	own := dynamodb.NewFromConfig(*m.stack.cfg)
	for _, try := range m.denied() {
		m.promise(ctx, "the audit table's policy refuses "+try.action, "with your own credentials, on an item that is not there",
			func(ctx context.Context) (string, error) { return m.refused(try.do(ctx, own), "explicit deny") })
	}
	var role *dynamodb.Client
	m.promise(ctx, "a role gets the rights that the trigger's has", "a role with the same policy, which you may assume",
		func(ctx context.Context) (seen string, err error) {
			role, seen, err = m.assume(ctx)
			return seen, err
		})
	if role != nil {
		m.checkRole(ctx, role)
	}
	for _, id := range slices.Sorted(maps.Keys(m.resources)) {
		if strings.HasSuffix(id, "Role") {
			m.promise(ctx, id+" may do nothing that is another's", "IAM's simulation of the role's policy",
				func(ctx context.Context) (string, error) { return m.simulate(ctx, id) })
		}
	}
}

// try is a call that must be refused.
type try struct {
	action string
	do     func(context.Context, *dynamodb.Client) error
}

// nowhere is the key of an item that is not there.
func nowhere() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "smoke"}, "sk": &types.AttributeValueMemberS{Value: "nothing"},
	}
}

// isThere is a condition that does not hold for an item that is not there.
const isThere = "attribute_exists(pk)"

// denied are the calls that the audit table's policy refuses to everybody.
func (m *smoke) denied() []try {
	table := ptr(m.resources["AuditTable"])
	statement := func(text string) func(context.Context, *dynamodb.Client) error {
		return func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: ptr(fmt.Sprintf(text, `"`+*table+`"`))})
			return err
		}
	}
	return []try{
		{"UpdateItem", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: nowhere(), ConditionExpression: ptr(isThere)})
			return err
		}},
		{"DeleteItem", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: nowhere(), ConditionExpression: ptr(isThere)})
			return err
		}},
		{"BatchWriteItem", func(ctx context.Context, c *dynamodb.Client) error {
			_, err := c.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				*table: {{DeleteRequest: &types.DeleteRequest{Key: nowhere()}}},
			}})
			return err
		}},
		{"PartiQL's update", statement(`UPDATE %s SET x = 1 WHERE pk = 'smoke' AND sk = 'nothing'`)},
		{"PartiQL's delete", statement(`DELETE FROM %s WHERE pk = 'smoke' AND sk = 'nothing'`)},
		{"PartiQL's insert", statement(`INSERT INTO %s VALUE {'pk': 'smoke', 'sk': 'inserted'}`)},
	}
}

// refused holds that a call was refused, by a policy that the message names.
func (m *smoke) refused(err error, by string) (string, error) {
	var api smithy.APIError
	if errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "AccessDenied") && strings.Contains(api.ErrorMessage(), by) {
		return api.ErrorCode() + ", " + by, nil
	}
	return "", m.onlyAWS(noRights, fmt.Errorf("not refused by an %s: %s", by, outcomeOf(err)))
}

// assume makes a role with the policy of the trigger's role, and waits until it may do what the trigger does. IAM takes some seconds.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
func (m *smoke) assume(ctx context.Context) (*dynamodb.Client, string, error) {
	text, err := m.cli(ctx, "iam", "get-role-policy", "--role-name", m.resources["MigrateRole"], "--policy-name", "migrate",
		"--query", "PolicyDocument", "--output", "json")
	if err != nil {
		return nil, "", err
	}
	made, err := m.makeStack(ctx, m.run+"-rights", templateObject{
		"Resources": templateObject{"Role": templateObject{"Type": "AWS::IAM::Role", "Properties": templateObject{
			"AssumeRolePolicyDocument": trusting(templateObject{"AWS": templateObject{"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}),
			"Policies":                 []any{templateObject{"PolicyName": "migrate", "PolicyDocument": json.RawMessage(text)}},
		}}},
	})
	if err != nil {
		return nil, "", err
	}
	role := fmt.Sprintf("arn:%s:iam::%s:role/%s", m.partition(), m.account, made["Role"])
	cfg := m.stack.cfg.Copy()
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(*m.stack.cfg), role))
	client := dynamodb.NewFromConfig(cfg)
	patience := 2 * time.Minute
	if m.local {
		patience = 10 * time.Second
	}
	var last error
	err = m.until(ctx, patience, func(ctx context.Context) (bool, error) {
		last = m.put(ctx, client, "AuditTable")
		return isCondition(last), nil
	})
	if err != nil {
		return nil, "", m.onlyAWS(noRights, fmt.Errorf("%w; last: %s", err, outcomeOf(last)))
	}
	return client, "it puts events in transactions", nil
}

// put tries to put an item in a transaction, on a condition that does not hold: DynamoDB looks at the condition only if the put is
// allowed.
func (m *smoke) put(ctx context.Context, client *dynamodb.Client, table string) error {
	_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: ptr(m.resources[table]), Item: nowhere(), ConditionExpression: ptr(isThere)}},
	}})
	return err
}

// isCondition tells that a call was allowed, and failed by its condition.
func isCondition(err error) bool {
	var cancelled *types.TransactionCanceledException
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &cancelled) || errors.As(err, &failed)
}

// checkRole tries what the trigger's role must be refused.
func (m *smoke) checkRole(ctx context.Context, role *dynamodb.Client) {
	audit, record := ptr(m.resources["AuditTable"]), ptr(m.resources["ProgressTable"])
	closed := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "tally#2026-01-01"}, "sk": &types.AttributeValueMemberS{Value: "nothing"},
	}
	for _, t := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"a put outside a transaction on the audit table", func(ctx context.Context) error {
			_, err := role.PutItem(ctx, &dynamodb.PutItemInput{TableName: audit, Item: nowhere(), ConditionExpression: ptr(isThere)})
			return err
		}},
		{"reading the audit table", func(ctx context.Context) error {
			_, err := role.GetItem(ctx, &dynamodb.GetItemInput{TableName: audit, Key: nowhere()})
			return err
		}},
		{"walking through the audit table", func(ctx context.Context) error {
			_, err := role.Scan(ctx, &dynamodb.ScanInput{TableName: audit, Limit: aws.Int32(1)})
			return err
		}},
		{"a record that is no user's", func(ctx context.Context) error { return m.put(ctx, role, "ProgressTable") }},
		{"the figures of a day that is closed", func(ctx context.Context) error {
			_, err := role.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: &types.Update{
				TableName: record, Key: closed, UpdateExpression: ptr("SET x = :x"), ConditionExpression: ptr(isThere),
				ExpressionAttributeValues: map[string]types.AttributeValue{":x": &types.AttributeValueMemberN{Value: "1"}},
			}}}})
			return err
		}},
		{"removing a record", func(ctx context.Context) error {
			_, err := role.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: record, Key: nowhere(), ConditionExpression: ptr(isThere)})
			return err
		}},
	} {
		m.promise(ctx, "the trigger's role is refused "+t.what, "as a role with the same policy, on a condition that does not hold",
			func(ctx context.Context) (string, error) { return m.refused(t.do(ctx), "identity-based policy") })
	}
	m.observeTransactions(ctx, role)
}

// What nobody may do to the audit table and to the pools, transactions apart; and what only some functions may.
var (
	nobodysOnTable = []string{
		"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert",
		"dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:DeleteResourcePolicy",
		"dynamodb:PutResourcePolicy",
	}
	nobodysOnPool = []string{
		"cognito-idp:AdminSetUserPassword", "cognito-idp:AdminDeleteUser", "cognito-idp:AdminUpdateUserAttributes", "cognito-idp:UpdateUserPool",
		"cognito-idp:DeleteUserPool",
	}
	ownersOnTable = map[string][]string{"dynamodb:Scan": {"MaintainRole"}}
	ownersOnPool  = map[string][]string{"cognito-idp:AdminInitiateAuth": {"MigrateRole"}}
)

// anothers are the actions that are nobody's, or those of other roles.
func anothers(role string, nobodys []string, owners map[string][]string) []string {
	actions := slices.Clone(nobodys)
	for action, roles := range owners {
		if !slices.Contains(roles, role) {
			actions = append(actions, action)
		}
	}
	return actions
}

// simulate asks IAM what a function's role may do that is not its own.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func (m *smoke) simulate(ctx context.Context, id string) (string, error) {
	role := fmt.Sprintf("arn:%s:iam::%s:role/%s", m.partition(), m.account, m.resources[id])
	table := fmt.Sprintf("arn:%s:dynamodb:%s:%s:table/%s", m.partition(), m.stack.cfg.Region, m.account, m.resources["AuditTable"])
	pool := fmt.Sprintf("arn:%s:cognito-idp:%s:%s:userpool/%s", m.partition(), m.stack.cfg.Region, m.account, m.oldID)
	tried := 0
	for resource, actions := range map[string][]string{
		table: anothers(id, nobodysOnTable, ownersOnTable), pool: anothers(id, nobodysOnPool, ownersOnPool),
	} {
		args := append([]string{
			"iam", "simulate-principal-policy", "--policy-source-arn", role, "--resource-arns", resource,
			"--query", "EvaluationResults[?EvalDecision=='allowed'].EvalActionName", "--output", "text", "--action-names",
		}, actions...)
		allowed, err := m.cli(ctx, args...)
		switch {
		case err != nil:
			return "", m.onlyAWS(noRights, err)
		case strings.TrimSpace(allowed) != "":
			return "", fmt.Errorf("allowed: %s", strings.TrimSpace(allowed))
		}
		tried += len(actions)
	}
	return fmt.Sprintf("%d actions are denied", tried), nil
}
