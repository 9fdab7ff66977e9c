package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	cognitotypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// floor makes the calls for each user that it reads, as a plain SDK user would, and writes how long they took, in nanoseconds.
func floor(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	pool, ledger := cognitoidp.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	users := bufio.NewScanner(os.Stdin)
	for users.Scan() {
		var username, password, sub string
		if _, err := fmt.Sscan(users.Text(), &username, &password, &sub); err != nil {
			return err
		}
		began := time.Now()
		group, groupCtx := errgroup.WithContext(ctx)
		group.Go(func() error {
			_, err := pool.AdminInitiateAuth(groupCtx, &cognitoidp.AdminInitiateAuthInput{
				UserPoolId: aws.String(os.Getenv("USER_POOL_ID")), ClientId: aws.String(os.Getenv("APP_CLIENT_ID")),
				AuthFlow:       cognitotypes.AuthFlowTypeAdminUserPasswordAuth,
				AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
			})
			return err
		})
		group.Go(func() error {
			_, err := pool.AdminGetUser(groupCtx, &cognitoidp.AdminGetUserInput{
				UserPoolId: aws.String(os.Getenv("USER_POOL_ID")), Username: &username,
			})
			return err
		})
		if err := group.Wait(); err != nil {
			return err
		}
		if _, err := ledger.TransactWriteItems(ctx, threeItems(sub)); err != nil {
			return err
		}
		took := time.Since(began)
		processor, err := processorTime(os.Getpid())
		if err != nil {
			return err
		}
		fmt.Println(int64(took), int64(processor))
	}
	return users.Err()
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
