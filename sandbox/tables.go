package sandbox

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
)

// createTables makes the ledger's tables with their indexes.
func createTables(ctx context.Context, client *dynamodb.Client, names dynamo.Config) error {
	audit := table(names.AuditTable, "by_day", "day_shard", "day_sort")
	audit.StreamSpecification = &types.StreamSpecification{
		StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage,
	}
	for _, table := range []*dynamodb.CreateTableInput{
		audit,
		table(names.ProgressTable, "attention", "attention", "attention_sort"),
	} {
		if _, err := client.CreateTable(ctx, table); err != nil {
			return err
		}
	}
	return nil
}

func table(name, index, indexKey, indexSort string) *dynamodb.CreateTableInput {
	key := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: &hash, KeyType: types.KeyTypeHash},
			{AttributeName: &sort, KeyType: types.KeyTypeRange},
		}
	}
	input := &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema:   key("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  &index,
			KeySchema:  key(indexKey, indexSort),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	}
	for _, attribute := range []string{"pk", "sk", indexKey, indexSort} {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS,
		})
	}
	return input
}
