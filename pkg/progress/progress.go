// Package progress turns tallies into the figures of a migration.
package progress

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Progress is how far a migration is. It names nobody, and its size does not depend on how many users there are.
type Progress struct {
	AsOf         time.Time  `json:"as_of"`
	LastActivity *time.Time `json:"last_activity"` // when the last event was recorded; null if there is none

	Users     Users     `json:"users"`
	Blocked   []Blocked `json:"blocked"`   // the blocked users by what blocks them, most first
	Reoffered int       `json:"reoffered"` // events that handed a user over whom the new pool had been given before

	Attempts   Attempts            `json:"attempts"`
	Triggers   map[string]Attempts `json:"triggers"`
	Reasons    map[string]int      `json:"reasons"`    // attempts that were not migrated, by reason
	Challenges map[string]int      `json:"challenges"` // attempts that a challenge stopped, by its name
	Days       []Day               `json:"days"`       // days with events, in order
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

func (u *Users) add(s migration.Status, n int) {
	switch s {
	case migration.Attempted:
		u.Attempted += n
	case migration.Blocked:
		u.Blocked += n
	case migration.Arrived:
		u.Migrated += n
	case migration.Confirmed:
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

// Blocked counts the users whom one thing blocks.
type Blocked struct {
	Reason    migration.Reason `json:"reason"`
	Challenge string           `json:"challenge,omitempty"`
	Users     int              `json:"users"`
}

// Day is what one day (UTC) brought.
type Day struct {
	Day      string   `json:"day"`
	Attempts Attempts `json:"attempts"`
	Arrived  int      `json:"arrived"` // users handed over for the first time
}

// From adds tallies up. They must be all there are, in order of day.
func From(tallies []ledger.Tally, asOf time.Time) Progress {
	p := Progress{
		AsOf: migration.Millis(asOf), Blocked: []Blocked{}, Triggers: map[string]Attempts{},
		Reasons: map[string]int{}, Challenges: map[string]int{}, Days: []Day{},
	}
	for _, t := range migration.Triggers {
		p.Triggers[string(t)] = Attempts{}
	}
	blocked := map[Blocked]int{}
	for _, tally := range tallies {
		if p.LastActivity == nil || tally.RecordedAt.After(*p.LastActivity) {
			p.LastActivity = &tally.RecordedAt
		}
		day := Day{Day: tally.Day}
		for key, n := range tally.Counters {
			p.add(&day, blocked, key, n)
		}
		p.Days = append(p.Days, day)
	}
	for b, n := range maps.All(blocked) {
		if b.Users = n; n != 0 {
			p.Blocked = append(p.Blocked, b)
		}
	}
	slices.SortFunc(p.Blocked, func(a, b Blocked) int {
		return cmp.Or(b.Users-a.Users, cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Challenge, b.Challenge))
	})
	return p
}

// add adds one counter; migration.Counters lists the forms of its key.
func (p *Progress) add(day *Day, blocked map[Blocked]int, key string, n int) {
	if key == migration.Reoffers {
		p.Reoffered += n
		return
	}
	part := strings.Split(key, ".")
	part = append(part, "", "", "") // what a shorter key leaves out is empty
	if entered, left := strings.HasPrefix(key, "+"), strings.HasPrefix(key, "-"); entered || left {
		if left {
			n = -n
		}
		status := migration.Status(part[0][1:])
		p.Users.add(status, n)
		switch {
		case status == migration.Blocked:
			blocked[Blocked{Reason: migration.Reason(part[1]), Challenge: part[2]}] += n
		case status == migration.Arrived && entered:
			day.Arrived += n
		}
		return
	}
	outcome := migration.Outcome(part[1])
	p.Attempts.add(outcome, n)
	day.Attempts.add(outcome, n)
	for _, t := range migration.Triggers {
		if strings.HasSuffix(string(t), "_"+part[0]) {
			attempts := p.Triggers[string(t)]
			attempts.add(outcome, n)
			p.Triggers[string(t)] = attempts
		}
	}
	if part[2] != "" {
		p.Reasons[part[2]] += n
	}
	if part[3] != "" {
		p.Challenges[part[3]] += n
	}
}
