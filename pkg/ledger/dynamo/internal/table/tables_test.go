package table

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// No pause of the SDK between two tries is longer than the ledger's budget bears, after throttling neither.
func TestPausesFitIntoTheBudget(t *testing.T) {
	retryer := Open(aws.Config{}, "audit", "progress", time.Second).Client.Options().Retryer
	for range 1000 {
		for tries := 1; tries < 10; tries++ {
			if d, err := retryer.RetryDelay(tries, &types.ProvisionedThroughputExceededException{}); err != nil || d > longestWait {
				t.Fatalf("after %d tries: %v, %v; want at most %v", tries, d, err, longestWait)
			}
		}
	}
}
