package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/ledgertest"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// DynamoDB keeps the ledger's contract.
func TestLedgerConformance(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Store { return store(deploy(t, nil)) })
}

// An event is never written over, not even if the record that should have stood in the way is gone.
func TestRecordBehindItsStream(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	u := newUser(t, nil)
	invoke(t, stack, event(migration.SignIn, u.Username, u.Password))
	before := verify(t, stack, u)[u.Sub]
	_, err := local.DynamoDBClient().DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: &stack.Tables.ProgressTable,
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "user#" + u.Sub}, "sk": &types.AttributeValueMemberS{Value: "record"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(store(stack), migration.Policy{}, time.Now)
	if err := appendEvent(t.Context(), l, u.Sub, migration.Event{At: time.Now(), Outcome: migration.Migrated}); !errors.Is(err, ledger.ErrBehind) {
		t.Errorf("%v, want %v", err, ledger.ErrBehind)
	}
	after, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil || len(after) != 1 || after[0].ID != before[0].ID {
		t.Errorf("%v; %+v, want %+v", err, after, before)
	}
}
