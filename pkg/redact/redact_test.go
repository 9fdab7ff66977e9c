package redact_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

func TestErrorQuotesNothing(t *testing.T) {
	operation := func(err error) error {
		return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "Query", Err: err}
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a safe error":        {fmt.Errorf("ada@example.com: %w", redact.Safe("the record is behind")), "the record is behind"},
		"AWS refused":         {operation(&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "role ada"}), "DynamoDB refused Query: AccessDeniedException"},
		"AWS was too late":    {operation(context.DeadlineExceeded), "DynamoDB did not answer Query in time"},
		"AWS was not reached": {operation(io.ErrUnexpectedEOF), "DynamoDB could not be reached for Query"},
		"no time was left":    {fmt.Errorf("ada: %w", context.DeadlineExceeded), "there was not enough time"},
		"something wrapped":   {fmt.Errorf("ada: %w", io.EOF), "an error of type *errors.errorString"},
		"anything else":       {errors.New("ada"), "an error of type *errors.errorString"},
	} {
		if got := redact.Error(tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
