// Package memory keeps a ledger in memory, for tests that need no database.
package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Store is a ledger.Store. Use New.
type Store struct {
	mu      sync.Mutex
	records map[string]migration.Record
	streams map[string][]migration.Event
	tallies map[string]ledger.Tally
}

// New returns an empty store.
func New() *Store {
	return &Store{
		records: map[string]migration.Record{},
		streams: map[string][]migration.Event{},
		tallies: map[string]ledger.Tally{},
	}
}

// Commit implements ledger.Store.
func (s *Store) Commit(ctx context.Context, e ledger.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := e.Event.Sub
	if current := s.records[sub]; current.Version != e.Event.Seq-1 {
		return &ledger.ConflictError{Current: current}
	}
	if len(s.streams[sub]) >= e.Event.Seq {
		return ledger.ErrBehind
	}
	s.records[sub] = e.Record
	s.streams[sub] = append(s.streams[sub], e.Event)
	day := ledger.Day(e.Event.RecordedAt)
	counters := maps.Clone(e.Counters)
	counters.Add(s.tallies[day].Counters)
	s.tallies[day] = ledger.DayTally(day, counters, e.Event.RecordedAt)
	return nil
}

// Record implements ledger.Store.
func (s *Store) Record(ctx context.Context, sub string) (migration.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[sub], ctx.Err()
}

// Stream implements ledger.Store.
func (s *Store) Stream(ctx context.Context, sub string) ([]migration.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.streams[sub]), ctx.Err()
}

// Find implements ledger.Store.
func (s *Store) Find(ctx context.Context, sub, id string, since time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.streams[sub]) {
		switch {
		case e.ID == id:
			return true, ctx.Err()
		case e.RecordedAt.Before(since):
			return false, ctx.Err()
		}
	}
	return false, ctx.Err()
}

// Tallies returns what was counted, a tally a day, in order.
func (s *Store) Tallies(ctx context.Context) ([]ledger.Tally, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tallies := slices.SortedFunc(maps.Values(s.tallies), func(a, b ledger.Tally) int { return strings.Compare(a.Period, b.Period) })
	return tallies, ctx.Err()
}
