// Journal keeps the migration's own history: what is declared, what each census counted, and every day's verdict, with its evidence. It is
// the only function that writes to the journal.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/invocation"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/spool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

func main() { function.Main(run) }

func run(_ context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		Tables   dynamo.Config
		Spool    spool.Config
		Letters  spool.DeadLetterConfig
		Declared report.Declared
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	store := dynamo.New(aws, cfg.Tables, 5*time.Second)
	k := keeper{
		store: store, log: log,
		Collector: report.NewCollector(
			store, cfg.Declared, probe.Config{}, // the days' probes count all the same; only the latest is left out
			spool.New(aws, cfg.Spool, time.Second), spool.New(aws, spool.Config{QueueURL: cfg.Letters.QueueURL}, time.Second), log,
		),
	}
	return request.Handler(log, request.NewView("record", k.record)), nil
}

type keeper struct {
	report.Collector
	store journal.Store
	log   *slog.Logger
}

type recordRequest struct {
	EveryHours int `json:"every_hours"` // give no verdict if the last was given less than so many hours ago
}

// Validate implements what request.NewView asks for.
func (r recordRequest) Validate() error {
	if r.EveryHours < 0 {
		return errors.New(`"every_hours" is negative`)
	}
	return nil
}

// recorded is what was written to the journal, and how it is now.
type recorded struct {
	Readiness report.Readiness `json:"readiness"`
	Entries   []migration.Kind `json:"entries"` // those that were written
	Version   int              `json:"version"` // entries in the journal
	Hash      string           `json:"hash"`    // of the last one
}

// tries is how often an entry is made again if somebody else has written to the journal meanwhile.
const tries = 5

// record writes what is new: the declarations if they differ from the last in the journal, the last census if it is not there yet, and a
// verdict.
func (k keeper) record(ctx context.Context, r recordRequest) (answer any, err error) {
	out := recorded{Entries: []migration.Kind{}}
	for range tries {
		if err = k.write(ctx, r, &out); !errors.Is(err, journal.ErrConflict) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	k.log.LogAttrs(ctx, slog.LevelInfo, "record", slog.Any("entries", out.Entries), slog.Int("version", out.Version),
		slog.String("verdict", string(out.Readiness.Verdict)), slog.String("reason", string(out.Readiness.Reason)))
	return out, nil
}

// entry is one to be written.
type entry struct {
	kind     migration.Kind
	evidence any
}

func (k keeper) write(ctx context.Context, r recordRequest, out *recorded) error {
	state, err := k.store.Journal(ctx)
	if err != nil {
		return err
	}
	collected, err := k.Collect(ctx)
	if err != nil {
		return err
	}
	entries, err := due(collected, state, time.Duration(r.EveryHours)*time.Hour)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if state, err = journal.Append(ctx, k.store, state, invocation.Origin(ctx, time.Now()), e.kind, e.evidence); err != nil {
			return err
		}
		out.Entries = append(out.Entries, e.kind)
	}
	out.Readiness, out.Version, out.Hash = collected.Readiness, state.Version, state.Hash
	return nil
}

// due returns the entries that are to be written.
func due(r report.Report, s journal.State, every time.Duration) ([]entry, error) {
	var entries []entry
	declared, err := json.Marshal(r.Readiness.Declared)
	if err != nil {
		return nil, err
	}
	if string(declared) != s.Declaration {
		entries = append(entries, entry{journal.Declaration, r.Readiness.Declared})
	}
	if c := r.Census; c != nil && c.Complete && c.StartedAt.After(s.CensusAt) {
		entries = append(entries, entry{journal.Census, c})
	}
	if every == 0 || r.AsOf.Sub(s.VerdictAt) >= every {
		entries = append(entries, entry{journal.Verdict, r.Readiness})
	}
	return entries, nil
}
