// Package redact describes an error for a log, without what its text may quote: what a user typed, or the name of a role.
package redact

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/aws/smithy-go"
)

// Safe is an error whose text may go into a log.
type Safe string

func (s Safe) Error() string { return string(s) }

// Error describes an error by its safe parts: the text of a Safe error, or the AWS operation that failed and the error's code ("DynamoDB
// refused Query: AccessDeniedException").
func Error(err error) string {
	var safe Safe
	if errors.As(err, &safe) {
		return safe.Error()
	}
	var operation *smithy.OperationError
	var api smithy.APIError
	var timeout interface{ Timeout() bool }
	late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case !errors.As(err, &operation) && late:
		return "there was not enough time"
	case operation == nil:
		return fmt.Sprintf("an error of type %T", innermost(err))
	case errors.As(err, &api):
		return fmt.Sprintf("%s refused %s: %s", operation.Service(), operation.Operation(), api.ErrorCode())
	case late:
		return fmt.Sprintf("%s did not answer %s in time", operation.Service(), operation.Operation())
	default:
		return fmt.Sprintf("%s could not be reached for %s", operation.Service(), operation.Operation())
	}
}

// Panic is what a log may hold of a panic: the type of its value, which may quote a person, and the stack, which holds no values.
func Panic(value any) []slog.Attr {
	return []slog.Attr{slog.String("type", fmt.Sprintf("%T", value)), slog.String("stack", string(debug.Stack()))}
}

func innermost(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}
