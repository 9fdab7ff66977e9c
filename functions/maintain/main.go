// Maintain looks after the record: it closes days, verifies the ledger, rebuilds the progress table, and checks the safeguards. It is the
// only function that may rewrite the progress table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/safeguard"
)

func main() { function.Main(run) }

type metrics struct {
	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		Tables     dynamo.Config
		Spool      spool.Config
		Letters    spool.DeadLetterConfig
		Safeguards safeguard.Config
		Metrics    metrics
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(aws, cfg.Tables, 5*time.Second)
	m := maintainer{
		store: store, checker: fsck.New(store), namespace: cfg.Metrics.Namespace,
		log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
		safeguards: safeguard.Targets{
			DynamoDB: dynamodb.NewFromConfig(aws), Lambda: lambda.NewFromConfig(aws), SQS: sqs.NewFromConfig(aws),
			AuditTable: cfg.Tables.AuditTable, ProgressTable: cfg.Tables.ProgressTable, WatchFunction: cfg.Safeguards.WatchFunction,
			Spool: cfg.Spool.QueueURL, DeadLetters: cfg.Letters.QueueURL,
		},
		key: cfg.Safeguards.KMSKeyARN,
	}
	return request.Handler(m.log,
		request.NewView("verify", m.verify), request.NewView("rebuild", m.rebuild), request.NewView("close", m.close),
		request.NewView("safeguards", m.look),
	), nil
}

type maintainer struct {
	store     *dynamo.Store
	checker   *fsck.Checker
	namespace string // of the metrics
	log       *slog.Logger

	safeguards safeguard.Targets
	key        string // the KMS key that should encrypt everything
}

func (m maintainer) close(ctx context.Context, _ struct{}) (any, error) {
	closed, err := m.checker.Close(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, "close", slog.Any("closed", closed))
	return map[string][]string{"closed": append([]string{}, closed...)}, nil
}

type rebuildRequest struct {
	Anew    bool `json:"anew"`    // start over instead of continuing an earlier rebuild
	Seconds int  `json:"seconds"` // how long to work at most; then the next call goes on
}

func (r rebuildRequest) Validate() error { return checkSeconds(r.Seconds) }

func checkSeconds(seconds int) error {
	if seconds < 0 {
		return errors.New(`"seconds" is negative`)
	}
	return nil
}

func (m maintainer) rebuild(ctx context.Context, r rebuildRequest) (any, error) {
	rebuilt, err := m.checker.Rebuild(ctx, time.Now, function.WorkUntil(ctx, r.Seconds), r.Anew)
	if err != nil {
		return nil, err
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, "rebuild", slog.Any("rebuilt", rebuilt))
	return rebuilt, nil
}
