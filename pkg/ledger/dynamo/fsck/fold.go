package fsck

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// folded is what a user's stream comes to.
type folded struct {
	sub      string
	events   int
	record   migration.Record
	counts   []count
	findings []ledger.Finding // none if the stream is whole; what it comes to has no meaning else
}

// count is what an event adds to the tally that counts it, by that tally's sort key.
type count struct {
	seq      int
	tally    string
	counters migration.Counters
	at       time.Time
}

// streams groups items by their streams and folds each.
func streams(items iter.Seq2[table.Item, error]) iter.Seq2[folded, error] {
	return func(yield func(folded, error) bool) {
		var stream []table.Item
		for it, err := range items {
			if err != nil {
				yield(folded{}, err)
				return
			}
			if len(stream) > 0 && table.Attribute(it, "pk") != table.Attribute(stream[0], "pk") {
				if !yield(fold(table.Attribute(stream[0], "pk"), stream), nil) {
					return
				}
				stream = stream[:0]
			}
			stream = append(stream, it)
		}
		if len(stream) > 0 {
			yield(fold(table.Attribute(stream[0], "pk"), stream), nil)
		}
	}
}

// fold folds a stream's items, and holds each to what was written and the whole to its chain.
func fold(sub string, items []table.Item) folded {
	f := folded{sub: sub, events: len(items)}
	var stream []migration.Event
	for _, it := range items {
		altered := func(format string, args ...any) {
			f.findings = append(f.findings, ledger.Finding{
				Kind: ledger.AlteredEvent, Sub: sub, Seq: table.Sequence(it), Detail: fmt.Sprintf(format, args...),
			})
		}
		e, err := table.UnmarshalEvent(it)
		if err != nil {
			altered("the event cannot be read")
			continue
		}
		stream = append(stream, e)
		written, err := table.MarshalEvent(e, table.Generation(it))
		if names := table.Differing(written, it); err != nil || e.Sub == sub && len(names) > 0 {
			altered("not as it was written: %s", strings.Join(names, ", "))
		}
		next := f.record.Apply(e)
		f.counts = append(f.counts, count{
			seq: e.Seq, tally: table.TallySort(ledger.Day(e.RecordedAt), table.Generation(it)),
			counters: migration.Count(f.record, e, next), at: e.RecordedAt,
		})
		f.record = next
	}
	if len(stream) == len(items) {
		f.findings = append(f.findings, ledger.CheckStream(sub, stream)...)
	}
	return f
}
