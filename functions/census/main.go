// Census counts the users of both pools, in slices: how many there are, who has moved, and how many are left. It keeps counts, and nothing
// about anybody. Users of the new pool who are ready to sign in there and not confirmed yet, it confirms.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
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

type censusConfig struct {
	Rate        int             `env:"CENSUS_RATE" envDefault:"10"` // calls of ListUsers a second, at most
	Attributes  migration.Rules `env:"ATTRIBUTES"`
	CarryGroups config.YesNo    `env:"CARRY_GROUPS" envDefault:"no"`

	recorder.Config

	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

// maxRate leaves something for others of what ListUsers is let in an account and Region, 30 calls a second.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const maxRate = 25

// Validate names the variable that is out of range.
func (c censusConfig) Validate() error {
	if c.Rate < 1 || c.Rate > maxRate {
		return fmt.Errorf("CENSUS_RATE is %d: allowed is 1 to %d", c.Rate, maxRate)
	}
	return c.Config.Validate()
}

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		OldPool oldpool.Config
		NewPool newpool.Config
		Tables  dynamo.Config
		Spool   spool.Config
		Windows migration.Windows
		Census  censusConfig
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	const try = 10 * time.Second // a page of a large pool may take its time
	limiter := rate.NewLimiter(rate.Limit(cfg.Census.Rate), 1)
	store, log := dynamo.New(aws, cfg.Tables, try), slog.New(slog.NewJSONHandler(os.Stdout, nil))
	events := ledger.New(dynamo.New(aws, cfg.Tables, cfg.Census.LedgerBudget*2/5), cfg.Windows, time.Now)
	records := recorder.New(cfg.Census.Config, events, spool.New(aws, cfg.Spool, cfg.Census.SpoolBudget/2))
	t := taker{
		store: store, log: log,
		counter: census.Counter{
			Old:           oldpool.New(oldpool.Connect(ctx, aws, cfg.OldPool), cfg.OldPool, try).Listing(limiter),
			New:           newpool.New(aws, cfg.NewPool, try).Listing(limiter),
			Records:       store,
			Confirmations: confirm.NewListed(records, log, cfg.Census.Namespace, time.Now),
			Link:          cfg.Census.Attributes.Link(),
		},
	}
	if cfg.Census.CarryGroups {
		t.counter.Recent = confirm.SweepBack
	}
	return request.Handler(t.log, request.NewView("run", t.run), request.NewView("status", t.status)), nil
}

// taker takes censuses.
type taker struct {
	store   *dynamo.Store
	counter census.Counter
	log     *slog.Logger
}

type runRequest struct {
	Seconds    int `json:"seconds"`     // how long to work at most; then the next call goes on
	EveryHours int `json:"every_hours"` // begin no census if the last began less than so many hours ago
}

// Validate implements what request.NewView asks for.
func (r runRequest) Validate() error {
	if r.Seconds < 0 || r.EveryHours < 0 {
		return errors.New(`"seconds" or "every_hours" is negative`)
	}
	return nil
}

// status is how the census stands.
type status struct {
	Result  *census.Result `json:"result"`  // of the last that came to its end; null before it
	Running *census.Result `json:"running"` // the one under way, so far; null if none is
	AtWork  bool           `json:"at_work"` // an invocation goes on with it just now: no other does
}

func (t taker) status(ctx context.Context, _ struct{}) (any, error) {
	var s status
	var result census.Result
	var state census.State
	ok, err := t.store.KeptCensus(ctx, dynamo.CensusResult, &result)
	if err != nil {
		return nil, err
	}
	if ok {
		s.Result = &result
	}
	running, err := t.underWay(ctx, &state)
	if err != nil {
		return nil, err
	}
	if running {
		so := state.Result(t.counter.Link)
		s.Running, s.AtWork = &so, time.Now().Before(state.HeldUntil)
	}
	return s, nil
}

// underWay reads the state of the census that is under way; false if none is.
func (t taker) underWay(ctx context.Context, state *census.State) (bool, error) {
	ok, err := t.store.KeptCensus(ctx, dynamo.CensusState, state)
	return ok && !state.Done(), err
}

// run goes on with the census that is under way, or begins one. It answers the status.
func (t taker) run(ctx context.Context, r runRequest) (any, error) {
	var state census.State
	running, err := t.underWay(ctx, &state)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	switch {
	case running && now.Before(state.HeldUntil):
		return t.status(ctx, struct{}{}) // somebody is at work
	case !running && r.EveryHours > 0:
		var last census.Result
		ok, err := t.store.KeptCensus(ctx, dynamo.CensusResult, &last)
		if err != nil {
			return nil, err
		}
		if ok && now.Sub(last.StartedAt) < time.Duration(r.EveryHours)*time.Hour {
			return t.status(ctx, struct{}{})
		}
	}
	if !running {
		state = census.State{StartedAt: migration.Millis(now)}
	}
	if err := t.counter.Run(ctx, &state, time.Now, function.WorkUntil(ctx, r.Seconds), t.keep); err != nil {
		return nil, err
	}
	return t.status(ctx, struct{}{})
}

// keep keeps a state; that of a census that is done as the result, of its day as well.
func (t taker) keep(ctx context.Context, s *census.State) error {
	if s.Done() {
		result := s.Result(t.counter.Link)
		result.FinishedAt = migration.Millis(time.Now())
		for _, item := range []dynamo.CensusItem{dynamo.CensusOfDay(ledger.Day(s.StartedAt)), dynamo.CensusResult} {
			if err := t.store.KeepCensus(ctx, item, result); err != nil {
				return err
			}
		}
		t.log.LogAttrs(ctx, slog.LevelInfo, "census", slog.Any("result", result))
	}
	return t.store.KeepCensus(ctx, dynamo.CensusState, s)
}
