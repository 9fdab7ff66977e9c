package function

import (
	"errors"
	"fmt"
	"testing"

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
