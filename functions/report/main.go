// Report says how far the migration is: as JSON, as a page, as a dashboard's widget, and as gauges. It names nobody.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/gauges"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
)

func main() { function.Main(run) }

const usage = `allowed is {"view":"progress"}, {"view":"html"} or {"view":"gauges"}`

type request struct {
	View     string `json:"view"`
	Describe bool   `json:"describe"` // a custom widget that is being set up
	Widget   *struct {
		Theme report.Theme `json:"theme"`
	} `json:"widgetContext"`
}

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		Tables  dynamo.Config
		Spool   spool.Config
		Letters spool.DeadLetterConfig
		Gauges  gauges.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(ctx)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(aws, cfg.Tables, 2*time.Second)
	waiting := spool.New(aws, cfg.Spool, time.Second)
	dead := spool.New(aws, spool.Config{QueueURL: cfg.Letters.QueueURL}, time.Second)
	metrics := cloudwatch.NewFromConfig(aws)
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))

	collect := func(ctx context.Context) (progress.Progress, error) {
		p, err := progress.Collect(ctx, store, time.Now())
		if err != nil {
			return p, err
		}
		depth, err := waiting.Depth(ctx)
		deadDepth, deadErr := dead.Depth(ctx)
		if err := errors.Join(err, deadErr); err != nil {
			// The figures count all the same; that the queues could not be asked shows in them.
			log.LogAttrs(ctx, slog.LevelError, "the spool could not be asked", slog.String("fault", redact.Error(err)))
			return p, nil
		}
		p.Spool = &progress.Spool{Waiting: depth, DeadLetters: deadDepth}
		return p, nil
	}

	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var req request
		if err := json.Unmarshal(raw, &req); err != nil {
			return nil, errors.New("the request is not understood: " + usage)
		}
		if req.Describe {
			return map[string]string{"markdown": report.WidgetDescription}, nil
		}
		switch req.View {
		case "", "progress", "html", "gauges":
		default:
			return nil, fmt.Errorf("view %q is unknown: %s", req.View, usage)
		}
		p, err := collect(ctx)
		if err != nil {
			return nil, err
		}
		switch {
		case req.View == "gauges":
			return nil, gauges.Put(ctx, metrics, cfg.Gauges.Namespace, p)
		case req.Widget != nil:
			return report.Widget(p, req.Widget.Theme)
		case req.View == "html":
			return report.Page(p, report.Auto)
		default:
			return p, nil
		}
	}, nil
}
