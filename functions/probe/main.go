// Probe tries once an hour to sign in a user who does not exist at the new pool, and counts whether the trigger answered.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

func main() { function.Main(run) }

// try is the most time that one call of a probe takes. Cognito waits 5 seconds for the trigger, and may ask it three times.
const try = 16 * time.Second

// The metrics. docs/metrics.md describes them.
const (
	MetricAnswered = "ProbeAnswered"
	MetricFailed   = "ProbeFailed"
)

func run(_ context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		NewPool newpool.Config
		Tables  dynamo.Config
		Probe   probe.Config
		Metrics metrics
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	p := prober{
		pool: newpool.New(aws, cfg.NewPool, try), store: dynamo.New(aws, cfg.Tables, 2*time.Second),
		clientID: cfg.Probe.AppClientID, namespace: cfg.Metrics.Namespace, log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}
	return request.Handler(p.log, request.NewView("run", p.run)), nil
}

type metrics struct {
	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

type prober struct {
	pool      *newpool.Pool
	store     *dynamo.Store
	clientID  string
	namespace string
	log       *slog.Logger
}

// answer says what a probe came to.
type answer struct {
	Measured bool         `json:"measured"` // false without an app client to probe by: then the rest says nothing
	Answered bool         `json:"answered"`
	Reason   probe.Reason `json:"reason,omitempty"`
	Tries    int          `json:"tries"`
}

// run probes, and counts the result in the hour. A probe that is not answered is no error of this function: Lambda is not to try it again.
func (p prober) run(ctx context.Context, _ struct{}) (any, error) {
	if p.clientID == "" {
		return answer{}, nil
	}
	at := time.Now()
	result := probe.Run(ctx, func(ctx context.Context, name string) (probe.Reason, error) {
		return p.pool.Probe(ctx, p.clientID, name)
	})
	if err := p.store.CountProbe(ctx, at, result); err != nil {
		return nil, err
	}
	p.report(ctx, at, result)
	return answer{Measured: true, Answered: result.Answered, Reason: result.Reason, Tries: result.Tries}, nil
}

// report writes the probe's one log line.
func (p prober) report(ctx context.Context, at time.Time, result probe.Result) {
	level, attrs := slog.LevelInfo, []slog.Attr{slog.Int("tries", result.Tries)}
	answered := emf.Metric{Name: MetricAnswered, Unit: emf.Count}
	failed := emf.Metric{Name: MetricFailed, Unit: emf.Count}
	if result.Answered {
		answered.Value = 1
	} else {
		level, failed.Value = slog.LevelError, 1
		attrs = append(attrs, slog.String("reason", string(result.Reason)))
		if result.Cause != nil {
			attrs = append(attrs, slog.String("fault", redact.Error(result.Cause)))
		}
	}
	attrs = append(attrs, emf.Attrs(at, p.namespace, emf.Directive{Dimensions: [][]string{{}}, Metrics: []emf.Metric{answered, failed}})...)
	p.log.LogAttrs(ctx, level, "probe", attrs...)
}
