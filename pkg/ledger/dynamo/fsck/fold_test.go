package fsck

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const sub = "0b5ad4f1-3c1e-4a0f-9d65-6a1f0c8f2b11"

// written returns the items of a stream of three events, and of its record, as Commit writes them.
func written(t testing.TB) (events []table.Item, record table.Item) {
	t.Helper()
	now := time.Date(2026, 7, 14, 23, 59, 58, 123e6, time.UTC)
	store := memory.New()
	l := ledger.New(store, migration.Windows{RetryWindow: time.Second}, func() time.Time { now = now.Add(time.Second); return now })
	for _, e := range []migration.Event{
		{Outcome: migration.Rejected, Reason: migration.WrongPassword},
		{Outcome: migration.Rejected, Reason: migration.ChallengeRequired, Challenge: "SMS_MFA", Factors: []string{"SMS_MFA"}},
		{Outcome: migration.Migrated},
	} {
		e.Schema, e.Sub, e.Kind, e.Trigger, e.At, e.ID = migration.Schema, sub, migration.Attempt, migration.SignIn, now, ulid.Make().String()
		e.RequestID, e.FunctionVersion = "8c1d8f1f-1f0e-4f3a-9a39-5a6f1c8b7f00", "$LATEST"
		if _, err := l.Append(t.Context(), sub, func(migration.Record) migration.Event { return e }); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := store.Stream(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range stream {
		it, err := table.MarshalEvent(e, 0)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, it)
	}
	if record, err = table.MarshalRecord(migration.Fold(stream)); err != nil {
		t.Fatal(err)
	}
	return events, record
}

// variants returns every value that differs from v in one bit, or in one element; and one of another type.
func variants(v types.AttributeValue) []types.AttributeValue {
	all := []types.AttributeValue{&types.AttributeValueMemberBOOL{Value: true}}
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		for i := range 8 * len(v.Value) {
			b := []byte(v.Value)
			b[i/8] ^= 1 << (i % 8)
			if utf8.Valid(b) {
				all = append(all, table.Text(string(b)))
			}
		}
		all = append(all, table.Text(v.Value+" "))
	case *types.AttributeValueMemberN:
		for bit := range 31 {
			var n int
			_, _ = fmt.Sscan(v.Value, &n)
			all = append(all, table.Number(n^1<<bit))
		}
	case *types.AttributeValueMemberL:
		all = append(all, &types.AttributeValueMemberL{Value: append(slices.Clone(v.Value), table.Text("X"))})
	case *types.AttributeValueMemberM:
		for name, one := range v.Value {
			for _, variant := range variants(one) {
				m := maps.Clone(v.Value)
				m[name] = variant
				all = append(all, &types.AttributeValueMemberM{Value: m})
			}
		}
	}
	return all
}

// alterations returns the table.Item with every attribute altered in every way, with each one taken away, and with one more.
func alterations(it table.Item) map[string][]table.Item {
	all := map[string][]table.Item{}
	for name, value := range it {
		for _, variant := range variants(value) {
			altered := maps.Clone(it)
			altered[name] = variant
			all[name] = append(all[name], altered)
		}
		lacking := maps.Clone(it)
		delete(lacking, name)
		all[name] = append(all[name], lacking)
	}
	more := maps.Clone(it)
	more["more"] = table.Text("")
	all["one more"] = []table.Item{more}
	return all
}

func TestWhatWasWrittenHasNoFindings(t *testing.T) {
	events, record := written(t)
	if findings := fold(sub, events).judge(record).Findings; findings != nil {
		t.Error(findings)
	}
	if findings := fold(sub, nil).judge(nil).Findings; findings != nil {
		t.Errorf("an unknown user: %v", findings)
	}
}

// Not a bit of an event's table.Item can be altered unseen, be it sealed by the hash or derived. (pk groups the items before they get here.)
func TestNoBitOfAnEventCanBeAltered(t *testing.T) {
	events, record := written(t)
	tried := 0
	for i := range events {
		alterations := alterations(events[i])
		delete(alterations, "pk")
		for name, items := range alterations {
			for _, altered := range items {
				tried++
				stream := slices.Clone(events)
				stream[i] = altered
				named := func(f ledger.Finding) bool {
					return f.Sub == sub && (f.Kind == ledger.AlteredEvent || f.Kind == ledger.ForeignEvent)
				}
				if findings := fold(sub, stream).judge(record).Findings; !slices.ContainsFunc(findings, named) {
					t.Fatalf("event %d, %s: %v: %v", i+1, name, altered[name], findings)
				}
			}
		}
	}
	t.Logf("%d alterations", tried)
}

// Nor of a record: what is in the index of those who wait is told apart from the rest.
func TestNoBitOfARecordCanBeAltered(t *testing.T) {
	events, record := written(t)
	for name, items := range alterations(record) {
		want := ledger.RecordDiffers
		if name == "attention" || name == "attention_sort" {
			want = ledger.AttentionDiffers
		}
		for _, altered := range items {
			findings := fold(sub, events).judge(altered).Findings
			if len(findings) != 1 || findings[0].Kind != want || findings[0].Sub != sub {
				t.Fatalf("%s: %v: %v, want %s", name, altered[name], findings, want)
			}
		}
	}
}

func TestRecordAndStreamMissEachOther(t *testing.T) {
	events, record := written(t)
	for name, tt := range map[string]struct {
		events []table.Item
		record table.Item
		want   ledger.FindingKind
	}{
		"no record":                {events, nil, ledger.RecordMissing},
		"no event":                 {nil, record, ledger.StreamMissing},
		"the newest event cut off": {events[:2], record, ledger.RecordDiffers},
	} {
		if findings := fold(sub, tt.events).judge(tt.record).Findings; len(findings) == 0 || findings[0].Kind != tt.want {
			t.Errorf("%s: %v, want %s", name, findings, tt.want)
		}
	}
}

// Not a bit of the journal can be altered unseen, nor of its state.
func TestNoBitOfTheJournalCanBeAltered(t *testing.T) {
	var entries []table.Item
	state := journal.State{}
	store := keeper(func(e migration.Event) {
		it, err := table.MarshalEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, it)
	})
	for i, evidence := range []any{map[string]string{"verdict": "READY"}, map[string]any{"started_at": time.Unix(1e9, 0), "old": map[string]int{"users": 3}}} {
		var err error
		o := migration.Origin{ID: ulid.Make().String(), At: time.Unix(int64(1e9+i), 0)}
		if state, err = journal.Append(t.Context(), store, state, o, []migration.Kind{journal.Verdict, journal.Census}[i], evidence); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := table.MarshalJournal(state)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(entries []table.Item, state table.Item) []ledger.Finding {
		f := &foldedJournal{chain: ledger.NewChain(journal.Stream)}
		for _, it := range entries {
			f.add(it)
		}
		return f.judge(state).Findings
	}
	if findings := judge(entries, kept); findings != nil {
		t.Fatal(findings)
	}
	for i := range entries {
		alterations := alterations(entries[i])
		delete(alterations, "pk")
		for name, items := range alterations {
			for _, altered := range items {
				stream := slices.Clone(entries)
				stream[i] = altered
				if findings := judge(stream, kept); len(findings) == 0 || findings[0].Sub != journal.Stream {
					t.Fatalf("entry %d, %s: %v: %v", i+1, name, altered[name], findings)
				}
			}
		}
	}
	for name, items := range alterations(kept) {
		for _, altered := range items {
			if findings := judge(entries, altered); len(findings) != 1 || findings[0].Kind != ledger.RecordDiffers {
				t.Fatalf("%s: %v: %v", name, altered[name], findings)
			}
		}
	}
	for name, findings := range map[string][]ledger.Finding{
		"the newest entry cut off": judge(entries[:1], kept), "the first": judge(entries[1:], kept), "all": judge(nil, kept), "the state": judge(entries, nil),
	} {
		if len(findings) == 0 {
			t.Errorf("%s is removed unseen", name)
		}
	}
}

// keeper is a journal's store that hands on each entry.
type keeper func(migration.Event)

func (keeper) Journal(context.Context) (journal.State, error) { return journal.State{}, nil }

func (k keeper) Write(_ context.Context, e migration.Event, _ journal.State) error {
	k(e)
	return nil
}

// What verifying and rebuilding do with each stream, here of three events, between its reading and the look at its record.
func BenchmarkFold(b *testing.B) {
	events, record := written(b)
	for b.Loop() {
		if findings := fold(sub, events).judge(record).Findings; findings != nil {
			b.Fatal(findings)
		}
	}
}

// What is kept of a stream does not grow with its events.
func TestAFoldKeepsNoEvents(t *testing.T) {
	events, _ := written(t)
	const many, most = 20_000, 256 << 10 // bytes
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	f := newFolded(sub)
	for i := range many {
		it := maps.Clone(events[0])
		it["sk"] = table.Text(fmt.Sprintf("%010d", i+1))
		f.add(it)
	}
	if after := held(); after > before+most {
		t.Errorf("%d bytes are kept of %d events, want at most %d", after-before, f.events, most)
	}
}
