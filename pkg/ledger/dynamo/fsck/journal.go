package fsck

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
)

// foldedJournal is the result of folding the journal's entries one by one.
type foldedJournal struct {
	entries int
	last    int
	lastKey string
	state   journal.State
	found   ledger.Found

	chain ledger.Chain
}

func (f *foldedJournal) end() (int, string) { return f.last, f.lastKey }

func (f *foldedJournal) add(it table.Item) {
	f.entries++
	f.last, f.lastKey = max(f.last, table.Sequence(it)), table.Attribute(it, "sk")
	if e, ok := check(it, &f.chain, &f.found, journal.Stream, table.MarshalEntry); ok {
		f.state = f.state.Apply(e)
	}
}

// readJournal folds the journal and returns its state in the progress table as of the same moment.
func (c *Checker) readJournal(ctx context.Context) (*foldedJournal, table.Item, error) {
	f := &foldedJournal{chain: ledger.NewChain(journal.Stream)}
	state, err := c.atOneMoment(ctx, journal.Stream, table.JournalKey, f)
	return f, state, err
}

// judge compares the journal's state with the fold of its entries, if the chain is whole.
func (f *foldedJournal) judge(state table.Item) ledger.Found {
	if f.found.FindingCount > 0 || f.entries == 0 && state == nil {
		return f.found
	}
	var found ledger.Found
	find := func(kind ledger.FindingKind, detail string) {
		found.Find(ledger.Finding{Kind: kind, Sub: journal.Stream, Detail: detail})
	}
	want, err := table.MarshalJournal(f.state)
	switch names := table.Differing(want, state); {
	case f.entries == 0:
		find(ledger.StreamMissing, "the journal has a state, and no entry")
	case state == nil:
		find(ledger.RecordMissing, "the journal has entries, and no state")
	case err != nil || len(names) > 0:
		find(ledger.RecordDiffers, "the journal's state is not what its entries fold to: "+strings.Join(names, ", "))
	}
	return found
}

// verifyJournal verifies the journal.
func (v *verifying) verifyJournal(ctx context.Context) error {
	f, state, err := v.readJournal(ctx)
	if err != nil {
		return err
	}
	v.Result.Journal = f.entries
	v.Result.Add(f.judge(state))
	return nil
}

// restoreJournal puts the fold of the journal in the place of its state, if the chain is whole and the two differ.
func (r *rebuilding) restoreJournal(ctx context.Context) error {
	f, state, err := r.readJournal(ctx)
	switch {
	case err != nil:
		return err
	case f.found.FindingCount > 0:
		r.Result.BrokenStreams++
		return nil
	case f.judge(state).FindingCount == 0:
		return nil
	}
	r.Result.RecordsWritten++
	if f.entries == 0 {
		return r.tables.Forget(ctx, table.JournalKey)
	}
	it, err := table.MarshalJournal(f.state)
	if err != nil {
		return err
	}
	condition, values := unchanged(state)
	_, err = r.tables.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &r.tables.Progress, Item: it, ConditionExpression: &condition, ExpressionAttributeValues: values,
	}, table.Patient)
	return table.Wrap(err, "write the journal's state")
}
