// Package ledger keeps what was decided about every user: an append-only stream of events, each chained to the one before by
// its hash, the record folded from it, and the tallies counted from it. The three change together or not at all.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Store keeps streams, records and tallies. The conformance suite in ledgertest holds every implementation to this contract.
type Store interface {
	// Commit writes the entry's event, its record and its counters: all of them or none.
	//
	// It does so on two conditions: the stored record has the version before the event's (no record, for the first event),
	// and the stream holds no event with that sequence number. If the first fails it returns a *ConflictError with the
	// record that stands; if only the second does, ErrBehind.
	//
	// Any other error leaves open whether the entry was written: a time-out may have struck after the write. The same
	// entry may be committed again then; it is never written twice. Conflicts between transactions are retried inside,
	// until ctx is done. If it is done before the call, nothing is written.
	Commit(ctx context.Context, e Entry) error
	// Record returns the user's record as of the last commit; the zero Record if there is none.
	Record(ctx context.Context, sub string) (migration.Record, error)
	// Stream returns the user's events in order, as of the last commit; none for an unknown user.
	Stream(ctx context.Context, sub string) ([]migration.Event, error)
	// Find tells whether the user's stream holds an event by its ID, as of the last commit. It looks at the events from the newest back
	// to the first that was recorded before the given time.
	Find(ctx context.Context, sub, id string, since time.Time) (bool, error)
}

// Entry is what one event changes.
type Entry struct {
	Event    migration.Event
	Record   migration.Record // after the event; its version is the event's Seq
	Counters migration.Counters
}

// Tally is what was counted in a period: a day (UTC, of Event.RecordedAt), or a month that is closed.
type Tally struct {
	Period     string // 2006-01-02 or 2006-01
	Counters   migration.Counters
	RecordedAt time.Time         // of the event that was counted last; zero if there was none
	Days       map[string]Totals // what each day of the period came to
}

// Totals is what a day came to.
type Totals struct {
	Migrated       int `json:"migrated"` // attempts, by outcome
	Rejected       int `json:"rejected"`
	Failed         int `json:"failed"`
	FirstHandovers int `json:"arrived"` // users handed over for the first time

	// Months that were closed by versions before these figures do not have them: closing days adds them.
	Came     int `json:"came"`     // users handed over or blocked for the first time; those who were blocked before are not counted again
	Blocked  int `json:"blocked"`  // how often a user became blocked, by whatever reason
	Released int `json:"released"` // how often a user stopped being blocked by a reason
}

// DayTally makes the tally of a day.
func DayTally(day string, counters migration.Counters, recordedAt time.Time) Tally {
	var t Totals
	unasked := 0 // users who became confirmed without having been handed over
	for key, n := range counters {
		switch c := migration.ParseCounter(key); {
		case c.Entered && c.Status == migration.StatusMigrated:
			t.FirstHandovers += n
		case c.Entered && c.Status == migration.StatusConfirmed:
			unasked += n
		case c.Left && c.Status == migration.StatusMigrated:
			unasked -= n
		case c.Entered && c.Status == migration.StatusBlocked:
			t.Blocked += n
		case c.Left && c.Status == migration.StatusBlocked:
			t.Released += n
		case c.Outcome == migration.Migrated:
			t.Migrated += n
		case c.Outcome == migration.Rejected:
			t.Rejected += n
		case c.Outcome == migration.Failed:
			t.Failed += n
		}
	}
	// Every release is a user who moves, or who is blocked otherwise: both have come before. The counters do not tell whether a user who
	// was confirmed without a handover had been blocked. So as many releases as may be such users are not taken off: rather a user too many.
	t.Came = t.FirstHandovers + t.Blocked - t.Released + min(t.Released, max(0, unasked))
	// A handover that was recorded late, from the spool, may find the user confirmed already, by a census. It changes no standing.
	t.Came += max(0, t.Migrated-counters[migration.Reoffers]-t.FirstHandovers)
	return Tally{Period: day, Counters: counters, RecordedAt: recordedAt, Days: map[string]Totals{day: t}}
}

// Day returns the day that an event recorded at t counts to.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// ConflictError says that the record changed since it was read.
type ConflictError struct {
	Current migration.Record // the current record; zero if there is none
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the record is at version %d: decide again from it", e.Current.Version)
}

// ErrBehind says that the stream holds an event that the user's record does not include, and that nothing was written. The progress table
// was changed by hand or restored to an earlier time: rebuild it.
const ErrBehind = redact.Safe("the record is behind its stream: rebuild it")

// Ledger appends to streams.
type Ledger struct {
	store   Store
	windows migration.Windows
	now     func() time.Time
}

// New returns a ledger over a store. The windows decide what is a repeat; now is the clock for RecordedAt.
func New(store Store, windows migration.Windows, now func() time.Time) *Ledger {
	return &Ledger{store: store, windows: windows, now: now}
}

// Appended is what became of an event.
type Appended struct {
	Event  migration.Event  // as decided last; with its place in the chain if it was written
	Record migration.Record // the current record; zero after an error
	// Repeat: the record already held the same, so nothing was written.
	Repeat bool
	// Reoffered: the user had been handed over before, and the new pool asked again.
	Reoffered bool
}

// Append appends the event that decide makes of the user's record. The first try is made without reading, as for a user who
// was never seen; if that proves wrong, decide is called again with the current record, as often as others write at the
// same time. The event keeps its ID and At through all calls of decide; Seq, RecordedAt, Prev and Hash are set here.
//
// A repeat, by Windows.Repeats, is not written, and no error. After an error the event may have been written all the same:
// Replay finds out.
func (l *Ledger) Append(
	ctx context.Context, sub string, decide func(migration.Record) migration.Event,
) (Appended, error) {
	current := migration.Record{}
	for {
		e := decide(current)
		if current.ID == e.ID && current.Version > 0 {
			return Appended{Event: e, Record: current}, nil // an earlier try was written, though its answer was lost
		}
		appended, err := l.commit(ctx, sub, current, e)
		var conflict *ConflictError
		if !errors.As(err, &conflict) {
			return appended, err
		}
		current = conflict.Current
	}
}

// clockSkew is more than the clocks of two functions differ by: no event has a RecordedAt earlier than its At by more than that.
const clockSkew = time.Minute

// Replay appends an event that was decided earlier and may have been written already. It is in the stream once afterwards, however often
// it is replayed, and even if newer events follow it. It keeps its ID and At. A repeat is not written.
func (l *Ledger) Replay(ctx context.Context, e migration.Event) (Appended, error) {
	for {
		// Read the record before the stream: if the event is written in between, the commit meets a conflict.
		current, err := l.store.Record(ctx, e.Sub)
		if err != nil {
			return Appended{}, err
		}
		// The record has seen every kind of event that the stream holds: only for one of those kinds is there something to find.
		if _, seen := current.Seen[e.Key()]; seen {
			written, err := l.store.Find(ctx, e.Sub, e.ID, e.At.Add(-clockSkew))
			if err != nil {
				return Appended{}, err
			}
			if written {
				return Appended{Event: e, Record: current, Repeat: true}, nil
			}
		}
		appended, err := l.commit(ctx, e.Sub, current, e)
		var conflict *ConflictError
		if !errors.As(err, &conflict) {
			return appended, err
		}
	}
}

func (l *Ledger) commit(
	ctx context.Context, sub string, current migration.Record, e migration.Event,
) (Appended, error) {
	if l.windows.Repeats(current, e) {
		return Appended{Event: e, Record: current, Repeat: true}, nil
	}
	decided := e
	e.Schema, e.Sub, e.Seq = migration.Schema, sub, current.Version+1
	e.RecordedAt = migration.Millis(l.now())
	e.Prev = current.Hash
	if e.Factors == nil {
		e.Factors = []string{}
	}
	hash, err := Hash(e)
	if err != nil {
		return Appended{}, err
	}
	e.Hash = hash
	record := current.Apply(e)
	entry := Entry{Event: e, Record: record, Counters: migration.Count(current, e, record)}
	if err := l.store.Commit(ctx, entry); err != nil {
		return Appended{Event: decided}, err
	}
	return Appended{Event: e, Record: record, Reoffered: record.Reoffered > current.Reoffered}, nil
}
