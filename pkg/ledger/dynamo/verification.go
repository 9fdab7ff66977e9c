package dynamo

import (
	"context"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// Verification returns the result of the last complete verification. If none is complete, it returns how far the first is; before the
// first, the zero Verification.
func (s *Store) Verification(ctx context.Context) (ledger.Verification, error) {
	var result ledger.Verification
	if ok, err := s.tables.Kept(ctx, table.VerifyResult, &result); ok || err != nil {
		return result, err
	}
	var running struct{ Result ledger.Verification }
	_, err := s.tables.Kept(ctx, table.VerifyState, &running)
	return running.Result, err
}
