package dynamo

import (
	"context"
	"slices"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// CensusItem names a value that a census keeps in the progress table.
type CensusItem struct{ pk, sk string }

// What is kept: a census that is under way, and the last that came to its end.
var (
	CensusState  = CensusItem{"census", "state"}
	CensusResult = CensusItem{"census", "result"}
)

// CensusOfDay is the result of the census that was begun on a day (UTC, 2006-01-02).
func CensusOfDay(day string) CensusItem { return CensusItem{"census#" + day, "result"} }

// KeepCensus keeps a value, which has to be JSON.
func (s *Store) KeepCensus(ctx context.Context, item CensusItem, value any) error {
	return s.tables.Keep(ctx, table.Key(item.pk, item.sk), value)
}

// KeptCensus reads a value that was kept. It returns false if there is none, or none that this code can read.
func (s *Store) KeptCensus(ctx context.Context, item CensusItem, value any) (bool, error) {
	return s.tables.Kept(ctx, table.Key(item.pk, item.sk), value)
}

// LastCensus reads the result of the last census that came to its end. It returns false if there is none, or none that this code can read.
func (s *Store) LastCensus(ctx context.Context, result any) (bool, error) {
	return s.KeptCensus(ctx, CensusResult, result)
}

// maxSub is longer than any sub, in bytes, and short enough for a key.
const maxSub = 1000

// Records returns the records that there are of some users, by their subs. It may be a moment behind.
func (s *Store) Records(ctx context.Context, subs []string) (map[string]migration.Record, error) {
	unique := slices.DeleteFunc(slices.Clone(subs), func(sub string) bool { return sub == "" || len(sub) > maxSub })
	slices.Sort(unique)
	records := map[string]migration.Record{}
	for batch := range slices.Chunk(slices.Compact(unique), table.BatchSize) {
		keys := make([]table.Item, len(batch))
		for i, sub := range batch {
			keys[i] = table.RecordKey(sub)
		}
		items, err := s.tables.BatchGet(ctx, s.tables.Progress, keys, false)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			record, err := table.UnmarshalRecord(it)
			if err != nil {
				return nil, err
			}
			records[record.Sub] = record
		}
	}
	return records, nil
}
