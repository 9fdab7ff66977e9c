// Maintain looks after the record: it closes days, verifies the ledger and rebuilds the progress table. It is the only function that
// may rewrite that table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
)

func main() { function.Main(run) }

const usage = `allowed is {"view":"verify"} (with "sub", or "day" as 2006-01-02, or all), {"view":"rebuild"} (with "anew":true, if ` +
	`one that was left is not to go on) or {"view":"close"}; ` +
	`"seconds" says how long to work at most, then the next call goes on; with "every_hours" nothing is done if all was verified already ` +
	`by a run that began less than so many hours ago`

type metrics struct {
	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

// The metrics that the log lines carry.
const (
	metricVerifyFindings  = "VerifyFindings"  // what a verification found; zero only if it was of everything
	metricVerifiedStreams = "VerifiedStreams" // users whose events it has verified so far
)

type request struct {
	View       string `json:"view"`
	Sub        string `json:"sub"`
	Day        string `json:"day"`
	Seconds    int    `json:"seconds"`
	EveryHours int    `json:"every_hours"`
	Anew       bool   `json:"anew"`
}

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		Tables  dynamo.Config
		Metrics metrics
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
		var r request
		if err := json.Unmarshal(raw, &r); err != nil || r.Seconds < 0 || r.EveryHours < 0 {
			return nil, errors.New("the request is not understood: " + usage)
		}
		switch r.View {
		case "close":
			closed, err := fsck.New(store).Close(ctx, time.Now())
			log.LogAttrs(ctx, slog.LevelInfo, "close", slog.Any("closed", closed))
			return map[string][]string{"closed": append([]string{}, closed...)}, err
		case "verify":
			if r.EveryHours > 0 {
				last, err := store.Verification(ctx)
				if err != nil || last.Complete && time.Since(last.StartedAt) < time.Duration(r.EveryHours)*time.Hour {
					return last, err
				}
			}
			v, err := verify(ctx, store, r)
			log.LogAttrs(ctx, level(v), "verify", append([]slog.Attr{slog.Any("verification", v)}, measured(r, v, cfg.Metrics.Namespace)...)...)
			return v, err
		case "rebuild":
			rebuilt, err := fsck.New(store).Rebuild(ctx, time.Now, until(ctx, r.Seconds), r.Anew)
			log.LogAttrs(ctx, slog.LevelInfo, "rebuild", slog.Any("rebuilt", rebuilt))
			return rebuilt, err
		default:
			return nil, fmt.Errorf("view %q is unknown: %s", r.View, usage)
		}
	}, nil
}

func level(v ledger.Verification) slog.Level {
	if v.FindingCount > 0 {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// measured are the metrics of a verification. What was found is published at once; that nothing was, only when all has been verified:
// a clean user, or a clean beginning, must not silence the alarm that another finding has set off.
func measured(r request, v ledger.Verification, namespace string) []slog.Attr {
	metrics := []emf.Metric{{Name: metricVerifiedStreams, Unit: emf.Count, Value: float64(v.Streams)}}
	if everything := r.Sub == "" && r.Day == ""; v.FindingCount > 0 || everything && v.Complete {
		metrics = append(metrics, emf.Metric{Name: metricVerifyFindings, Unit: emf.Count, Value: float64(v.FindingCount)})
	}
	return emf.Attrs(time.Now(), namespace, emf.Directive{Dimensions: [][]string{{}}, Metrics: metrics})
}

func verify(ctx context.Context, store *dynamo.Store, r request) (ledger.Verification, error) {
	switch {
	case r.Sub != "":
		return fsck.New(store).VerifyUser(ctx, r.Sub, time.Now)
	case r.Day != "":
		if _, err := time.Parse(time.DateOnly, r.Day); err != nil {
			return ledger.Verification{}, fmt.Errorf("day %q is none: %s", r.Day, usage)
		}
		return fsck.New(store).VerifyDay(ctx, r.Day, time.Now)
	default:
		return fsck.New(store).Verify(ctx, time.Now, until(ctx, r.Seconds))
	}
}

// until is when to stop walking for now: after so many seconds if any are given, but with a tenth of Lambda's time left for what comes
// after the walk.
func until(ctx context.Context, seconds int) time.Time {
	stop := time.Now().Add(time.Duration(seconds) * time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		if latest := deadline.Add(-time.Until(deadline) / 10); seconds == 0 || stop.After(latest) {
			return latest
		}
	}
	return stop
}
