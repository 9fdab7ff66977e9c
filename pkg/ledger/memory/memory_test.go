package memory_test

import (
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/ledgertest"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
)

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledgertest.Store { return memory.New() })
}
