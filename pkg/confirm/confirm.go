// Package confirm asks the new pool whether it has the users who were handed over to it, and records a confirmation of each whom it has.
package confirm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Config says how the users were handed over, and how fast to ask.
type Config struct {
	CarryGroups config.YesNo `env:"CARRY_GROUPS" envDefault:"no"`
	Rate        int          `env:"CONFIRM_RATE" envDefault:"3"` // users a second, of each batch that is worked on at once

	Handover
	recorder.Config

	Namespace string `env:"METRICS_NAMESPACE" envDefault:"CognitoUserMigration"`
}

// maxRate is what the quota for AdminGetUser allows, if nobody signs in.
const maxRate = 60

// Validate names the variable that is out of range.
func (c Config) Validate() error {
	if c.Rate < 1 || c.Rate > maxRate {
		return fmt.Errorf("CONFIRM_RATE is %d: allowed is 1 to %d", c.Rate, maxRate)
	}
	return c.Config.Validate()
}

// OldPool tells who a sub is.
type OldPool interface {
	LookupSub(ctx context.Context, sub string) migration.Answer
	Groups(ctx context.Context, username string) ([]string, error)
}

// NewPool tells who has a name, and puts users into groups; see newpool.Pool.
type NewPool interface {
	User(ctx context.Context, name string) (newpool.User, error)
	AddToGroup(ctx context.Context, username, group string) error
}

// Records are the records of the users, and the list of those who wait for their confirmation; see dynamo.Store.
type Records interface {
	Record(ctx context.Context, sub string) (migration.Record, error)
	StandingSince(ctx context.Context, standing string, since time.Time, cursor string, limit int) ([]migration.Record, string, error)
}

// Recorder records an event; see recorder.Recorder.
type Recorder interface {
	Record(ctx context.Context, sub string, decide func(migration.Record) migration.Event,
		instead func(migration.Event) migration.Event) recorder.Recorded
}

// Confirmer asks about users.
type Confirmer struct {
	writer

	config  Config
	old     OldPool
	new     NewPool
	records Records
	next    time.Time // when the next user may be asked about
}

// New wires a confirmer. If no rule keeps the old sub, it confirms nobody, and says so.
func New(config Config, o OldPool, n NewPool, records Records, r Recorder, log *slog.Logger, now func() time.Time) *Confirmer {
	c := &Confirmer{
		config: config, old: o, new: n, records: records,
		writer: writer{recorder: r, log: log, namespace: config.Namespace, now: now},
	}
	if config.Link() == "" {
		log.Warn("nobody is confirmed: no rule of ATTRIBUTES keeps the old sub, as custom:old_sub=sub does")
	}
	return c
}

// Why is why a user is not confirmed.
type Why string

// The reasons. After Unreachable the same question may get another answer at once, after the others only when something has changed.
const (
	NotFound      Why = "not_found"      // the new pool has nobody by that name
	NotLinked     Why = "not_linked"     // it has, but that is not the user who was handed over
	ResetRequired Why = "reset_required" // the user has not set the new password yet
	AccountStatus Why = "account_status" // the user is in another state than CONFIRMED
	Disabled      Why = "disabled"       // the user is disabled in the new pool
	UnknownUser   Why = "unknown_user"   // the old pool has no user of that sub any more, so nobody knows the name
	Unreachable   Why = "unreachable"    // a pool, or the record, did not answer
)

// notArrived tells whether the new pool does not have the user.
func (w Why) notArrived() bool { return w == NotFound || w == NotLinked }

// result is what came of asking about one user. Without a Why the user is confirmed.
type result struct {
	sub           string
	why           Why
	before        bool // it was confirmed before
	exception     string
	recorded      recorder.Recorded
	added         int
	missingGroups []string
}

// perUser is the most time that one user takes, recording apart.
const perUser = 5 * time.Second

// confirm asks both pools about one user, who was handed over at a time. The groups come first: a user who is confirmed has them, but for
// one who was confirmed before the handover was recorded, by a census.
func (c *Confirmer) confirm(ctx context.Context, sub string, handedOver time.Time) (r result) {
	r = result{sub: sub}
	asking, cancel := recorder.Within(ctx, perUser, c.config.Total())
	defer cancel()
	record, err := c.records.Record(asking, sub)
	if err != nil {
		r.unreachable(redact.Error(err))
		return r
	}
	lacksGroups := bool(c.config.CarryGroups) && record.Since.Before(handedOver)
	if r.before = record.Status == migration.StatusConfirmed && !lacksGroups; r.before {
		return r
	}
	f := c.config.find(asking, c.old, c.new, sub)
	if r.why, r.exception = f.why, f.exception; r.why != "" {
		return r
	}
	if c.config.CarryGroups {
		if err := c.carry(asking, f.account.Username, f.user.Username, &r); err != nil {
			r.unreachable(redact.Error(err))
			return r
		}
	}
	c.record(ctx, &r)
	return r
}

func (r *result) unreachable(exception string) { r.why, r.exception = Unreachable, exception }

// carry puts the user into the groups of the same names.
func (c *Confirmer) carry(ctx context.Context, oldName, newName string, r *result) error {
	groups, err := c.old.Groups(ctx, oldName)
	if err != nil {
		return err
	}
	for _, group := range groups {
		switch err := c.new.AddToGroup(ctx, newName, group); {
		case errors.Is(err, newpool.ErrNoGroup):
			r.missingGroups = append(r.missingGroups, group)
		case err != nil:
			return err
		default:
			r.added++
		}
	}
	return nil
}

// pause waits until the next user may be asked about, and not before a time; or until ctx is done.
func (c *Confirmer) pause(ctx context.Context, until time.Time) {
	if c.next.After(until) {
		until = c.next
	}
	select {
	case <-time.After(until.Sub(c.now())):
	case <-ctx.Done():
	}
	c.next = c.now().Add(time.Second / time.Duration(c.config.Rate))
}
