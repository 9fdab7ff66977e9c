// Package progress turns tallies into the figures of a migration.
package progress

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Progress is how far a migration is. It names nobody, and its size does not depend on how many users there are.
type Progress struct {
	AsOf         time.Time  `json:"as_of"`
	LastActivity *time.Time `json:"last_activity"` // when the last event was recorded; null if there is none

	Users       Users     `json:"users"`
	Blocked     []Blocked `json:"blocked"` // the blocked users by what blocks them, most first
	Unconfirmed Waiting   `json:"unconfirmed"`
	Reoffered   int       `json:"reoffered"` // events that handed a user over whom the new pool had been given before

	Attempts   Attempts            `json:"attempts"`
	Triggers   map[string]Attempts `json:"triggers"`
	Reasons    map[string]int      `json:"reasons"`    // attempts that were not migrated, by reason
	Challenges map[string]int      `json:"challenges"` // attempts that a challenge stopped, by its name
	Days       []Day               `json:"days"`       // days with events, in order

	Spool        *Spool            `json:"spool"`        // null if the queues could not be asked
	Verification *LastVerification `json:"verification"` // the last that is complete, or the first that is under way; null before it
}

// LastVerification is what verifying the whole ledger came to.
type LastVerification struct {
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Complete   bool      `json:"complete"` // all of the ledger was verified; if not, so far only what follows
	Users      int       `json:"users"`    // whose events and record were verified
	Events     int       `json:"events"`
	Findings   int       `json:"findings"` // what is wrong; the function maintain names it
}

// Waiting counts the users in a standing, and says since when the first of them has been in it.
type Waiting struct {
	Users  int        `json:"users"`
	Oldest *time.Time `json:"oldest"` // null if there is none
}

// Spool counts the events that are not in the ledger yet.
type Spool struct {
	Waiting     int `json:"waiting"`      // to be replayed
	DeadLetters int `json:"dead_letters"` // given up
}

// Users counts users by present status.
type Users struct {
	Attempted int `json:"attempted"`
	Blocked   int `json:"blocked"`
	Migrated  int `json:"migrated"`
	Confirmed int `json:"confirmed"`
}

// Seen is how many users there are in any status.
func (u Users) Seen() int { return u.Attempted + u.Blocked + u.Migrated + u.Confirmed }

// HandedOver is how many of them have been handed over.
func (u Users) HandedOver() int { return u.Migrated + u.Confirmed }

func (u *Users) add(s migration.Status, n int) {
	switch s {
	case migration.StatusAttempted:
		u.Attempted += n
	case migration.StatusBlocked:
		u.Blocked += n
	case migration.StatusMigrated:
		u.Migrated += n
	case migration.StatusConfirmed:
		u.Confirmed += n
	}
}

// Attempts counts recorded attempts by outcome. Repeats were not recorded and are not in it.
type Attempts struct {
	Migrated int `json:"migrated"`
	Rejected int `json:"rejected"`
	Failed   int `json:"failed"`
}

func (a *Attempts) add(o migration.Outcome, n int) {
	switch o {
	case migration.Migrated:
		a.Migrated += n
	case migration.Rejected:
		a.Rejected += n
	case migration.Failed:
		a.Failed += n
	}
}

// Blocked counts the users blocked by one reason, or one challenge.
type Blocked struct {
	Reason    migration.Reason `json:"reason"`
	Challenge string           `json:"challenge,omitempty"`
	Waiting
}

// Day has the figures of one day (UTC).
type Day struct {
	Day string `json:"day"`
	ledger.Totals
}

// Source has the tallies, the standings and the last verification.
type Source interface {
	// Tallies returns all tallies, in order.
	Tallies(ctx context.Context) ([]ledger.Tally, error)
	// Oldest returns since when the first user has been in a standing; the zero time if nobody is.
	Oldest(ctx context.Context, standing string) (time.Time, error)
	// Verification returns the result of the last complete verification. If none is complete, it returns how far the first is; before the
	// first, the zero Verification.
	Verification(ctx context.Context) (ledger.Verification, error)
}

// Collect returns the progress as of now, without the spool's part.
func Collect(ctx context.Context, source Source, now time.Time) (Progress, error) {
	tallies, err := source.Tallies(ctx)
	if err != nil {
		return Progress{}, err
	}
	p := From(tallies, now)
	group, ctx := errgroup.WithContext(ctx)
	oldest := func(w *Waiting, standing migration.Record) {
		group.Go(func() error {
			t, err := source.Oldest(ctx, standing.Standing())
			if !t.IsZero() {
				w.Oldest = &t
			}
			return err
		})
	}
	group.Go(func() error {
		v, err := source.Verification(ctx)
		if !v.StartedAt.IsZero() {
			p.Verification = &LastVerification{v.StartedAt, v.FinishedAt, v.Complete, v.Streams, v.Events, v.FindingCount}
		}
		return err
	})
	oldest(&p.Unconfirmed, migration.Record{Status: migration.StatusMigrated})
	for i, b := range p.Blocked {
		oldest(&p.Blocked[i].Waiting, migration.Record{Status: migration.StatusBlocked, Reason: b.Reason, Challenge: b.Challenge})
	}
	return p, group.Wait()
}

// From turns tallies into figures. It needs all tallies, in order of day.
func From(tallies []ledger.Tally, asOf time.Time) Progress {
	p := Progress{
		AsOf: migration.Millis(asOf), Blocked: []Blocked{}, Triggers: map[string]Attempts{},
		Reasons: map[string]int{}, Challenges: map[string]int{}, Days: []Day{},
	}
	for _, t := range migration.Triggers {
		p.Triggers[string(t)] = Attempts{}
	}
	type block struct {
		reason    migration.Reason
		challenge string
	}
	blocked := map[block]int{}
	for _, tally := range tallies {
		if at := tally.RecordedAt; !at.IsZero() && (p.LastActivity == nil || at.After(*p.LastActivity)) {
			p.LastActivity = &at
		}
		for _, day := range slices.Sorted(maps.Keys(tally.Days)) {
			if tally.Days[day] != (ledger.Totals{}) {
				p.Days = append(p.Days, Day{Day: day, Totals: tally.Days[day]})
			}
		}
		for key, n := range tally.Counters {
			c := migration.ParseCounter(key)
			if c.Left {
				n = -n
			}
			switch {
			case key == migration.Reoffers:
				p.Reoffered += n
			case c.Entered || c.Left:
				p.Users.add(c.Status, n)
				if c.Status == migration.StatusBlocked {
					blocked[block{c.Reason, c.Challenge}] += n
				}
			default:
				p.count(c, n)
			}
		}
	}
	p.Unconfirmed.Users = p.Users.Migrated
	for b, n := range blocked {
		if n != 0 {
			p.Blocked = append(p.Blocked, Blocked{Reason: b.reason, Challenge: b.challenge, Waiting: Waiting{Users: n}})
		}
	}
	slices.SortFunc(p.Blocked, func(a, b Blocked) int {
		return cmp.Or(b.Users-a.Users, cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Challenge, b.Challenge))
	})
	return p
}

// count counts attempts.
func (p *Progress) count(c migration.Counter, n int) {
	p.Attempts.add(c.Outcome, n)
	if attempts, ok := p.Triggers[string(c.Trigger)]; ok {
		attempts.add(c.Outcome, n)
		p.Triggers[string(c.Trigger)] = attempts
	}
	if c.Reason != "" {
		p.Reasons[string(c.Reason)] += n
	}
	if c.Challenge != "" {
		p.Challenges[c.Challenge] += n
	}
}
