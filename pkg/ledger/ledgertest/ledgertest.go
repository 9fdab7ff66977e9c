// Package ledgertest is the conformance suite of ledger.Store: every backend has to pass it.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Store is a backend that can also tell what it has counted, and be damaged.
type Store interface {
	ledger.Store
	Tallies(ctx context.Context) ([]ledger.Tally, error)
	// LoseRecord removes a user's record behind the ledger's back.
	LoseRecord(ctx context.Context, sub string) error
}

// Windows are what the suite's ledgers work by.
var Windows = migration.Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}

// Run runs the suite. Each call of open returns an empty store.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"an unknown user has no record and no events":                unknownUser,
		"an event, its record and its tally are written at once":     writeAtOnce,
		"a stale version is refused with the current record":         staleVersion,
		"a sequence number is used once":                             sequenceOnce,
		"an event that its record does not know is not written over": recordBehind,
		"a context that is done writes nothing":                      doneContext,
		"a time-out leaves open what was written":                    timeOut,
		"a stream is chained and folds to its record":                chain,
		"a repeat is not written, at both edges of its window":       repeats,
		"many writers on one user write one event each":              manyWriters,
		"a conflict lasts until the context is done":                 impatientWriters,
		"the same attempt at once is written once":                   sameAttempt,
		"many users at once: tallies are exact":                      manyUsers,
		"many users of one tally at once: it is exact":               oneTally,
		"a replay is written once":                                   replayOnce,
		"a replay among newer events is written once":                replayAmongNewer,
		"an answer that was lost is made up for":                     lostAnswer,
		"a clock that goes backwards":                                clockBackwards,
		"a day's end":                                                dayEnd,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var noon = time.Date(2026, 7, 14, 12, 0, 0, 123e6, time.UTC)

func newLedger(s ledger.Store, now func() time.Time) *ledger.Ledger {
	return ledger.New(s, Windows, now)
}

func atNoon() time.Time { return noon }

// Attempt returns an attempt of a new user, with an ID of its own, that migrated at noon.
func attempt(change func(*migration.Event)) migration.Event {
	e := migration.Event{
		Schema: migration.Schema, Sub: uuid.NewString(), ID: ulid.Make().String(), Kind: migration.Attempt, At: noon,
		Trigger: migration.SignIn, Outcome: migration.Migrated, Factors: []string{"SMS_MFA"}, RequestID: uuid.NewString(),
		FunctionVersion: "$LATEST",
	}
	if change != nil {
		change(&e)
	}
	return e
}

func wrongPassword(e *migration.Event) {
	e.Outcome, e.Reason = migration.Rejected, migration.WrongPassword
}

// of makes e an attempt of the given user.
func of(sub string, e migration.Event) migration.Event {
	e.Sub = sub
	return e
}

func at(t time.Time, e migration.Event) migration.Event {
	e.At = t
	return e
}

func always(e migration.Event) func(migration.Record) migration.Event {
	return func(migration.Record) migration.Event { return e }
}

func mustAppend(t *testing.T, l *ledger.Ledger, e migration.Event) ledger.Appended {
	t.Helper()
	appended, err := l.Append(t.Context(), e.Sub, always(e))
	if err != nil {
		t.Fatal(err)
	}
	return appended
}

// Check holds that a user's stream is gapless, chained and counted, and folds to its record. It returns the stream.
func check(t *testing.T, s Store, sub string) []migration.Event {
	t.Helper()
	stream, err := s.Stream(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	prev := ""
	for i, e := range stream {
		hash, err := ledger.Hash(e)
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != i+1 || e.Prev != prev || e.Hash != hash || e.Sub != sub {
			t.Fatalf("event %d does not continue the chain: %+v", i+1, e)
		}
		prev = e.Hash
	}
	record, err := s.Record(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(migration.Fold(stream), record); diff != "" {
		t.Fatalf("record (-fold +stored):\n%s", diff)
	}
	return stream
}

// checkTallies holds that the tallies are the recount of the streams of all the store's users.
func checkTallies(t *testing.T, s Store, subs ...string) {
	t.Helper()
	want := map[string]migration.Counters{}
	for _, sub := range subs {
		var r migration.Record
		for _, e := range check(t, s, sub) {
			next := r.Apply(e)
			day := ledger.Day(e.RecordedAt)
			if want[day] == nil {
				want[day] = migration.Counters{}
			}
			want[day].Add(migration.Count(r, e, next))
			r = next
		}
	}
	tallies, err := s.Tallies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]migration.Counters{}
	for _, tally := range tallies {
		got[tally.Period] = tally.Counters
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("tallies (-recount +stored):\n%s", diff)
	}
}

func unknownUser(t *testing.T, s Store) {
	if stream := check(t, s, uuid.NewString()); len(stream) != 0 {
		t.Errorf("%+v", stream)
	}
	checkTallies(t, s)
}

func writeAtOnce(t *testing.T, s Store) {
	e := attempt(nil)
	recorded := noon.Add(1500 * time.Millisecond)
	appended := mustAppend(t, newLedger(s, func() time.Time { return recorded.Add(999 * time.Microsecond) }), e)

	want := e
	want.Seq, want.RecordedAt = 1, recorded
	want.Hash, _ = ledger.Hash(want)
	if diff := cmp.Diff([]migration.Event{want}, check(t, s, e.Sub)); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ledger.Appended{Event: want, Record: migration.Fold([]migration.Event{want})}, appended); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
	tallies, err := s.Tallies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantTallies := []ledger.Tally{{
		Period: "2026-07-14", RecordedAt: recorded, Counters: migration.Counters{"Authentication.migrated": 1, "+migrated": 1},
		Days: map[string]ledger.Totals{"2026-07-14": {Migrated: 1, FirstHandovers: 1, Came: 1}},
	}}
	if diff := cmp.Diff(wantTallies, tallies); diff != "" {
		t.Errorf("tallies (-want +got):\n%s", diff)
	}
}

// entry continues a stream whose last record is current.
func entry(t *testing.T, current migration.Record, e migration.Event) ledger.Entry {
	t.Helper()
	e.Seq, e.RecordedAt, e.Prev = current.Version+1, e.At, current.Hash
	var err error
	if e.Hash, err = ledger.Hash(e); err != nil {
		t.Fatal(err)
	}
	after := current.Apply(e)
	return ledger.Entry{Event: e, Record: after, Counters: migration.Count(current, e, after)}
}

func staleVersion(t *testing.T, s Store) {
	first := attempt(wrongPassword)
	one := entry(t, migration.Record{}, first)
	if err := s.Commit(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	two := entry(t, one.Record, of(first.Sub, attempt(nil)))
	if err := s.Commit(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	for name, stale := range map[string]ledger.Entry{
		"as if the user were new": entry(t, migration.Record{}, of(first.Sub, attempt(nil))),
		"from the first version":  entry(t, one.Record, of(first.Sub, attempt(nil))),
		"from a version that is not there": entry(t,
			migration.Record{Version: 7, Status: migration.StatusBlocked}, of(first.Sub, attempt(nil))),
	} {
		var conflict *ledger.ConflictError
		if err := s.Commit(t.Context(), stale); !errors.As(err, &conflict) {
			t.Fatalf("%s: %v, want a conflict", name, err)
		}
		if diff := cmp.Diff(two.Record, conflict.Current); diff != "" {
			t.Errorf("%s: the current record (-want +got):\n%s", name, diff)
		}
	}
	checkTallies(t, s, first.Sub)

	var conflict *ledger.ConflictError
	stranger := attempt(nil)
	err := s.Commit(t.Context(), entry(t, migration.Record{Version: 1, Status: migration.StatusAttempted}, stranger))
	if !errors.As(err, &conflict) || conflict.Current.Version != 0 {
		t.Errorf("a second event of an unknown user: %v, want a conflict without a record", err)
	}
}

func sequenceOnce(t *testing.T, s Store) {
	e := attempt(nil)
	mustAppend(t, newLedger(s, atNoon), e)
	before := check(t, s, e.Sub)
	again := entry(t, migration.Record{}, of(e.Sub, attempt(wrongPassword)))
	var conflict *ledger.ConflictError
	if err := s.Commit(t.Context(), again); !errors.As(err, &conflict) {
		t.Fatalf("%v, want a conflict", err)
	}
	if diff := cmp.Diff(before, check(t, s, e.Sub)); diff != "" {
		t.Errorf("stream (-before +after):\n%s", diff)
	}
}

func recordBehind(t *testing.T, s Store) {
	e := attempt(nil)
	mustAppend(t, newLedger(s, atNoon), e)
	before, err := s.Stream(t.Context(), e.Sub)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.LoseRecord(t.Context(), e.Sub); err != nil {
		t.Fatal(err)
	}
	again := entry(t, migration.Record{}, of(e.Sub, attempt(wrongPassword)))
	if err := s.Commit(t.Context(), again); !errors.Is(err, ledger.ErrBehind) {
		t.Errorf("%v, want %v", err, ledger.ErrBehind)
	}
	after, err := s.Stream(t.Context(), e.Sub)
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("%v; stream (-before +after):\n%s", err, diff)
	}
	if record, err := s.Record(t.Context(), e.Sub); err != nil || record.Version != 0 {
		t.Errorf("a record was written: %+v, %v", record, err)
	}
	tallies, err := s.Tallies(t.Context())
	if err != nil || len(tallies) != 1 || tallies[0].Days["2026-07-14"] != (ledger.Totals{Migrated: 1, FirstHandovers: 1, Came: 1}) {
		t.Errorf("something was counted: %+v, %v", tallies, err)
	}
}

func doneContext(t *testing.T, s Store) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{canceled, late} {
		e := attempt(nil)
		if _, err := newLedger(s, atNoon).Append(ctx, e.Sub, always(e)); !errors.Is(err, ctx.Err()) {
			t.Errorf("%v, want %v", err, ctx.Err())
		}
		checkTallies(t, s, e.Sub)
	}
}

// timeOut strikes before, in the middle of and after the write. Committed once more, or replayed, the event is there once.
func timeOut(t *testing.T, s Store) {
	l := newLedger(s, atNoon)
	var subs []string
	for i := range 20 {
		e := attempt(nil)
		subs = append(subs, e.Sub)
		one := entry(t, migration.Record{}, e)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*500*time.Microsecond)
		first := s.Commit(ctx, one)
		cancel()
		if i%2 == 0 {
			if _, err := l.Replay(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		} else {
			var conflict *ledger.ConflictError
			second := s.Commit(t.Context(), one)
			written := errors.As(second, &conflict) && conflict.Current.ID == e.ID
			if second != nil && !written || first == nil && !written {
				t.Errorf("first %v, then %v", first, second)
			}
		}
		if n := len(check(t, s, e.Sub)); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
	}
	checkTallies(t, s, subs...)
}

func chain(t *testing.T, s Store) {
	l := newLedger(s, atNoon)
	first := attempt(wrongPassword)
	mustAppend(t, l, first)
	mustAppend(t, l, of(first.Sub, attempt(func(e *migration.Event) {
		e.Outcome, e.Reason, e.Challenge, e.Factors = migration.Rejected, migration.ChallengeRequired, "SMS_MFA", nil
	})))
	mustAppend(t, l, of(first.Sub, attempt(func(e *migration.Event) { e.Trigger = migration.ForgotPassword })))
	mustAppend(t, l, of(first.Sub, attempt(func(e *migration.Event) {
		e.Kind, e.Trigger, e.Outcome = migration.Confirmation, "", ""
	})))
	if n := len(check(t, s, first.Sub)); n != 4 {
		t.Errorf("%d events, want 4", n)
	}
	checkTallies(t, s, first.Sub)
}

func repeats(t *testing.T, s Store) {
	for name, tt := range map[string]struct {
		change func(*migration.Event)
		window time.Duration
	}{
		"migrated": {nil, Windows.RetryWindow},
		"rejected": {wrongPassword, Windows.RepeatWindow},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(s, atNoon)
			for _, direction := range []time.Duration{1, -1} { // later, and earlier: a clock may go backwards
				first := attempt(tt.change)
				written := mustAppend(t, l, first)
				for _, within := range []time.Duration{0, tt.window} {
					again := of(first.Sub, at(noon.Add(direction*within), attempt(tt.change)))
					want := ledger.Appended{Event: again, Record: written.Record, Repeat: true}
					if diff := cmp.Diff(want, mustAppend(t, l, again)); diff != "" {
						t.Errorf("%s away (-want +got):\n%s", direction*within, diff)
					}
				}
				outside := direction * (tt.window + time.Millisecond)
				if appended := mustAppend(t, l, of(first.Sub, at(noon.Add(outside), attempt(tt.change)))); appended.Repeat {
					t.Errorf("%s away: a repeat", outside)
				} else if appended.Reoffered != (first.Outcome == migration.Migrated) {
					t.Errorf("reoffered: %t", appended.Reoffered)
				}
				if n := len(check(t, s, first.Sub)); n != 2 {
					t.Errorf("%d events, want 2", n)
				}
			}
		})
	}
}

func manyWriters(t *testing.T, s Store) {
	const writers = 12
	l := newLedger(s, atNoon)
	sub := uuid.NewString()
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			e := of(sub, attempt(func(e *migration.Event) {
				e.Outcome, e.Reason, e.Challenge = migration.Rejected, migration.ChallengeRequired, fmt.Sprintf("CHALLENGE_%d", i)
			}))
			if _, err := l.Append(t.Context(), sub, always(e)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(check(t, s, sub)); n != writers {
		t.Errorf("%d events, want %d", n, writers)
	}
	checkTallies(t, s, sub)
}

// Writers in each other's way give up at different moments. Whatever they left undone, replay does, and nothing twice.
func impatientWriters(t *testing.T, s Store) {
	const writers = 12
	l := newLedger(s, atNoon)
	sub := uuid.NewString()
	events := make([]migration.Event, writers)
	var wg sync.WaitGroup
	for i := range writers {
		events[i] = of(sub, attempt(func(e *migration.Event) {
			e.Outcome, e.Reason, e.Challenge = migration.Rejected, migration.ChallengeRequired, fmt.Sprintf("CHALLENGE_%d", i)
		}))
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(2*i)*time.Millisecond)
			defer cancel()
			if _, err := l.Append(ctx, sub, always(events[i])); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want none or %v", err, context.DeadlineExceeded)
			}
		})
	}
	wg.Wait()
	for _, e := range events {
		if _, err := l.Replay(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(check(t, s, sub)); n != writers {
		t.Errorf("%d events, want %d", n, writers)
	}
	checkTallies(t, s, sub)
}

func sameAttempt(t *testing.T, s Store) {
	l := newLedger(s, atNoon)
	first := attempt(nil)
	var wg sync.WaitGroup
	var written atomic.Int32
	for range 8 {
		wg.Go(func() {
			appended, err := l.Append(t.Context(), first.Sub, always(of(first.Sub, attempt(nil))))
			if err != nil {
				t.Error(err)
			}
			if !appended.Repeat {
				written.Add(1)
			}
		})
	}
	wg.Wait()
	if n := len(check(t, s, first.Sub)); n != 1 || written.Load() != 1 {
		t.Errorf("%d events, %d of the writers wrote one; want 1 and 1", n, written.Load())
	}
	checkTallies(t, s, first.Sub)
}

func manyUsers(t *testing.T, s Store) {
	subs := make([]string, 40)
	for i := range subs {
		subs[i] = uuid.NewString()
	}
	writeAll(t, s, subs)
}

// oneTally has users write who all count in the same shard of a day, by the place that docs/record-format.md gives them.
func oneTally(t *testing.T, s Store) {
	var subs []string
	for len(subs) < 10 {
		sub := uuid.NewString()
		h := fnv.New32a()
		h.Write([]byte(sub))
		if h.Sum32()%32 == 7 {
			subs = append(subs, sub)
		}
	}
	writeAll(t, s, subs)
}

// writeAll has all users fail and then migrate, at the same time.
func writeAll(t *testing.T, s Store, subs []string) {
	t.Helper()
	l := newLedger(s, atNoon)
	var wg sync.WaitGroup
	for i := range subs {
		wg.Go(func() {
			mustAppend(t, l, of(subs[i], attempt(wrongPassword)))
			mustAppend(t, l, of(subs[i], attempt(nil)))
		})
	}
	wg.Wait()
	checkTallies(t, s, subs...)
}

func replayOnce(t *testing.T, s Store) {
	hourLater := func() time.Time { return noon.Add(time.Hour) }
	l := newLedger(s, hourLater)
	for name, written := range map[string]bool{"that was never written": false, "that had been written after all": true} {
		t.Run(name, func(t *testing.T) {
			e := attempt(nil)
			if written {
				mustAppend(t, newLedger(s, atNoon), e)
			}
			for i := range 3 {
				appended, err := l.Replay(t.Context(), e)
				if err != nil {
					t.Fatal(err)
				}
				if appended.Repeat != (written || i > 0) {
					t.Errorf("replay %d: repeat %t", i+1, appended.Repeat)
				}
			}
			stream := check(t, s, e.Sub)
			if len(stream) != 1 || stream[0].ID != e.ID || !stream[0].At.Equal(noon) {
				t.Fatalf("%+v", stream)
			}
			want := noon
			if !written {
				want = hourLater()
			}
			if !stream[0].RecordedAt.Equal(want) {
				t.Errorf("recorded at %s, want %s", stream[0].RecordedAt, want)
			}
		})
	}
}

func replayAmongNewer(t *testing.T, s Store) {
	for name, written := range map[string]bool{"that was never written": false, "that had been written after all": true} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(s, atNoon)
			lost := attempt(wrongPassword)
			if written {
				mustAppend(t, l, lost)
			}
			// The same again, later than the window, and then a success.
			newer := of(lost.Sub, at(noon.Add(Windows.RepeatWindow+time.Minute), attempt(wrongPassword)))
			mustAppend(t, l, newer)
			mustAppend(t, l, of(lost.Sub, at(noon.Add(3*time.Hour), attempt(nil))))
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if _, err := l.Replay(t.Context(), lost); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			stream := check(t, s, lost.Sub)
			if len(stream) != 3 {
				t.Fatalf("%d events, want 3: %+v", len(stream), stream)
			}
			record, err := s.Record(t.Context(), lost.Sub)
			if err != nil {
				t.Fatal(err)
			}
			if record.Status != migration.StatusMigrated || !record.LastAt.Equal(noon.Add(3*time.Hour)) || !record.FirstAt.Equal(noon) {
				t.Errorf("%+v", record)
			}
		})
	}
}

// lossy loses the answer to its first commit: the entry is written, and the next try finds the record in its way.
type lossy struct {
	Store
	lost bool
}

func (s *lossy) Commit(ctx context.Context, e ledger.Entry) error {
	if err := s.Store.Commit(ctx, e); err != nil || s.lost {
		return err
	}
	s.lost = true
	return s.Store.Commit(ctx, e)
}

func lostAnswer(t *testing.T, s Store) {
	e := attempt(nil)
	appended := mustAppend(t, newLedger(&lossy{Store: s}, atNoon), e)
	if appended.Repeat || appended.Record.ID != e.ID {
		t.Errorf("%+v", appended)
	}
	if n := len(check(t, s, e.Sub)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	checkTallies(t, s, e.Sub)
}

func clockBackwards(t *testing.T, s Store) {
	now := noon
	l := newLedger(s, func() time.Time { now = now.Add(-time.Hour); return now })
	first := attempt(wrongPassword)
	mustAppend(t, l, first)
	mustAppend(t, l, of(first.Sub, at(noon.Add(-2*time.Hour), attempt(wrongPassword))))
	mustAppend(t, l, of(first.Sub, at(noon.Add(-3*time.Hour), attempt(nil))))
	if n := len(check(t, s, first.Sub)); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
	checkTallies(t, s, first.Sub)
}

func dayEnd(t *testing.T, s Store) {
	midnight := time.Date(2026, 7, 15, 0, 0, 0, 0, time.UTC)
	first := attempt(wrongPassword)
	mustAppend(t, newLedger(s, func() time.Time { return midnight.Add(-time.Millisecond) }), first)
	mustAppend(t, newLedger(s, func() time.Time { return midnight }), of(first.Sub, attempt(nil)))
	tallies, err := s.Tallies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(tallies) != 2 || tallies[0].Period != "2026-07-14" || tallies[1].Period != "2026-07-15" {
		t.Errorf("%+v", tallies)
	}
	checkTallies(t, s, first.Sub)
}
