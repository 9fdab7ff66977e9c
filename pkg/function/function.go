// Package function runs a Lambda function.
package function

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Main wires a function by its run and serves it. If run fails, the function does not start, and its log says why.
func Main[Handler any](run func(ctx context.Context, environ []string) (Handler, error)) {
	handler, err := run(context.Background(), os.Environ())
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the function does not start", slog.String("fault", fault(err)))
		os.Exit(1)
	}
	// Lambda's runtime client logs each error that it answers, and errors may quote what was asked.
	log.SetOutput(io.Discard)
	lambda.Start(handler)
}

// WorkUntil returns when to pause work that goes on in a later invocation: after so many seconds, or as late as it may be if none are given.
// A tenth of the invocation's time is left for keeping what was done.
func WorkUntil(ctx context.Context, seconds int) time.Time {
	stop := time.Now().Add(time.Duration(seconds) * time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		if latest := deadline.Add(-time.Until(deadline) / 10); seconds == 0 || stop.After(latest) {
			return latest
		}
	}
	return stop
}

// fault says what a log may hold of an error at the start: which variable is wrong, or which call AWS refused. It leaves out AWS's own
// text, which names roles.
func fault(err error) string {
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return redact.Error(err)
	}
	return err.Error()
}
