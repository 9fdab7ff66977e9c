// Migrate is the user migration trigger of the new pool.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/signin"
)

// startBudget bounds what is asked at start: Cognito's 5 s include the cold start. What was not answered in it is asked by the first
// sign-in.
const startBudget = 700 * time.Millisecond

func main() { function.Main(run) }

func run(ctx context.Context, environ []string) (lambda.Handler, error) {
	var cfg struct {
		OldPool oldpool.Config
		Tables  dynamo.Config
		Spool   spool.Config
		Policy  migration.Policy
		Windows migration.Windows
		SignIn  signin.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	if cfg.SignIn.NewUserPoolID == cfg.OldPool.UserPoolID {
		return nil, errors.New("NEW_USER_POOL_ID and USER_POOL_ID are the same: allowed are two pools that are not the same")
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if !cfg.Policy.NewPool.Known() {
		log.LogAttrs(ctx, slog.LevelWarn, "NEW_POOL is empty: users whom the new pool refuses may count as migrated")
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	// Cognito waits for a start as well. What can't be had in time is asked for again by the first sign-in.
	start, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	old := oldpool.New(oldpool.Connect(start, aws, cfg.OldPool), cfg.OldPool, cfg.SignIn.OldPoolBudget*3/5)
	old.ReadSecret(start)
	records := recorder.New(
		cfg.SignIn.Config,
		ledger.New(dynamo.New(aws, cfg.Tables, cfg.SignIn.LedgerBudget*2/5), cfg.Windows, time.Now),
		spool.New(aws, cfg.Spool, cfg.SignIn.SpoolBudget/2),
	)
	return signin.New(
		cfg.SignIn,
		cfg.Policy,
		old,
		records,
		log,
		time.Now,
	), nil
}
