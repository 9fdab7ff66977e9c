// Package journal keeps the migration's own history, beside the users': what was declared, what each census counted, and every verdict,
// each with its evidence. It is one more stream in the audit table, chained by the same hash. So an auditor can see later on what grounds
// the old pool was retired.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Stream is the journal's key in the audit table, in the place of a user's sub.
const Stream = migration.JournalStream

// The kinds of entries.
const (
	Declaration migration.Kind = "declaration" // what the operator declares, from now on
	Census      migration.Kind = "census"      // what a census counted
	Verdict     migration.Kind = "verdict"     // whether the old pool may be switched off, and why
)

// State is the fold of the journal.
type State struct {
	Version int    `json:"version"` // seq of the last entry
	ID      string `json:"id"`
	Hash    string `json:"hash"`

	Declaration string    `json:"declaration"` // the evidence of the last one
	CensusAt    time.Time `json:"census_at"`   // when the last census in it began
	Verdict     string    `json:"verdict"`     // the last
	VerdictAt   time.Time `json:"verdict_at"`
	ReadyAt     time.Time `json:"ready_at"` // when the last READY was given; zero if none was

	Counts []Count `json:"counts"` // of each day with a census, in order
}

// Count is what a census counted in the old pool, by the day (UTC) on which it began.
type Count struct {
	Day       string `json:"day"`
	Users     int    `json:"users"`
	Remaining int    `json:"remaining"`
}

// ready is the verdict that Ready remembers.
const ready = "READY"

// Apply returns the state after one more entry; s itself is unchanged. Evidence that can't be read changes nothing but the head.
func (s State) Apply(e migration.Event) State {
	next := s
	next.Version, next.ID, next.Hash = s.Version+1, e.ID, e.Hash
	switch e.Kind {
	case Declaration:
		next.Declaration = e.Evidence
	case Census:
		var census struct {
			StartedAt time.Time `json:"started_at"`
			Old       struct {
				Users     int `json:"users"`
				Remaining int `json:"remaining"`
			} `json:"old"`
		}
		if json.Unmarshal([]byte(e.Evidence), &census) == nil {
			next.CensusAt = census.StartedAt
			next.Counts = append(slices.Clone(s.Counts), Count{ledger.Day(census.StartedAt), census.Old.Users, census.Old.Remaining})
		}
	case Verdict:
		var verdict struct {
			Verdict string `json:"verdict"`
		}
		if json.Unmarshal([]byte(e.Evidence), &verdict) != nil {
			return next
		}
		next.Verdict, next.VerdictAt = verdict.Verdict, e.At
		if verdict.Verdict == ready {
			next.ReadyAt = e.At
		}
	}
	return next
}

// Fold folds a whole journal, in order.
func Fold(entries []migration.Event) State {
	var s State
	for _, e := range entries {
		s = s.Apply(e)
	}
	return s
}

// ErrConflict says that somebody else wrote to the journal meanwhile, and that nothing was written.
var ErrConflict = errors.New("the journal has grown meanwhile")

// Store keeps the journal.
type Store interface {
	// Journal returns the state as of the last entry; the zero State if there is none.
	Journal(ctx context.Context) (State, error)
	// Write writes an entry and the state after it, both or none, on condition that the entry is the next one. If it is not, it returns
	// ErrConflict.
	Write(ctx context.Context, entry migration.Event, after State) error
}

// Append writes one more entry after the state, and returns the state after it. The evidence is stored as its JSON text.
func Append(ctx context.Context, store Store, s State, o migration.Origin, kind migration.Kind, evidence any) (State, error) {
	text, err := json.Marshal(evidence)
	if err != nil {
		return s, fmt.Errorf("write a %s to the journal: %w", kind, err)
	}
	e := migration.Event{
		Schema: migration.Schema, Sub: Stream, Seq: s.Version + 1, ID: o.ID, Kind: kind, At: migration.Millis(o.At),
		RecordedAt: migration.Millis(o.At), Factors: []string{}, Evidence: string(text),
		RequestID: o.RequestID, FunctionVersion: o.FunctionVersion, Prev: s.Hash,
	}
	if e.Hash, err = ledger.Hash(e); err != nil {
		return s, err
	}
	after := s.Apply(e)
	if err := store.Write(ctx, e, after); err != nil {
		return s, fmt.Errorf("write a %s to the journal: %w", kind, err)
	}
	return after, nil
}
