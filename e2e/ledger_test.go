package e2e

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/ledgertest"
)

// damageable is a store in two tables that can be damaged.
type damageable struct {
	*dynamo.Store
	progress table
}

func (s damageable) LoseRecord(ctx context.Context, sub string) error {
	_, err := s.progress.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.progress.name, Key: key("user#"+sub, "record")})
	return err
}

// DynamoDB keeps the ledger's contract.
func TestLedgerConformance(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Store {
		stack := deploy(t, nil)
		_, progress := tablesOf(stack)
		return damageable{store(stack), progress}
	})
}
