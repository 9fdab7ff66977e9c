package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	cognitotypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// floor makes the calls of a sign-in, or of a sign-up, for each line that it reads, as a plain SDK user would, and writes how long they took,
// in nanoseconds.
func floor(ctx context.Context, of string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	pool, ledger := cognitoidp.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	calls := map[string]func([]string) error{
		"sign-in": func(line []string) error { return signInAlone(ctx, pool, ledger, line[0], line[1], line[2]) },
		"sign-up": func(line []string) error { return signUpAlone(ctx, pool, line[0], line[1]) },
	}[of]
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		began := time.Now()
		if err := calls(strings.Fields(lines.Text())); err != nil {
			return err
		}
		took := time.Since(began)
		processor, err := processorTime(os.Getpid())
		if err != nil {
			return err
		}
		fmt.Println(int64(took), int64(processor))
	}
	return lines.Err()
}

func signInAlone(ctx context.Context, pool *cognitoidp.Client, ledger *dynamodb.Client, username, password, sub string) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := pool.AdminInitiateAuth(groupCtx, &cognitoidp.AdminInitiateAuthInput{
			UserPoolId: aws.String(os.Getenv("USER_POOL_ID")), ClientId: aws.String(os.Getenv("APP_CLIENT_ID")),
			AuthFlow:       cognitotypes.AuthFlowTypeAdminUserPasswordAuth,
			AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
		})
		return err
	})
	group.Go(func() error { return getUser(groupCtx, pool, username) })
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := ledger.TransactWriteItems(ctx, threeItems(sub))
	return err
}

// signUpAlone asks about a stranger: nobody is found.
func signUpAlone(ctx context.Context, pool *cognitoidp.Client, username, email string) error {
	var group errgroup.Group
	for _, name := range []string{username, email} {
		group.Go(func() error {
			var missing *cognitotypes.UserNotFoundException
			if err := getUser(ctx, pool, name); !errors.As(err, &missing) {
				return fmt.Errorf("%s is no stranger: %w", name, err)
			}
			return nil
		})
	}
	group.Go(func() error {
		_, err := pool.ListUsers(ctx, &cognitoidp.ListUsersInput{
			UserPoolId: aws.String(os.Getenv("USER_POOL_ID")), Filter: aws.String(fmt.Sprintf("email = %q", email)),
		})
		return err
	})
	return group.Wait()
}

func getUser(ctx context.Context, pool *cognitoidp.Client, username string) error {
	_, err := pool.AdminGetUser(ctx, &cognitoidp.AdminGetUserInput{UserPoolId: aws.String(os.Getenv("USER_POOL_ID")), Username: &username})
	return err
}

// threeItems is a transaction of the size of ours.
func threeItems(sub string) *dynamodb.TransactWriteItemsInput {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	key := func(pk, sk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": text(pk), "sk": text(sk)}
	}
	put := func(table string, item map[string]types.AttributeValue, attributes int) types.TransactWriteItem {
		for i := range attributes {
			item[fmt.Sprintf("attribute_%d", i)] = text("0123456789abcdef0123456789abcdef")
		}
		return types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String(os.Getenv(table)), Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		}}
	}
	return &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		put("AUDIT_TABLE", key(sub, "0000000001"), 17),
		put("PROGRESS_TABLE", key("user#"+sub, "record"), 14),
		{Update: &types.Update{
			TableName: aws.String(os.Getenv("PROGRESS_TABLE")), Key: key("tally#"+sub[:2], "2026-01-01"),
			UpdateExpression:         aws.String("ADD #a :one, #b :one"),
			ExpressionAttributeNames: map[string]string{"#a": "Authentication.migrated", "#b": "+migrated"},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":one": &types.AttributeValueMemberN{Value: "1"},
			},
		}},
	}}
}
