package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

var noon = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

// kept keeps a journal in memory.
type kept struct {
	entries []migration.Event
	state   journal.State
}

func (k *kept) Journal(context.Context) (journal.State, error) { return k.state, nil }

func (k *kept) Write(_ context.Context, e migration.Event, after journal.State) error {
	if e.Seq != len(k.entries)+1 {
		return journal.ErrConflict
	}
	k.entries, k.state = append(k.entries, e), after
	return nil
}

func append1(t *testing.T, k *kept, s journal.State, at time.Time, kind migration.Kind, evidence string) journal.State {
	t.Helper()
	after, err := journal.Append(t.Context(), k, s, migration.Origin{ID: ulid.Make().String(), At: at}, kind, json.RawMessage(evidence))
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// The state is what the last entry of each kind says, and each census's count; the entries are a chain.
func TestTheStateIsTheFold(t *testing.T) {
	t.Parallel()
	var k kept
	s := journal.State{}
	for i, e := range []struct {
		kind     migration.Kind
		evidence string
	}{
		{journal.Declaration, `{"tolerance":"10"}`},
		{journal.Census, `{"started_at":"2026-07-14T11:00:00Z","old":{"users":9,"remaining":4}}`},
		{journal.Verdict, `{"verdict":"READY"}`},
		{journal.Declaration, `{"tolerance":"5"}`},
		{journal.Census, `{"started_at":"2026-07-15T11:00:00Z","old":{"users":8,"remaining":3}}`},
		{journal.Verdict, `{"verdict":"NOT_READY"}`},
	} {
		s = append1(t, &k, s, noon.Add(time.Duration(i)*time.Hour), e.kind, e.evidence)
	}
	want := journal.State{
		Version: 6, ID: k.entries[5].ID, Hash: k.entries[5].Hash, Declaration: `{"tolerance":"5"}`,
		CensusAt: time.Date(2026, 7, 15, 11, 0, 0, 0, time.UTC), Verdict: "NOT_READY", VerdictAt: noon.Add(5 * time.Hour), ReadyAt: noon.Add(2 * time.Hour),
		Counts: []journal.Count{{Day: "2026-07-14", Users: 9, Remaining: 4}, {Day: "2026-07-15", Users: 8, Remaining: 3}},
	}
	for name, got := range map[string]journal.State{"appended": s, "kept": k.state, "folded": journal.Fold(k.entries)} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if findings := ledger.CheckStream(journal.Stream, k.entries); findings != nil {
		t.Error(findings)
	}
}

// To fold one more entry leaves the state before it as it was, also if two are folded onto the same one.
func TestApplyChangesNothing(t *testing.T) {
	t.Parallel()
	census := func(day string) migration.Event {
		return migration.Event{Kind: journal.Census, Evidence: `{"started_at":"` + day + `T00:00:00Z","old":{}}`}
	}
	before := journal.Fold([]migration.Event{census("2026-07-01"), census("2026-07-02"), census("2026-07-03")})
	one, other := before.Apply(census("2026-07-04")), before.Apply(census("2026-07-05"))
	if len(before.Counts) != 3 || one.Counts[3].Day != "2026-07-04" || other.Counts[3].Day != "2026-07-05" {
		t.Errorf("%v, %v, %v", before.Counts, one.Counts, other.Counts)
	}
}

// Who writes from a state that is no longer the last writes nothing.
func TestTwoWritersConflict(t *testing.T) {
	t.Parallel()
	var k kept
	s := append1(t, &k, journal.State{}, noon, journal.Verdict, `{"verdict":"READY"}`)
	append1(t, &k, s, noon, journal.Verdict, `{"verdict":"READY"}`)
	o := migration.Origin{ID: ulid.Make().String(), At: noon}
	if _, err := journal.Append(t.Context(), &k, s, o, journal.Verdict, "late"); !errors.Is(err, journal.ErrConflict) || len(k.entries) != 2 {
		t.Errorf("%v, %d entries", err, len(k.entries))
	}
}

// Evidence that this version cannot read moves the head, and nothing else.
func TestUnreadableEvidence(t *testing.T) {
	t.Parallel()
	before := journal.Fold([]migration.Event{
		{Kind: journal.Verdict, Evidence: `{"verdict":"READY"}`, At: noon}, {Kind: journal.Census, Evidence: `{"started_at":"2026-07-14T11:00:00Z"}`},
	})
	for _, kind := range []migration.Kind{journal.Verdict, journal.Census, "of a later version"} {
		after := before.Apply(migration.Event{Kind: kind, ID: "id", Hash: "hash", Evidence: `[]`, At: noon.Add(time.Hour)})
		want := before
		want.Version, want.ID, want.Hash = 3, "id", "hash"
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}
