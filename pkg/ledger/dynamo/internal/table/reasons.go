package table

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Failed tells whether an item's condition did not hold.
func Failed(reasons []types.CancellationReason, i int) bool {
	return i < len(reasons) && aws.ToString(reasons[i].Code) == "ConditionalCheckFailed"
}

// Transient: the transaction met another one, or a partition that was busy, and nothing else was wrong with it.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
func Transient(reasons []types.CancellationReason) bool {
	return !slices.ContainsFunc(reasons, func(r types.CancellationReason) bool {
		switch aws.ToString(r.Code) {
		case "None", "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError":
			return false
		default:
			return true
		}
	})
}
