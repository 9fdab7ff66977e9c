package dynamodb_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/dynamodb"
)

func TestAServerAnswersUntilItIsClosed(t *testing.T) {
	server, err := dynamodb.Start(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client := ddb.New(ddb.Options{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String(server.Endpoint()),
		Credentials:      credentials.NewStaticCredentialsProvider("sandbox", "sandbox", ""),
		RetryMaxAttempts: 1,
	})
	if _, err := client.CreateTable(t.Context(), &ddb.CreateTableInput{
		TableName:            aws.String("audit"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	tables, err := client.ListTables(t.Context(), &ddb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(tables.TableNames) != 1 || tables.TableNames[0] != "audit" {
		t.Errorf("tables: %q, want the one that was created", tables.TableNames)
	}

	server.Close()
	if _, err := client.ListTables(t.Context(), &ddb.ListTablesInput{}); err == nil {
		t.Error("a closed server answers")
	}
}
