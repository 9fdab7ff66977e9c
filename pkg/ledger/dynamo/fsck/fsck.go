// Package fsck looks after a ledger in DynamoDB: it verifies the events and what is made from them, rebuilds the progress table from
// the audit table, and closes days. Only the function maintain links it, and only that function may rewrite the progress table.
//
// Verifying and rebuilding are the same way through both tables (walk): a user's events are folded (fold), and the fold is held to the
// user's record (judge) or put in its place. What tallies must hold is counted again on the way (recount).
package fsck

import (
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// Checker checks the ledger of a store, and repairs what is made from its events.
type Checker struct {
	tables *table.Tables
}

// New returns a checker of the store's ledger.
func New(store *dynamo.Store) *Checker { return &Checker{tables: store.Tables()} }
