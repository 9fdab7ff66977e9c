// Package function runs a Lambda function.
package function

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// Main wires a function by its run and serves it. If run fails, the function does not start, and its log says why.
func Main[Handler any](run func(ctx context.Context, environ []string) (Handler, error)) {
	handler, err := run(context.Background(), os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Lambda's runtime client logs each error that it answers, and errors may quote what was asked.
	log.SetOutput(io.Discard)
	lambda.Start(handler)
}
