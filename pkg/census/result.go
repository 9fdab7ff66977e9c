package census

import (
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Result is what a census came to. It names nobody.
type Result struct {
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Complete   bool      `json:"complete"` // both pools were walked to the end; if not, so far only what follows
	Old        OldPool   `json:"old"`
	New        NewPool   `json:"new"`
}

// Counted is how many users a pool has.
type Counted struct {
	Users     int            `json:"users"`
	Estimated int            `json:"estimated"` // by Cognito itself, nobody knows when
	Differs   bool           `json:"differs"`   // the two are so far apart that one of them is doubtful
	States    map[string]int `json:"states"`    // users by UserStatus; disabled accounts by disabled.UserStatus
	// Created: of the users, those who came into the pool during the census. As many may have come where it had passed, and are not counted.
	// Who was deleted meanwhile is counted or not, and nobody can tell.
	Created int `json:"created_meanwhile"`
}

// OldPool is what the old pool's users came to.
type OldPool struct {
	Counted
	Statuses        map[string]int `json:"statuses"`         // by the record's status; never_came without a record
	Remaining       int            `json:"remaining"`        // neither migrated nor confirmed
	RemainingStates map[string]int `json:"remaining_states"` // of these, as states
	RemainingYears  map[string]int `json:"remaining_years"`  // of these, by the year in which the account was last modified
	// MovedMeanwhile: of the users, those who were handed over during the census, and seen after it. Others may have moved after they were
	// counted, and are counted as remaining.
	MovedMeanwhile int `json:"moved_meanwhile"`
}

// Moved is how many of the users of the old pool were handed over to the new one.
func (o OldPool) Moved() int { return o.Users - o.Remaining }

// NewPool is what the new pool's users came to. What is told by the link is null if no rule makes one: not measured.
type NewPool struct {
	Counted
	Linked              *int `json:"linked"`                // users who carry the sub of the old pool
	Arrived             *int `json:"arrived"`               // of these, those with a record, enabled and CONFIRMED
	ResetUnfinished     *int `json:"reset_unfinished"`      // of these, those who were handed over and have not set a new password since
	LinkedWithoutRecord *int `json:"linked_without_record"` // of these, those whom no record knows: imported, and without a new password
	NoRecord            *int `json:"no_record"`             // users whom no record knows, with a link or without: signed up there, or imported
}

// Result sums a state up. The link is that of the Counter.
func (s State) Result(link string) Result {
	olds, news := s.Old.sum(), s.New.sum()
	r := Result{
		StartedAt: s.StartedAt, Complete: s.Done(),
		Old: OldPool{
			Counted: s.Old.counted(olds), Statuses: of(olds, statuses), Remaining: olds[remaining],
			RemainingStates: of(olds, remainingStates), RemainingYears: of(olds, remainingYears),
			MovedMeanwhile: olds[moved],
		},
		New: NewPool{Counted: s.New.counted(news)},
	}
	if link != "" {
		for name, into := range map[string]**int{
			linked: &r.New.Linked, arrived: &r.New.Arrived, unfinished: &r.New.ResetUnfinished, unknownLinks: &r.New.LinkedWithoutRecord, noRecord: &r.New.NoRecord,
		} {
			n := news[name]
			*into = &n
		}
	}
	return r
}

func (w walk) sum() migration.Counters {
	all := migration.Counters{}
	for _, c := range w.Chains {
		all.Add(c.Counts)
	}
	return all
}

// An estimate may be old: it is doubtful only if it is far off, in users and in parts of them.
const (
	farUsers = 100
	farParts = 20 // a twentieth
)

func (w walk) counted(counts migration.Counters) Counted {
	n := counts[users]
	off := max(n, w.Estimated) - min(n, w.Estimated)
	return Counted{
		Users: n, Estimated: w.Estimated, Differs: w.done() && off > farUsers && off > max(n, w.Estimated)/farParts, States: of(counts, states),
		Created: counts[created],
	}
}

// of returns the counts of a group.
func of(counts migration.Counters, group string) map[string]int {
	all := map[string]int{}
	for key, n := range counts {
		if name, ok := strings.CutPrefix(key, group); ok {
			all[name] = n
		}
	}
	return all
}
