// Package table defines the form of a ledger's two tables, and reads them in bulk: keys, codec, scans, batches and checkpoints.
// docs/record-format.md describes every item.
package table

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	smithytime "github.com/aws/smithy-go/time"
)

// Tables is the audit table and the progress table, by name, and a client that reaches them.
type Tables struct {
	Client          *dynamodb.Client
	Audit, Progress string
}

// Open returns the tables. A try of a call takes at most the given time, and the caller's deadline ends the tries.
func Open(cfg aws.Config, audit, progress string, try time.Duration) *Tables {
	return &Tables{Audit: audit, Progress: progress, Client: dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// The SDK's check of the CRC-32 header fails on refused transactions, and drops their connections. TLS checks integrity anyway.
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(try)
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 10         // the deadline ends them sooner
			o.MaxBackoff = longestWait // for throttling too, after which the SDK would pause for up to 1 s
			o.RateLimiter = ratelimit.None
		})
	})}
}

const firstWait, longestWait = 5 * time.Millisecond, 100 * time.Millisecond

// Backoff is the pause before a call is repeated. It doubles each time, up to 100 ms. The zero Backoff is ready to use.
type Backoff struct{ next time.Duration }

// Pause waits, or returns the error of ctx as soon as that is done.
func (b *Backoff) Pause(ctx context.Context) error {
	wait := max(b.next, firstWait)
	b.next = min(2*wait, longestWait)
	return smithytime.SleepWithContext(ctx, wait/2+rand.N(wait))
}

// Patient retries while a table is busy, or another transaction is in the way (which the SDK does not retry), until the context is done.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
func Patient(o *dynamodb.Options) {
	o.Retryer = retry.AddWithMaxAttempts(retry.AddWithErrorCodes(o.Retryer, "TransactionConflictException"), 0)
}

// Wrap says what failed; nil stays nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
