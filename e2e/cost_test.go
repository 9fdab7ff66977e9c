package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
)

// calls counts what a client asks of DynamoDB, and the units that DynamoDB says it consumed, by table or index.
type calls struct {
	mu         sync.Mutex
	operations map[string]int
	units      map[string]float64
}

func newCalls() *calls { return &calls{operations: map[string]int{}, units: map[string]float64{}} }

// count is one of a client configuration's APIOptions.
func (c *calls) count(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("CountCalls", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		switch input := in.Parameters.(type) {
		case *dynamodb.TransactWriteItemsInput:
			input.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
		case *dynamodb.QueryInput:
			input.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
		case *dynamodb.ScanInput:
			input.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
		case *dynamodb.GetItemInput:
			input.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
		case *dynamodb.BatchGetItemInput:
			input.ReturnConsumedCapacity = types.ReturnConsumedCapacityIndexes
		}
		out, metadata, err := next.HandleInitialize(ctx, in)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.operations[middleware.GetOperationName(ctx)]++
		switch output := out.Result.(type) {
		case *dynamodb.TransactWriteItemsOutput:
			for _, consumed := range output.ConsumedCapacity {
				c.add(consumed)
			}
		case *dynamodb.QueryOutput:
			if output.ConsumedCapacity != nil {
				c.add(*output.ConsumedCapacity)
			}
		case *dynamodb.ScanOutput:
			if output.ConsumedCapacity != nil {
				c.add(*output.ConsumedCapacity)
			}
		case *dynamodb.GetItemOutput:
			if output.ConsumedCapacity != nil {
				c.add(*output.ConsumedCapacity)
			}
		case *dynamodb.BatchGetItemOutput:
			for _, consumed := range output.ConsumedCapacity {
				c.add(consumed)
			}
		}
		return out, metadata, err
	}), middleware.Before)
}

func (c *calls) add(consumed types.ConsumedCapacity) {
	if consumed.Table != nil {
		c.units[aws.ToString(consumed.TableName)] += aws.ToFloat64(consumed.Table.CapacityUnits)
	}
	for name, index := range consumed.GlobalSecondaryIndexes {
		c.units[name] += aws.ToFloat64(index.CapacityUnits)
	}
}

// A user's first attempt is one transaction, with nothing read before it, and none of its items is larger than one kilobyte, by
// which DynamoDB counts. docs/cost.md computes the price of a migration from that.
func TestWhatAnEventCosts(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	kilobyte := unitsOfAKilobyte(t, stack.Tables.AuditTable)
	for name, tt := range map[string]struct {
		before     []migration.Event
		operations map[string]int
		units      map[string]float64 // in kilobytes
	}{
		"the first attempt": {
			nil,
			map[string]int{"TransactWriteItems": 1},
			map[string]float64{stack.Tables.AuditTable: 1, "by_day": 1, stack.Tables.ProgressTable: 2, "attention": 1},
		},
		"a second event": {
			[]migration.Event{{Outcome: migration.Rejected, Reason: migration.WrongPassword}},
			map[string]int{"TransactWriteItems": 2}, // the first finds the record, the second is made from it
			map[string]float64{stack.Tables.AuditTable: 1, "by_day": 1, stack.Tables.ProgressTable: 2, "attention": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t, nil)
			now := time.Now()
			plain := ledger.New(store(stack), migration.Windows{}, time.Now)
			for _, e := range tt.before {
				e.At = now.Add(-time.Hour)
				if err := appendEvent(t.Context(), plain, u.Sub, e); err != nil {
					t.Fatal(err)
				}
			}
			c := newCalls()
			cfg := sandbox.Config(local.DynamoDB.Endpoint())
			cfg.APIOptions = append(cfg.APIOptions, c.count)
			l := ledger.New(dynamo.New(cfg, stack.Tables, 10*time.Second), migration.Windows{}, time.Now)
			if err := appendEvent(t.Context(), l, u.Sub, migration.Event{At: now, Outcome: migration.Migrated}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.operations, c.operations); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			for name := range c.units {
				c.units[name] /= kilobyte
			}
			if diff := cmp.Diff(tt.units, c.units); diff != "" {
				t.Errorf("kilobytes written (-want +got):\n%s", diff)
			}
		})
	}
}

// unitsOfAKilobyte is what a transaction that writes a small item consumes: two units on AWS, four by DynamoDB Local's count.
func unitsOfAKilobyte(t *testing.T, table string) float64 {
	t.Helper()
	small := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "small"}, "sk": &types.AttributeValueMemberS{Value: "small"},
	}
	out, err := local.DynamoDBClient().TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		TransactItems:          []types.TransactWriteItem{{Put: &types.Put{TableName: &table, Item: small}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToFloat64(out.ConsumedCapacity[0].CapacityUnits)
}

// A verification of everything reads at most 2 units for each user of one or two events, and some for the tallies: half a unit each for
// the event, the one that is not there after it, the record, and the first event looked up from the record. docs/cost.md computes a
// month's price from that. Users whose events two batches share are read once more.
func TestWhatAVerificationCosts(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	const users = 400
	writeDays(t, stack, older, 1, users)
	read := func() float64 {
		c := newCalls()
		cfg := sandbox.Config(local.DynamoDB.Endpoint())
		cfg.APIOptions = append(cfg.APIOptions, c.count)
		v, err := fsck.New(dynamo.New(cfg, stack.Tables, 10*time.Second)).Verify(t.Context(), time.Now, time.Time{})
		if err != nil || v.FindingCount != 0 || c.operations["TransactGetItems"] > v.Events/100 {
			t.Fatalf("%+v, %v, %v", v, err, c.operations)
		}
		return c.units[stack.Tables.AuditTable] + c.units[stack.Tables.ProgressTable]
	}
	before := read()
	writeDays(t, stack, older, 1, users)
	units := read() - before
	t.Logf("%.2f units a user", units/users)
	if units > 2*users || units < users {
		t.Errorf("%.2f units a user, want at most 2", units/users)
	}
}
