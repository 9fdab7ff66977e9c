// Confirm asks the new pool whether it has the users who were handed over to it.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/confirm"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

func main() { function.Main(run) }

// try is the most time that one try of a call to a pool takes.
const try = 1500 * time.Millisecond

// run returns a handler of the audit table's stream, and of the view "sweep".
func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		OldPool oldpool.Config
		NewPool newpool.Config
		Tables  dynamo.Config
		Spool   spool.Config
		Windows migration.Windows
		Confirm confirm.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	store := dynamo.New(aws, cfg.Tables, cfg.Confirm.LedgerBudget*2/5)
	records := recorder.New(cfg.Confirm.Config, ledger.New(store, cfg.Windows, time.Now), spool.New(aws, cfg.Spool, cfg.Confirm.SpoolBudget/2))
	confirmer := confirm.New(
		cfg.Confirm, oldpool.New(oldpool.Connect(ctx, aws, cfg.OldPool), cfg.OldPool, try), newpool.New(aws, cfg.NewPool, try), store, records, log, time.Now,
	)
	views := request.Handler(log, request.NewView("sweep", confirmer.Sweep))
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var batch events.DynamoDBEvent
		if json.Unmarshal(raw, &batch) == nil && len(batch.Records) > 0 {
			return confirmer.Batch(ctx, batch), nil
		}
		return views(ctx, raw)
	}, nil
}
