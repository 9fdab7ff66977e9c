// Migrate is the user migration trigger of the new pool.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/trigger"
)

func main() {
	handler, err := run(context.Background(), os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func run(ctx context.Context, environ []string) (lambda.Handler, error) {
	var cfg struct {
		OldPool oldpool.Config
		Tables  dynamo.Config
		Spool   spool.Config
		Policy  migration.Policy
		Trigger trigger.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	return trigger.New(
		cfg.Trigger,
		cfg.Policy,
		oldpool.New(aws, cfg.OldPool, cfg.Trigger.OldPoolBudget*2/5),
		ledger.New(dynamo.New(aws, cfg.Tables, cfg.Trigger.LedgerBudget*2/5), cfg.Policy, time.Now),
		spool.New(aws, cfg.Spool, cfg.Trigger.SpoolBudget/2),
		slog.New(slog.NewJSONHandler(os.Stdout, nil)),
		time.Now,
	), nil
}
