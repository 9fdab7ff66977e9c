package fsck

import (
	"strings"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// folded is the result of folding a user's events one by one. Its size does not depend on how many there are.
type folded struct {
	sub     string
	events  int
	last    int    // the highest sequence number
	lastKey string // sort key of the last event
	record  migration.Record
	counts  recount      // what the events add to tallies
	found   ledger.Found // nothing if the stream is whole; what it comes to has no meaning else

	chain ledger.Chain
}

func newFolded(sub string) *folded {
	return &folded{sub: sub, counts: recount{}, chain: ledger.NewChain(sub)}
}

// fold folds the items of a stream. They must be in order.
func fold(sub string, items []table.Item) *folded {
	f := newFolded(sub)
	for _, it := range items {
		f.add(it)
	}
	return f
}

func (f *folded) end() (int, string) { return f.last, f.lastKey }

// add folds one more event, and checks that it is as it was written and continues the chain.
func (f *folded) add(it table.Item) {
	f.events++
	f.last, f.lastKey = max(f.last, table.Sequence(it)), table.Attribute(it, "sk")
	e, ok := check(it, &f.chain, &f.found, f.sub, func(e migration.Event) (table.Item, error) {
		return table.MarshalEvent(e, table.Generation(it))
	})
	if !ok {
		return
	}
	next := f.record.Apply(e)
	f.counts.add(table.TallySort(ledger.Day(e.RecordedAt), table.Generation(it)), migration.Count(f.record, e, next), e.RecordedAt)
	f.record = next
}

// check reads the next event of a stream, and finds what is wrong with it: that it is not as marshal writes it, or does not continue the
// chain. It returns false if the event can't be read.
func check(
	it table.Item, chain *ledger.Chain, found *ledger.Found, sub string, marshal func(migration.Event) (table.Item, error),
) (migration.Event, bool) {
	altered := func(detail string) {
		found.Find(ledger.Finding{Kind: ledger.AlteredEvent, Sub: sub, Seq: table.Sequence(it), Detail: detail})
	}
	e, err := table.UnmarshalEvent(it)
	if err != nil {
		altered("the event cannot be read")
		chain.Skip()
		return e, false
	}
	written, err := marshal(e)
	if names := table.Differing(written, it); err != nil || e.Sub == sub && len(names) > 0 {
		altered("not as it was written: " + strings.Join(names, ", "))
	}
	found.Find(chain.Check(e)...)
	return e, true
}
