package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// The months before today: users who came then, and users who have not come yet. They are laid down by the real ledger, with a clock that
// stands on their days.
const (
	pastDays   = 182
	pastUsers  = 600
	pastAbsent = 400
	mailedOn   = 60  // the day of a mailing, after which more users came for a week
	deadOn     = 120 // the day on which a probe failed, and nobody could come
)

// visitor is a user who came in the past.
type visitor struct {
	user    cognito.User
	day     int // of the first event
	blocked bool
	release int // days later on which a blocked user moved; 0 if none
}

// past is what happened before today.
type past struct {
	start    time.Time
	visitors []visitor
	absent   []cognito.User
}

// newPast plans the past: users come in ever smaller numbers, every fifteenth finds the old account disabled first, and half of those are
// enabled later on.
func newPast(today time.Time) past {
	p := past{start: today.AddDate(0, 0, -pastDays)}
	var weights []float64
	var sum float64
	for day := range pastDays {
		weight := math.Pow(float64(day+8), -0.9)
		if day >= mailedOn && day < mailedOn+7 {
			weight *= 3
		}
		if day == deadOn {
			weight = 0
		}
		sum += weight
		weights = append(weights, sum)
	}
	for i := range pastUsers {
		at := (float64(i) + 0.5) / pastUsers * sum
		v := visitor{user: pastUser("Early", i), day: slices.IndexFunc(weights, func(w float64) bool { return w >= at })}
		if i%15 == 0 {
			v.blocked = true
			if i%30 == 0 && v.day+20 < pastDays && v.day+20 != deadOn {
				v.release = 20
			}
		}
		v.user.Disabled = v.blocked && v.release == 0
		p.visitors = append(p.visitors, v)
	}
	for i := range pastAbsent {
		p.absent = append(p.absent, pastUser("Absent", i))
	}
	return p
}

// moved tells whether the user has moved, and on which day.
func (v visitor) moved() (day int, moved bool) { return v.day + v.release, !v.blocked || v.release > 0 }

func pastUser(kind string, i int) cognito.User {
	changed := time.Date(2020+i%5, time.Month(1+i%12), 1+i%28, 12, 0, 0, 0, time.UTC)
	name := fmt.Sprintf("%s%04d", kind, i)
	return cognito.User{
		Username: name, Password: "Correct-horse-" + name + "!", Sub: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(),
		Attributes: map[string]string{
			"email": name + "@example.org", "email_verified": "true", "name": kind, "custom:tenant": tenant(i), "custom:legacy": "yes",
		},
		Created: changed, Modified: changed,
	}
}

// arrived is the user as the new pool has it.
func (v visitor) arrived(i int) cognito.User {
	u := v.user
	u.Sub, u.Created, u.Modified = "", time.Time{}, time.Time{}
	u.Attributes = map[string]string{
		"email": v.user.Attributes["email"], "email_verified": "true", "name": v.user.Attributes["name"],
		"custom:org": tenant(i), "custom:old_sub": v.user.Sub,
	}
	return u
}

// at is a moment of a day of the past, different for each user.
func (p past) at(day, user int) time.Time {
	return p.start.AddDate(0, 0, day).Add(7*time.Hour + time.Duration(user%600)*time.Minute)
}

// lay lays the past down: the users in both pools, their events in the ledger, a probe a day, and a census a week.
func (p past) lay(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack) error {
	old := slices.Clone(p.absent)
	var later []cognito.User
	for i, v := range p.visitors {
		old = append(old, v.user)
		if _, moved := v.moved(); moved {
			later = append(later, v.arrived(i))
		}
	}
	if err := sb.Old.Put(ctx, old...); err != nil {
		return err
	}
	if err := sb.New.Put(ctx, later...); err != nil {
		return err
	}
	store := dynamo.New(sandbox.Config(sb.DynamoDB.Endpoint()), stack.Tables, 10*time.Second)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, v := range p.visitors {
		group.Go(func() error { return p.layEvents(groupCtx, store, i, v) })
	}
	for day := range pastDays {
		group.Go(func() error {
			return store.CountProbe(groupCtx, p.at(day, 0), probe.Result{Answered: day != deadOn, Reason: probe.NotPermitted})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := p.layCensuses(ctx, store); err != nil {
		return err
	}
	if _, err := stack.Invoke(ctx, "maintain", []byte(`{"view":"close"}`)); err != nil {
		return err
	}
	return stack.SkipStream(ctx)
}

// layEvents records what a visitor did.
func (p past) layEvents(ctx context.Context, store *dynamo.Store, i int, v visitor) error {
	record := func(day int, later time.Duration, make func(migration.Origin) migration.Event) error {
		at := p.at(day, i).Add(later)
		event := make(migration.Origin{ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), At: at})
		_, err := ledger.New(store, migration.Windows{}, func() time.Time { return at }).
			Append(ctx, v.user.Sub, func(migration.Record) migration.Event { return event })
		return err
	}
	attempt := func(d migration.Decision) func(migration.Origin) migration.Event {
		return func(o migration.Origin) migration.Event {
			return migration.NewAttempt(o, migration.SignIn, migration.Account{Sub: v.user.Sub}, d)
		}
	}
	if v.blocked {
		if err := record(v.day, 0, attempt(migration.Decision{Outcome: migration.Rejected, Reason: migration.Disabled})); err != nil {
			return err
		}
	}
	day, moved := v.moved()
	if !moved {
		return nil
	}
	if err := record(day, time.Second, attempt(migration.Decision{Outcome: migration.Migrated})); err != nil {
		return err
	}
	return record(day, 6*time.Second, func(o migration.Origin) migration.Event { return migration.NewConfirmation(o, v.user.Sub) })
}

// layCensuses writes to the journal what a census would have counted once a week.
func (p past) layCensuses(ctx context.Context, store *dynamo.Store) error {
	var state journal.State
	for day := 0; day < pastDays; day += 7 {
		at := p.at(day, 0)
		counted := census.Result{StartedAt: at, FinishedAt: at.Add(time.Minute), Complete: true}
		counted.Old.Users = pastUsers + pastAbsent
		counted.Old.Remaining = counted.Old.Users
		for _, v := range p.visitors {
			if moved, has := v.moved(); has && moved < day {
				counted.Old.Remaining--
			}
		}
		var err error
		o := migration.Origin{ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), At: at}
		if state, err = journal.Append(ctx, store, state, o, journal.Census, counted); err != nil {
			return err
		}
	}
	return nil
}

// expect adds what the past came to.
func (p past) expect(f figures) {
	f["users of the old pool/in all"] += len(p.visitors) + len(p.absent)
	f["users of the old pool/left"] += len(p.absent)
	f["left, by name/never came"] += len(p.absent)
	for _, v := range p.visitors {
		f["ledger/users verified"]++
		if v.blocked {
			f["ledger/events verified"]++
			f["reasons/disabled"]++
			f["attempts/rejected"]++
			f["days/attempts"]++
			f["UserMigration_Authentication/rejected"]++
		}
		if _, moved := v.moved(); !moved {
			f["users of the old pool/left"]++
			f["left, by name/blocked"]++
			f["users/blocked"]++
			f["blocked/disabled"]++
			continue
		}
		f["ledger/events verified"] += 2 // handed over, and confirmed
		f["users/confirmed"]++
		f["attempts/migrated"]++
		f["UserMigration_Authentication/migrated"]++
		f["days/attempts"]++
		f["days/users handed over"]++
		f["arrivals/ready to sign in"]++
		f["users of the new pool/in all"]++
		f["users of the new pool/with the attributes of the rules"]++
	}
}
