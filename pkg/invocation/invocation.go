// Package invocation says which invocation of a Lambda function something comes from.
package invocation

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/version"
)

// RequestID returns the id that Lambda gave the invocation; empty outside of one.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-context.html
func RequestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}

// Origin returns the origin of an event that the invocation decides on at a time, with a new id.
func Origin(ctx context.Context, at time.Time) migration.Origin {
	return migration.Origin{ID: NewID(at), At: at, RequestID: RequestID(ctx), FunctionVersion: version.String()}
}

// NewID returns a new id for an event of that time: a ULID, which sorts by it.
func NewID(at time.Time) string {
	return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
}
