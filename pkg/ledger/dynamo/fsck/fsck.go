// Package fsck looks after a ledger in DynamoDB: it verifies both tables, rebuilds the progress table from the audit table, and closes
// days. Only the function maintain links it, and only that function may rewrite the progress table.
//
// Verifying and rebuilding walk through both tables in the same way (walk). They fold a user's events (fold). Then verifying compares the
// fold with the user's record (judge), and rebuilding puts it in the record's place. Both recount on the way what the tallies must hold
// (recount).
package fsck

import (
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// Checker verifies the ledger of a store, and rebuilds its progress table.
type Checker struct {
	tables *table.Tables
}

// New returns a checker of the store's ledger.
func New(store *dynamo.Store) *Checker { return &Checker{tables: store.Tables()} }
