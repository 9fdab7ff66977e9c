// Package guard keeps strangers from taking the names of old users who have not moved: it decides about everybody who signs up at the new
// pool. It reads the old pool and the ledger, and changes neither.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/cognitoevent"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/invocation"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Config names the pool that may ask, and sets the budgets.
type Config struct {
	NewUserPoolID string `env:"NEW_USER_POOL_ID,required,notEmpty"`

	// Cognito waits 5 s for an answer, cold start included. Budget bounds an invocation, the others its parts.
	Budget        time.Duration `env:"BUDGET" envDefault:"4s"`
	OldPoolBudget time.Duration `env:"OLD_POOL_BUDGET" envDefault:"2500ms"`
	LedgerBudget  time.Duration `env:"LEDGER_BUDGET" envDefault:"1s"`

	// TypedName is the key under which the app says what was typed, if the new pool folds case and the old one does not.
	TypedName string `env:"TYPED_NAME"`
	// Attributes are the rules that make a migrated user's attributes: one of them may make the link.
	Attributes migration.Rules `env:"ATTRIBUTES"`

	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

var poolID = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)

// minBudget is less than either service needs for a first call.
const minBudget = 100 * time.Millisecond

// Validate names the variables that do not fit together.
func (c Config) Validate() error {
	switch parts := c.OldPoolBudget + c.LedgerBudget; {
	case !poolID.MatchString(c.NewUserPoolID):
		return fmt.Errorf("NEW_USER_POOL_ID is %q: allowed is an id like eu-west-1_aB3dE5gH7", c.NewUserPoolID)
	case min(c.OldPoolBudget, c.LedgerBudget) < minBudget:
		return fmt.Errorf("OLD_POOL_BUDGET and LEDGER_BUDGET must be at least %s each", minBudget)
	case parts > c.Budget:
		return fmt.Errorf("BUDGET is %s: allowed is at least %s, the sum of OLD_POOL_BUDGET and LEDGER_BUDGET", c.Budget, parts)
	case c.Budget > 4500*time.Millisecond:
		return fmt.Errorf("BUDGET is %s: allowed is at most 4.5s, since Cognito waits no longer than 5 s", c.Budget)
	}
	return nil
}

// OldPool answers for the old pool, within ctx. The answer says what it could not find out.
type OldPool interface {
	Lookup(ctx context.Context, name string) migration.Answer
	LookupAddress(ctx context.Context, address migration.Address, value string) migration.Answer
}

// Ledger reads a user's record; the zero Record if there is none.
type Ledger interface {
	Record(ctx context.Context, sub string) (migration.Record, error)
}

// The texts that reach the app, inside "PreSignUp failed with error TEXT.". Apps match on them: they never change.
const (
	// SignInInstead: an old user has that name or address and has not moved. By signing in, or by a forgotten password, that user moves.
	SignInInstead answerError = "SIGN_IN_INSTEAD"
	// TemporarilyUnavailable: nobody could find out. The user may try again.
	TemporarilyUnavailable answerError = "TEMPORARILY_UNAVAILABLE"
	// UnsupportedEvent: what arrived is not an event that this function is for.
	UnsupportedEvent answerError = "UNSUPPORTED_EVENT"
)

type answerError string

func (e answerError) Error() string { return string(e) }

// Handler handles one invocation at a time, as Lambda does.
type Handler struct {
	config Config
	old    OldPool
	ledger Ledger
	log    *slog.Logger
	now    func() time.Time
}

// New wires a handler. Its log lines are JSON objects with the metrics at their top level, so log must write such lines.
func New(config Config, old OldPool, ledger Ledger, log *slog.Logger, now func() time.Time) *Handler {
	return &Handler{config: config, old: old, ledger: ledger, log: log, now: now}
}

// signUp is one invocation, with what its log line says.
type signUp struct {
	event   cognitoevent.PreSignUp
	asked   bool // somebody signs up; other users are not asked about
	finding finding
	full    time.Duration
}

// margin is the part of Lambda's time reserved for the log line and the answer: a function that is cut off gives neither.
const margin = 150 * time.Millisecond

// Invoke decides about one new user and answers Cognito. It implements lambda.Handler, so it also gets events that are not JSON.
// Everything that it started has ended when it returns.
func (h *Handler) Invoke(ctx context.Context, raw []byte) (out []byte, err error) {
	start := time.Now()
	deadline := start.Add(h.config.Budget)
	if cut, ok := ctx.Deadline(); ok && cut.Add(-margin).Before(deadline) {
		deadline = cut.Add(-margin)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var s signUp
	defer func() {
		if p := recover(); p != nil {
			h.log.LogAttrs(ctx, slog.LevelError, "panic", append(redact.Panic(p), slog.String("request_id", invocation.RequestID(ctx)))...)
			s.finding = finding{reason: migration.Internal}
			out, err = nil, TemporarilyUnavailable
		}
		s.full = time.Since(start)
		h.report(ctx, s)
	}()

	s.event, err = cognitoevent.ParsePreSignUp(raw)
	switch {
	case s.event.PoolID != "" && s.event.PoolID != h.config.NewUserPoolID:
		err = errors.New("the event is from another user pool than NEW_USER_POOL_ID")
	case s.event.Source != "" && s.event.Source != cognitoevent.SignUp && err != nil:
		return raw, nil // whatever it is, nobody signs up
	case s.event.Source != cognitoevent.SignUp && err == nil:
		return s.event.Answer(nil)
	}
	s.asked = true
	if err != nil {
		s.finding = finding{reason: migration.Misconfigured, fault: err.Error()}
		return nil, UnsupportedEvent
	}
	s.finding = h.find(ctx, s.event)
	switch {
	case s.finding.reason != "":
		return nil, TemporarilyUnavailable
	case s.finding.sub != "":
		return nil, SignInInstead
	default:
		return s.event.Answer(nil)
	}
}
