package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

// survey walks through the old pool's users on this machine. What it learns of them stays here.
func (c preflightCommand) survey(ctx context.Context, s *stack, out *output) error {
	parameters, err := s.parameters(ctx)
	if err != nil {
		return err
	}
	set, err := preflight.ParseSettings(parameters)
	if err != nil {
		return fmt.Errorf("the stack's parameters are wrong: %w", err)
	}
	old, err := s.pool(ctx, parameters["USER_POOL_ID"], parameters["REGION"])
	if err != nil {
		return err
	}
	later, err := s.pool(ctx, parameters["NEW_USER_POOL_ID"], "")
	if err != nil {
		return err
	}
	survey, err := preflight.NewSurvey(old.described, later.described, set, int(c.Show))
	if err != nil {
		return err
	}
	if err := old.walk(ctx, out, survey); err != nil {
		return s.explain(ctx, err)
	}
	if c.JSON {
		answer, err := json.Marshal(map[string]any{"users": survey.Users(), "kinds": survey.Kinds()})
		if err != nil {
			return err
		}
		return out.json(answer)
	}
	printSurvey(out, survey)
	return nil
}

func printSurvey(out *output, survey *preflight.Survey) {
	kinds := survey.Kinds()
	if len(kinds) == 0 {
		out.printf("Nothing would go wrong with any of %v users, as far as a list of them tells.\n", survey.Users())
		return
	}
	out.printf("Of %v users\n\n", survey.Users())
	var rows [][]any
	for _, k := range kinds {
		rows = append(rows, []any{k.Users, k.What, strings.TrimSpace(k.ID + " " + k.Detail)})
	}
	out.table([]string{"users", "who", "kind"}, rows)
	for _, k := range kinds {
		if len(k.Examples) > 0 {
			out.printf("\n%s: %s\n", strings.TrimSpace(k.ID+" "+k.Detail), k.What)
		}
		for _, username := range k.Examples {
			out.printf("    %s\n", username)
		}
	}
	out.printf("\nA user may be in several of these. docs/preflight.md says what to do.\n")
}

// parameters returns the stack's parameters, by the names of the variables that the functions get.
func (s *stack) parameters(ctx context.Context) (map[string]string, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	out, err := cloudformation.NewFromConfig(*s.cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.name})
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	parameters := map[string]string{}
	for _, described := range out.Stacks {
		for _, p := range described.Parameters {
			parameters[variable(aws.ToString(p.ParameterKey))] = aws.ToString(p.ParameterValue)
		}
	}
	for _, name := range []string{"USER_POOL_ID", "NEW_USER_POOL_ID"} {
		if parameters[name] == "" {
			return nil, fmt.Errorf("the stack %s in Region %s has no parameter for %s: name the stack of a migration", s.name, s.cfg.Region, name)
		}
	}
	return parameters, nil
}

// variable is the name of the variable that a parameter sets: of NewUserPoolId, NEW_USER_POOL_ID.
func variable(parameter string) string {
	var name strings.Builder
	for i, r := range parameter {
		if unicode.IsUpper(r) && i > 0 {
			name.WriteByte('_')
		}
		name.WriteRune(unicode.ToUpper(r))
	}
	return name.String()
}

// userPool is a pool as the operator sees it.
type userPool struct {
	client    *cognitoidentityprovider.Client
	described *types.UserPoolType
}

// pool describes a pool. Without a Region, its id has it.
func (s *stack) pool(ctx context.Context, id, region string) (userPool, error) {
	own, _, _ := strings.Cut(id, "_")
	client := cognitoidentityprovider.NewFromConfig(*s.cfg, func(o *cognitoidentityprovider.Options) {
		o.Region = cmp.Or(region, own)
		o.RetryMaxAttempts = 10 // a walk is long, and others use the quota as well
	})
	out, err := client.DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: &id})
	if err != nil {
		return userPool{}, s.explain(ctx, err)
	}
	return userPool{client, out.UserPool}, nil
}

// pace keeps ListUsers at ten calls a second, a third of what the account has for everything, which can't be raised.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const pace = time.Second / 10

// walk adds every user of the pool to a survey.
func (p userPool) walk(ctx context.Context, out *output, survey *preflight.Survey) error {
	meter := out.meter("users", int(p.described.EstimatedNumberOfUsers))
	defer meter.end()
	next := time.NewTicker(pace)
	defer next.Stop()
	pages := cognitoidentityprovider.NewListUsersPaginator(p.client, &cognitoidentityprovider.ListUsersInput{
		UserPoolId: p.described.Id, Limit: aws.Int32(60),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, user := range page.Users {
			survey.Add(user)
		}
		meter.set(survey.Users())
		if pages.HasMorePages() {
			<-next.C
		}
	}
	return nil
}
