// Maintain looks after the record: it closes days. It is the only function that may rewrite the progress table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
)

func main() {
	handler, err := run(context.Background(), os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

const usage = `allowed is {"view":"close"}`

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
	store := dynamo.New(aws, cfg.Tables, 5*time.Second)
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))

	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var request struct {
			View string `json:"view"`
		}
		if err := json.Unmarshal(raw, &request); err != nil {
			return nil, errors.New("the request is not understood: " + usage)
		}
		switch request.View {
		case "close":
			closed, err := store.Close(ctx, time.Now())
			log.LogAttrs(ctx, slog.LevelInfo, "close", slog.Any("closed", closed))
			return map[string][]string{"closed": append([]string{}, closed...)}, err
		default:
			return nil, fmt.Errorf("view %q is unknown: %s", request.View, usage)
		}
	}, nil
}
