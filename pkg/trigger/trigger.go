// Package trigger is the life of a sign-in: Cognito's event, the old pool's answer, the decision, its record in the ledger, one
// log line with the metrics, and the answer to Cognito.
package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Config bounds the work and says what must not be lost.
type Config struct {
	// NewUserPoolID is the only pool that may ask, if set.
	NewUserPoolID string `env:"NEW_USER_POOL_ID"`

	// Cognito waits 5 s for an answer, cold start included. Budget bounds an invocation, the others its parts.
	Budget        time.Duration `env:"BUDGET" envDefault:"4s"`
	OldPoolBudget time.Duration `env:"OLD_POOL_BUDGET" envDefault:"2500ms"`
	LedgerBudget  time.Duration `env:"LEDGER_BUDGET" envDefault:"1s"`
	SpoolBudget   time.Duration `env:"SPOOL_BUDGET" envDefault:"400ms"`

	AuditPolicy AuditPolicy `env:"AUDIT_POLICY" envDefault:"spool"`
	Mode        Mode        `env:"MODE" envDefault:"live"`

	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

var poolID = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)

// minBudget is less than any of the three services needs for a first call.
const minBudget = 100 * time.Millisecond

// Validate names the variables that do not fit together.
func (c Config) Validate() error {
	parts := c.OldPoolBudget + c.LedgerBudget + c.SpoolBudget
	switch {
	case c.NewUserPoolID != "" && !poolID.MatchString(c.NewUserPoolID):
		return fmt.Errorf("NEW_USER_POOL_ID is %q: allowed is an id like eu-west-1_aB3dE5gH7, or nothing", c.NewUserPoolID)
	case min(c.OldPoolBudget, c.LedgerBudget, c.SpoolBudget) < minBudget:
		return fmt.Errorf("OLD_POOL_BUDGET, LEDGER_BUDGET and SPOOL_BUDGET must be at least %s each", minBudget)
	case parts > c.Budget:
		return fmt.Errorf("BUDGET is %s: allowed is at least %s, the sum of OLD_POOL_BUDGET, LEDGER_BUDGET and SPOOL_BUDGET",
			c.Budget, parts)
	case c.Budget > 4500*time.Millisecond:
		return fmt.Errorf("BUDGET is %s: allowed is at most 4.5s, since Cognito waits no longer than 5 s", c.Budget)
	}
	return nil
}

// AuditPolicy says what happens to a user whose attempt the ledger can't take.
type AuditPolicy string

// AuditSpool serves the user; the event waits in a queue. AuditRequired refuses the user.
const (
	AuditSpool    AuditPolicy = "spool"
	AuditRequired AuditPolicy = "required"
)

// UnmarshalText accepts the policies.
func (p *AuditPolicy) UnmarshalText(text []byte) error {
	switch v := AuditPolicy(text); v {
	case AuditSpool, AuditRequired:
		*p = v
		return nil
	default:
		return fmt.Errorf("%q is not allowed: allowed is %s, %s", text, AuditSpool, AuditRequired)
	}
}

// Mode says how much the function does.
type Mode string

// Live migrates. Shadow asks the old pool and counts what it would have done, in metrics and log, but records and migrates nobody:
// to Cognito no user exists. Off asks nobody either.
const (
	Live   Mode = "live"
	Shadow Mode = "shadow"
	Off    Mode = "off"
)

// UnmarshalText accepts the modes.
func (m *Mode) UnmarshalText(text []byte) error {
	switch v := Mode(text); v {
	case Live, Shadow, Off:
		*m = v
		return nil
	default:
		return fmt.Errorf("%q is not allowed: allowed is %s, %s, %s", text, Live, Shadow, Off)
	}
}

// OldPool answers for the old pool, within ctx; what it could not find out is in the answer.
type OldPool interface {
	SignIn(ctx context.Context, username, password string) migration.Answer
	Lookup(ctx context.Context, username string) migration.Answer
}

// Ledger appends the event that decide makes of the user's record; see ledger.Ledger.
type Ledger interface {
	Append(ctx context.Context, sub string, decide func(migration.Record) migration.Event) (ledger.Appended, error)
}

// Spool keeps an event until it can be replayed into the ledger.
type Spool interface {
	Send(ctx context.Context, e migration.Event) error
}

// The texts that reach the app, inside "UserMigration failed with error TEXT.". Apps match on them: they never change.
const (
	// TemporarilyUnavailable: nobody could find out; the user may try again.
	TemporarilyUnavailable answerError = "TEMPORARILY_UNAVAILABLE"
	// ResetPassword: the password was right, but the old pool wanted more than that. The app should offer a new password.
	ResetPassword answerError = "RESET_PASSWORD_TO_CONTINUE"
	// UnsupportedEvent: what arrived is not an event that this function is for.
	UnsupportedEvent answerError = "UNSUPPORTED_EVENT"
)

type answerError string

func (e answerError) Error() string { return string(e) }

// Handler handles one invocation at a time, as Lambda does.
type Handler struct {
	config Config
	policy migration.Policy
	old    OldPool
	ledger Ledger
	spool  Spool
	log    *slog.Logger
	now    func() time.Time
}

// New wires a handler. Its log lines are JSON objects with the metrics at their top level, so log must write such lines.
func New(
	config Config, policy migration.Policy, old OldPool, ledger Ledger, spool Spool, log *slog.Logger, now func() time.Time,
) *Handler {
	return &Handler{config: config, policy: policy, old: old, ledger: ledger, spool: spool, log: log, now: now}
}

// attempt is one invocation, and what its log line says.
type attempt struct {
	trigger   migration.Trigger
	at        time.Time
	requestID string

	answer   migration.Answer
	decision migration.Decision
	event    migration.Event // zero if there is no sub
	appended ledger.Appended
	fault    string // what stood in the way, without personal data

	spooled, lost         bool
	turnedAway            bool // not asked about
	oldPool, ledger, full time.Duration
}

// Invoke decides about one user and answers Cognito. It implements lambda.Handler, so that an event that is no JSON comes here
// as well. All that it started has ended when it returns.
func (h *Handler) Invoke(ctx context.Context, raw []byte) (out []byte, err error) {
	a := &attempt{at: migration.Millis(h.now())}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		a.requestID = lc.AwsRequestID
	}
	start := time.Now()
	ctx, cancel := context.WithDeadline(ctx, h.deadline(ctx, start))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// The value may quote what the user typed; the stack holds no values.
			h.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("type", fmt.Sprintf("%T", p)),
				slog.String("request_id", a.requestID), slog.String("stack", string(debug.Stack())))
			a.decision = migration.Decision{Outcome: migration.Failed, Reason: migration.Internal}
			out, err = nil, TemporarilyUnavailable
		}
		a.full = time.Since(start)
		h.report(ctx, a)
	}()

	e, err := parse(raw)
	if err == nil && h.config.NewUserPoolID != "" && e.poolID != h.config.NewUserPoolID {
		err = errors.New("the event is from another user pool than NEW_USER_POOL_ID")
	}
	if err != nil {
		a.decision = migration.Decision{Outcome: migration.Failed, Reason: migration.Misconfigured}
		a.fault = err.Error()
		return nil, UnsupportedEvent
	}
	a.trigger = e.trigger

	if h.config.Mode == Off {
		a.turnedAway = true
		return e.answer(migration.Decision{})
	}
	h.ask(ctx, a, e)
	if h.config.Mode == Shadow {
		a.decision = h.policy.Decide(a.trigger, e.username, a.answer, migration.Record{})
		return e.answer(migration.Decision{})
	}
	h.decide(ctx, a, e)
	switch {
	case a.decision.Outcome == migration.Failed:
		return nil, TemporarilyUnavailable
	case a.decision.OfferReset:
		return nil, ResetPassword
	default:
		return e.answer(a.decision)
	}
}

// margin is what is left of Lambda's time for the log line and the answer: a function that is cut off gives neither.
const margin = 150 * time.Millisecond

// deadline is when the invocation has to be over.
func (h *Handler) deadline(ctx context.Context, start time.Time) time.Time {
	deadline := start.Add(h.config.Budget)
	if cut, ok := ctx.Deadline(); ok && cut.Add(-margin).Before(deadline) {
		deadline = cut.Add(-margin)
	}
	return deadline
}

// within returns a context for a part of the work that leaves time for the parts after it.
func within(ctx context.Context, budget, after time.Duration) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline()
	return context.WithDeadline(ctx, earlier(time.Now().Add(budget), deadline.Add(-after)))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (h *Handler) ask(ctx context.Context, a *attempt, e event) {
	ctx, cancel := within(ctx, h.config.OldPoolBudget, h.config.LedgerBudget+h.config.SpoolBudget)
	defer cancel()
	start := time.Now()
	if a.trigger == migration.SignIn {
		a.answer = h.old.SignIn(ctx, e.username, e.password)
	} else {
		a.answer = h.old.Lookup(ctx, e.username)
	}
	a.oldPool = time.Since(start)
}

// decide decides, and records the decision before anyone is told.
func (h *Handler) decide(ctx context.Context, a *attempt, e event) {
	a.decision = h.policy.Decide(a.trigger, e.username, a.answer, migration.Record{})
	if a.answer.Account == nil {
		return // without a sub there is no stream to record in
	}
	a.event = h.newEvent(a)
	start := time.Now()
	appended, err := h.append(ctx, a, e)
	a.ledger = time.Since(start)
	if err == nil {
		a.appended = appended
		return
	}
	a.fault = ledger.Fault(err)
	if h.config.AuditPolicy == AuditRequired {
		// What the ledger could not take has not happened: the user is refused, and that is another event.
		a.decision = migration.Decision{Outcome: migration.Failed, Reason: migration.AuditUnavailable}
		a.event = h.newEvent(a)
	}
	h.keep(ctx, a)
}

func (h *Handler) append(ctx context.Context, a *attempt, e event) (ledger.Appended, error) {
	ctx, cancel := within(ctx, h.config.LedgerBudget, h.config.SpoolBudget)
	defer cancel()
	return h.ledger.Append(ctx, a.event.Sub, func(standing migration.Record) migration.Event {
		a.decision = h.policy.Decide(a.trigger, e.username, a.answer, standing)
		a.event.Outcome, a.event.Reason, a.event.Challenge = a.decision.Outcome, a.decision.Reason, a.decision.Challenge
		return a.event
	})
}

func (h *Handler) newEvent(a *attempt) migration.Event {
	return migration.Event{
		Schema:          migration.Schema,
		Sub:             a.answer.Account.Sub,
		ID:              ulid.MustNew(ulid.Timestamp(a.at), ulid.DefaultEntropy()).String(),
		Kind:            migration.Attempt,
		At:              a.at,
		Trigger:         a.trigger,
		Outcome:         a.decision.Outcome,
		Reason:          a.decision.Reason,
		Challenge:       a.decision.Challenge,
		Factors:         append([]string{}, a.answer.Account.Factors...),
		RequestID:       a.requestID,
		FunctionVersion: lambdacontext.FunctionVersion,
	}
}

// keep puts the event where replay will find it: the spool, or the log as the last resort.
func (h *Handler) keep(ctx context.Context, a *attempt) {
	ctx, cancel := within(ctx, h.config.SpoolBudget, 0)
	defer cancel()
	if h.spool != nil && h.spool.Send(ctx, a.event) == nil {
		a.spooled = true
		return
	}
	a.lost = true
}
