package dynamo

import (
	"context"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
)

// Tallies returns all tallies in order: closed months, then days. Its cost grows with the months, and with the days that are not closed
// yet.
func (s *Store) Tallies(ctx context.Context) ([]ledger.Tally, error) {
	closed, lastDay, err := s.tables.Closed(ctx, false)
	if err != nil {
		return nil, err
	}
	open, err := s.tables.ShardedDays(ctx, lastDay)
	if err != nil {
		return nil, err
	}
	return append(closed, open...), nil
}
