package invocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/invocation"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/version"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "a-request"})
	for name, tt := range map[string]struct {
		ctx       context.Context
		requestID string
	}{
		"in an invocation": {ctx, "a-request"},
		"outside of one":   {t.Context(), ""},
	} {
		o := invocation.Origin(tt.ctx, at)
		if o.RequestID != tt.requestID || !o.At.Equal(at) || o.FunctionVersion != version.String() {
			t.Errorf("%s: %+v", name, o)
		}
		if later := invocation.NewID(at.Add(time.Millisecond)); len(o.ID) != 26 || later <= o.ID {
			t.Errorf("%s: id %q, of a later time %q: ids sort by time", name, o.ID, later)
		}
	}
}
