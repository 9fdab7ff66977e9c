package memory

import (
	"context"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/ledgertest"
)

// damageable is a store that can be damaged.
type damageable struct{ *Store }

func (s damageable) LoseRecord(_ context.Context, sub string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, sub)
	return nil
}

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledgertest.Store { return damageable{New()} })
}
