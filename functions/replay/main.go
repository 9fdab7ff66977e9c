// Replay puts spooled events into the ledger.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/replay"
)

func main() { function.Main(run) }

func run(ctx context.Context, environ []string) (func(context.Context, events.SQSEvent) (events.SQSEventResponse, error), error) {
	var cfg struct {
		Tables  dynamo.Config
		Windows migration.Windows
		Replay  replay.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	l := ledger.New(dynamo.New(aws, cfg.Tables, 8*time.Second), cfg.Windows, time.Now)
	return replay.New(cfg.Replay, l, slog.New(slog.NewJSONHandler(os.Stdout, nil)), time.Now).Handle, nil
}
