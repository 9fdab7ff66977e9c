// Report says how far the migration is. It names nobody.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

func main() {
	handler, err := run(context.Background(), os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		Tables dynamo.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(ctx)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(aws, cfg.Tables, 2*time.Second)

	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var request struct {
			View string `json:"view"`
		}
		if err := json.Unmarshal(raw, &request); err != nil {
			return nil, errors.New(`the request is not understood: allowed is {"view":"progress"}`)
		}
		switch request.View {
		case "", "progress":
			tallies, err := store.Tallies(ctx)
			if err != nil {
				return nil, err
			}
			return progress.From(tallies, time.Now()), nil
		default:
			return nil, fmt.Errorf("view %q is unknown: allowed is progress", request.View)
		}
	}, nil
}
