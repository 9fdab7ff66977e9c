// Report says how far the migration is: as JSON, as a page, as a dashboard's widget, and as gauges. It names nobody.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/gauges"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

func main() { function.Main(run) }

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		Tables   dynamo.Config
		Spool    spool.Config
		Letters  spool.DeadLetterConfig
		Gauges   gauges.Config
		Declared report.Declared
		Probe    probe.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	r := reporter{
		Collector: report.NewCollector(
			dynamo.New(aws, cfg.Tables, 2*time.Second), cfg.Declared, cfg.Probe,
			spool.New(aws, cfg.Spool, time.Second), spool.New(aws, spool.Config{QueueURL: cfg.Letters.QueueURL}, time.Second), log,
		),
		metrics: cloudwatch.NewFromConfig(aws), namespace: cfg.Gauges.Namespace,
	}
	return report.OrWidget(log, r.Collect, request.Handler(log,
		request.NewView("progress", r.progress).Default(),
		request.NewView("readiness", r.readiness),
		request.NewView("html", r.page),
		request.NewView("gauges", r.gauges),
	)), nil
}

type reporter struct {
	report.Collector
	metrics   *cloudwatch.Client
	namespace string
}

func (r reporter) progress(ctx context.Context, _ struct{}) (any, error) { return r.Collect(ctx) }

func (r reporter) readiness(ctx context.Context, _ struct{}) (any, error) {
	p, err := r.Collect(ctx)
	if err != nil {
		return nil, err
	}
	return p.Readiness, nil
}

func (r reporter) page(ctx context.Context, _ struct{}) (any, error) {
	p, err := r.Collect(ctx)
	if err != nil {
		return nil, err
	}
	return report.Page(p, report.Auto)
}

func (r reporter) gauges(ctx context.Context, _ struct{}) (any, error) {
	p, err := r.Collect(ctx)
	if err != nil {
		return nil, err
	}
	return nil, gauges.Put(ctx, r.metrics, r.namespace, p.Progress, gauges.Readiness{
		Ready: p.Readiness.Verdict == readiness.Ready, Lost: p.Readiness.Lost, Remaining: p.Readiness.Evidence.Remaining,
	})
}
