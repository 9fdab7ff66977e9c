package function

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
)

// The log names the variable that is wrong, or the call that AWS refused, and quotes nothing of AWS's own text.
func TestWhatTheLogSaysOfAFunctionThatDoesNotStart(t *testing.T) {
	refused := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{
		Code: "AccessDenied", Message: "User: arn:aws:sts::123456789012:assumed-role/x is not authorized",
	}}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New(`BUDGET is "x": allowed is a duration like 1.5s`), `BUDGET is "x": allowed is a duration like 1.5s`},
		{fmt.Errorf("connect: %w", refused), "STS refused AssumeRole: AccessDenied"},
	} {
		if got := fault(tt.err); got != tt.want {
			t.Errorf("%v: the log says %q, want %q", tt.err, got, tt.want)
		}
	}
}

// Work that goes on later stops in time for what comes after it.
func TestWorkUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		for seconds, want := range map[int]time.Duration{0: 90 * time.Second, 30: 30 * time.Second, 300: 90 * time.Second} {
			if got := time.Until(WorkUntil(ctx, seconds)); got != want {
				t.Errorf("%d seconds of 100: %s, want %s", seconds, got, want)
			}
		}
		if got := time.Until(WorkUntil(t.Context(), 30)); got != 30*time.Second {
			t.Errorf("without a deadline: %s", got)
		}
	})
}
