// Guard is the pre sign-up trigger of the new pool: nobody takes the name of an old user who has not moved.
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
	"github.com/cognito-user-migration/cognito-user-migration/pkg/guard"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
)

// startBudget bounds what is asked at start: Cognito's 5 s include the cold start. What was not answered in it is asked by the first
// sign-up.
const startBudget = 700 * time.Millisecond

func main() { function.Main(run) }

func run(ctx context.Context, environ []string) (lambda.Handler, error) {
	var cfg struct {
		OldPool oldpool.Config
		Tables  dynamo.Config
		Guard   guard.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	if cfg.Guard.NewUserPoolID == cfg.OldPool.UserPoolID {
		return nil, errors.New("NEW_USER_POOL_ID and USER_POOL_ID are the same: allowed are two pools that are not the same")
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	start, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	return guard.New(
		cfg.Guard,
		oldpool.New(oldpool.Connect(start, aws, cfg.OldPool), cfg.OldPool, cfg.Guard.OldPoolBudget*3/5),
		dynamo.New(aws, cfg.Tables, cfg.Guard.LedgerBudget*2/5),
		slog.New(slog.NewJSONHandler(os.Stdout, nil)),
		time.Now,
	), nil
}
