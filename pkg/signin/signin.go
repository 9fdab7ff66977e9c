// Package signin is the life of a sign-in: Cognito's event, the old pool's answer, the decision, its record in the ledger, one
// log line with the metrics, and the answer to Cognito.
package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/cognitoevent"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/invocation"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Config sets the budgets, the mode and the audit policy.
type Config struct {
	// NewUserPoolID is the only pool that may ask, if set.
	NewUserPoolID string `env:"NEW_USER_POOL_ID"`

	// Cognito waits 5 s for an answer, cold start included. Budget bounds an invocation, the others its parts.
	Budget        time.Duration `env:"BUDGET" envDefault:"4s"`
	OldPoolBudget time.Duration `env:"OLD_POOL_BUDGET" envDefault:"2500ms"`
	recorder.Config

	// TypedName is the key under which the app says what the user typed, if the new pool folds case and the old one does not.
	TypedName string `env:"TYPED_NAME"`

	AuditPolicy AuditPolicy `env:"AUDIT_POLICY" envDefault:"spool"`
	Mode        Mode        `env:"MODE" envDefault:"live"`

	// ForwardMetadata: what the app sends along goes to the old pool's triggers.
	ForwardMetadata config.YesNo `env:"FORWARD_METADATA" envDefault:"no"`

	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

var poolID = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)

// minOldPoolBudget is less than the old pool needs for a first call.
const minOldPoolBudget = 100 * time.Millisecond

// Validate names the variables that do not fit together.
func (c Config) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	parts := c.OldPoolBudget + c.Total()
	switch {
	case c.NewUserPoolID != "" && !poolID.MatchString(c.NewUserPoolID):
		return fmt.Errorf("NEW_USER_POOL_ID is %q: allowed is an id like eu-west-1_aB3dE5gH7, or nothing", c.NewUserPoolID)
	case c.OldPoolBudget < minOldPoolBudget:
		return fmt.Errorf("OLD_POOL_BUDGET is %s: allowed is at least %s", c.OldPoolBudget, minOldPoolBudget)
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

// OldPool answers for the old pool, within ctx. The answer says what it could not find out.
type OldPool interface {
	SignIn(ctx context.Context, username, password string, metadata map[string]string) migration.Answer
	Lookup(ctx context.Context, username string) migration.Answer
}

// Recorder records the event that decide makes of the user's record, and says what became of it; see recorder.Recorder.
type Recorder interface {
	Record(ctx context.Context, sub string, decide func(migration.Record) migration.Event,
		instead func(migration.Event) migration.Event) recorder.Recorded
}

// The texts that reach the app, inside "UserMigration failed with error TEXT.". Apps match on them: they never change.
const (
	// TemporarilyUnavailable: no decision was possible; the user may try again.
	TemporarilyUnavailable answerError = "TEMPORARILY_UNAVAILABLE"
	// ResetPassword: the password was right, but the old pool wanted more than that. The app should offer a new password.
	ResetPassword answerError = "RESET_PASSWORD_TO_CONTINUE"
	// UnsupportedEvent: what arrived is not an event that this function is for.
	UnsupportedEvent answerError = "UNSUPPORTED_EVENT"
	// ProbeAnswered: the old pool knows no user of the probe's name.
	ProbeAnswered answerError = probe.Answered
)

type answerError string

func (e answerError) Error() string { return string(e) }

// Handler handles one invocation at a time, as Lambda does.
type Handler struct {
	config   Config
	policy   migration.Policy
	old      OldPool
	recorder Recorder
	log      *slog.Logger
	now      func() time.Time
}

// New wires a handler. Its log lines are JSON objects with the metrics at their top level, so log must write such lines.
func New(
	config Config, policy migration.Policy, old OldPool, recorder Recorder, log *slog.Logger, now func() time.Time,
) *Handler {
	return &Handler{config: config, policy: policy, old: old, recorder: recorder, log: log, now: now}
}

// attempt is one invocation, with what its log line says.
type attempt struct {
	event  cognitoevent.UserMigration
	origin migration.Origin

	answer   migration.Answer
	decision migration.Decision
	recorded recorder.Recorded

	turnedAway    bool // not asked about
	oldPool, full time.Duration
}

// Invoke decides about one user and answers Cognito. It implements lambda.Handler, so it also gets events that are not JSON. Everything
// that it started has ended when it returns.
func (h *Handler) Invoke(ctx context.Context, raw []byte) (out []byte, err error) {
	a := &attempt{origin: invocation.Origin(ctx, h.now())}
	start := time.Now()
	ctx, cancel := context.WithDeadline(ctx, h.deadline(ctx, start))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			h.log.LogAttrs(ctx, slog.LevelError, "panic", append(redact.Panic(p), slog.String("request_id", a.origin.RequestID))...)
			a.decision = migration.Decision{Outcome: migration.Failed, Reason: migration.Internal}
			out, err = nil, TemporarilyUnavailable
		}
		a.full = time.Since(start)
		h.report(ctx, a)
	}()

	if a.event, err = h.parse(raw); err != nil {
		a.decision = migration.Decision{Outcome: migration.Failed, Reason: migration.Misconfigured}
		a.recorded.Fault = err.Error()
		return nil, UnsupportedEvent
	}
	if h.config.Mode == Off {
		a.turnedAway = true
		return a.event.Answer(migration.Decision{})
	}
	h.ask(ctx, a)
	if h.config.Mode == Shadow {
		a.decide(h.policy, migration.Record{})
		return a.event.Answer(migration.Decision{})
	}
	h.decide(ctx, a)
	switch {
	case a.isProbe() && a.decision.Reason == migration.UnknownUser:
		return nil, ProbeAnswered
	case a.decision.Outcome == migration.Failed:
		return nil, TemporarilyUnavailable
	case a.decision.OfferReset:
		return nil, ResetPassword
	default:
		return a.event.Answer(a.decision)
	}
}

// isProbe tells whether nobody signs in, to see whether that is answered. Whom the old pool knows is no probe, whatever the name and the
// mark: so the mark tells nothing about anybody.
func (a *attempt) isProbe() bool {
	return a.answer.Account == nil && a.event.Trigger == migration.SignIn && probe.Is(a.event.Username, a.event.Metadata)
}

// parse reads an event of the new pool.
func (h *Handler) parse(raw []byte) (cognitoevent.UserMigration, error) {
	e, err := cognitoevent.ParseUserMigration(raw)
	if err != nil {
		return cognitoevent.UserMigration{}, err
	}
	if h.config.NewUserPoolID != "" && e.PoolID != h.config.NewUserPoolID {
		return cognitoevent.UserMigration{}, errors.New("the event is from another user pool than NEW_USER_POOL_ID")
	}
	return e, nil
}

// margin is the part of Lambda's time reserved for the log line and the answer: a function that is cut off gives neither.
const margin = 150 * time.Millisecond

// deadline is when the invocation has to be over.
func (h *Handler) deadline(ctx context.Context, start time.Time) time.Time {
	deadline := start.Add(h.config.Budget)
	if cut, ok := ctx.Deadline(); ok && cut.Add(-margin).Before(deadline) {
		deadline = cut.Add(-margin)
	}
	return deadline
}

func (h *Handler) ask(ctx context.Context, a *attempt) {
	ctx, cancel := recorder.Within(ctx, h.config.OldPoolBudget, h.config.Total())
	defer cancel()
	start := time.Now()
	name := a.event.Typed(h.config.TypedName)
	if a.event.Trigger == migration.SignIn {
		var metadata map[string]string
		if h.config.ForwardMetadata {
			metadata = a.event.Metadata
		}
		a.answer = h.old.SignIn(ctx, name, a.event.Password, metadata)
	} else {
		a.answer = h.old.Lookup(ctx, name)
	}
	a.oldPool = time.Since(start)
}

// decide decides, and records the decision before Cognito gets its answer.
func (h *Handler) decide(ctx context.Context, a *attempt) {
	if a.answer.Account == nil {
		a.decide(h.policy, migration.Record{}) // without a sub there is no stream to record in
		return
	}
	a.recorded = h.recorder.Record(ctx, a.answer.Account.Sub, func(current migration.Record) migration.Event {
		a.decide(h.policy, current)
		return a.newEvent()
	}, func(decided migration.Event) migration.Event {
		if h.config.AuditPolicy != AuditRequired {
			return decided
		}
		// Without a record nobody migrates: the user is refused, and that is another event.
		a.decision = migration.Decision{Outcome: migration.Failed, Reason: migration.AuditUnavailable}
		a.origin.ID = invocation.NewID(a.origin.At)
		return a.newEvent()
	})
}

func (a *attempt) decide(policy migration.Policy, current migration.Record) {
	a.decision = policy.Decide(a.event.Trigger, a.event.Username, a.answer, current)
}

func (a *attempt) newEvent() migration.Event {
	return migration.NewAttempt(a.origin, a.event.Trigger, *a.answer.Account, a.decision)
}
