package e2e

import (
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/ledgertest"
)

// DynamoDB keeps the ledger's contract.
func TestLedgerConformance(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Store { return store(deploy(t, nil)) })
}
