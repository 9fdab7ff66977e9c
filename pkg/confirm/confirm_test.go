package confirm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
)

const link = "custom:old_sub"

// world is both pools and the ledger: everybody was handed over as the sub, and is in the new pool, but for what the fields say.
type world struct {
	unreachable string               // the user about whom the new pool gives no answer
	waiting     []migration.Record   // by Since
	groups      []string             // of everybody in the old pool
	noGroup     string               // which the new pool has not
	confirmed   map[string]int       // confirmations by sub
	since       map[string]time.Time // of the first
	asked       map[string]time.Time // when the old pool was asked
	grouped     map[string][]string  // groups in the new pool
	lost        int                  // so many confirmations are recorded nowhere
}

func newWorld() *world {
	return &world{confirmed: map[string]int{}, since: map[string]time.Time{}, asked: map[string]time.Time{}, grouped: map[string][]string{}}
}

func (w *world) LookupSub(_ context.Context, sub string) migration.Answer {
	w.asked[sub] = time.Now()
	return migration.Answer{Account: &migration.Account{Sub: sub, Username: "name of " + sub}}
}

func (w *world) Groups(context.Context, string) ([]string, error) { return w.groups, nil }

func (w *world) User(_ context.Context, name string) (newpool.User, error) {
	sub, ok := strings.CutPrefix(name, "name of ")
	switch {
	case !ok:
		return newpool.User{}, newpool.ErrNoUser
	case sub == w.unreachable:
		return newpool.User{}, errors.New("no answer")
	}
	return newpool.User{
		Username: name, Enabled: true, Status: types.UserStatusTypeConfirmed, Attributes: map[string]string{link: sub},
	}, nil
}

func (w *world) AddToGroup(_ context.Context, username, group string) error {
	if group == w.noGroup {
		return newpool.ErrNoGroup
	}
	w.grouped[username] = append(w.grouped[username], group)
	return nil
}

func (w *world) Record(_ context.Context, sub string) (migration.Record, error) {
	if w.confirmed[sub] > 0 {
		return migration.Record{Status: migration.StatusConfirmed, Since: w.since[sub]}, nil
	}
	return migration.Record{Status: migration.StatusMigrated}, nil
}

// StandingSince gives one user a page, so that the cursor counts.
func (w *world) StandingSince(
	_ context.Context, _ string, since time.Time, cursor string, _ int,
) ([]migration.Record, string, error) {
	for i, r := range w.waiting {
		next := fmt.Sprint(i + 1)
		if r.Since.Before(since) || cursor != "" && next <= cursor {
			continue
		}
		if i+1 == len(w.waiting) {
			next = ""
		}
		return w.waiting[i : i+1], next, nil
	}
	return nil, "", nil
}

// ledger is the recorder over a world.
type ledger struct{ *world }

func (l ledger) Record(
	_ context.Context, sub string, decide func(migration.Record) migration.Event, _ func(migration.Event) migration.Event,
) recorder.Recorded {
	if l.lost > 0 {
		l.lost--
		return recorder.Recorded{Event: decide(migration.Record{}), Lost: true, Fault: "no ledger"}
	}
	if l.confirmed[sub]++; l.confirmed[sub] > 1 {
		return recorder.Recorded{Event: decide(migration.Record{}), Repeat: true}
	}
	l.since[sub] = time.Now()
	return recorder.Recorded{Event: decide(migration.Record{})}
}

func (w *world) confirmer(log *bytes.Buffer, carry bool) *Confirmer {
	cfg := Config{
		Handover: Handover{Attributes: migration.Rules{{Target: link, Source: "sub"}}}, CarryGroups: config.YesNo(carry), Rate: 10,
		Config: recorder.Config{LedgerBudget: time.Second, SpoolBudget: time.Second},
	}
	return New(cfg, w, w, w, ledger{w}, slog.New(slog.NewJSONHandler(log, nil)), time.Now)
}

// batch is of users who were handed over at a time; their sequence numbers are their subs.
func batch(at time.Time, subs ...string) events.DynamoDBEvent {
	var b events.DynamoDBEvent
	for _, sub := range subs {
		image := map[string]events.DynamoDBAttributeValue{
			"sub": events.NewStringAttribute(sub), "outcome": events.NewStringAttribute("migrated"),
			"recorded_at": events.NewStringAttribute(at.Format(time.RFC3339Nano)),
		}
		b.Records = append(b.Records, events.DynamoDBEventRecord{
			EventName: "INSERT", Change: events.DynamoDBStreamRecord{SequenceNumber: sub, NewImage: image},
		})
	}
	return b
}

func failures(r events.DynamoDBEventResponse) []string {
	failed := []string{}
	for _, f := range r.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

func TestOneUserHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.unreachable = "b"
		c := w.confirmer(&bytes.Buffer{}, false)
		for range 3 { // as Lambda tries again
			if diff := cmp.Diff([]string{"b"}, failures(c.Batch(t.Context(), batch(time.Now(), "a", "b", "c")))); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
		}
		if diff := cmp.Diff(map[string]int{"a": 1, "c": 1}, w.confirmed); diff != "" {
			t.Errorf("confirmed (-want +got):\n%s", diff)
		}
	})
}

// Cognito makes the user after the event was recorded; and sign-ins need the pools' quotas more.
func TestUsersAreAskedAboutSlowlyAndNotTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start := newWorld(), time.Now()
		w.confirmer(&bytes.Buffer{}, false).Batch(t.Context(), batch(start, "a", "b", "c"))
		want := map[string]time.Time{
			"a": start.Add(settle), "b": start.Add(settle + 100*time.Millisecond), "c": start.Add(settle + 200*time.Millisecond),
		}
		if diff := cmp.Diff(want, w.asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

func TestWhatThereIsNoTimeForComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), margin+settle+150*time.Millisecond)
		defer cancel()
		w := newWorld()
		got := failures(w.confirmer(&bytes.Buffer{}, false).Batch(ctx, batch(time.Now(), "a", "b", "c", "d")))
		if diff := cmp.Diff([]string{"c", "d"}, got); diff != "" {
			t.Errorf("failed (-want +got):\n%s", diff)
		}
	})
}

func TestASweepEndsInTimeAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		now := time.Now()
		for i, sub := range []string{"too long ago", "a", "b", "c", "just now"} {
			since := now.Add([]time.Duration{-25 * time.Hour, -time.Hour, -time.Hour, -5 * time.Minute, 0}[i])
			w.waiting = append(w.waiting, migration.Record{Sub: sub, Since: since})
		}
		w.unreachable = "b"
		sweep := func(c *Confirmer, within time.Duration) Swept {
			ctx, cancel := context.WithTimeout(t.Context(), margin+within)
			defer cancel()
			swept, err := c.Sweep(ctx, struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			return swept.(Swept)
		}
		c := w.confirmer(&bytes.Buffer{}, false)
		want := Swept{Measured: true, Confirmed: 1, NotConfirmed: map[Why]int{Unreachable: 1}}
		if diff := cmp.Diff(want, sweep(c, 150*time.Millisecond)); diff != "" {
			t.Errorf("cut off (-want +got):\n%s", diff)
		}
		want.Complete = true
		if diff := cmp.Diff(want, sweep(c, time.Minute)); diff != "" {
			t.Errorf("the next one (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"a": 1, "c": 1}, w.confirmed); diff != "" {
			t.Errorf("confirmed (-want +got):\n%s", diff)
		}
	})
}

// A confirmation that could not be recorded is tried again, and stands in the log like any event.
func TestALostConfirmationComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newWorld(), &bytes.Buffer{}
		w.lost = 1
		c := w.confirmer(log, false)
		for _, want := range [][]string{{"a"}, {}} {
			if diff := cmp.Diff(want, failures(c.Batch(t.Context(), batch(time.Now(), "a")))); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
		}
		if w.confirmed["a"] != 1 || strings.Count(log.String(), `"LostToLog":1`) != 1 || strings.Count(log.String(), `"Confirmed":1`) != 1 {
			t.Errorf("confirmed %d times: %s", w.confirmed["a"], log)
		}
	})
}

// A user who is confirmed has the groups; those that are missing are told by name.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for carry, want := range map[bool]map[string][]string{true: {"name of a": {"readers"}}, false: {}} {
			w, log := newWorld(), &bytes.Buffer{}
			w.groups, w.noGroup = []string{"readers", "writers"}, "writers"
			w.confirmer(log, carry).Batch(t.Context(), batch(time.Now(), "a"))
			if diff := cmp.Diff(want, w.grouped); diff != "" || w.confirmed["a"] != 1 {
				t.Errorf("%t: confirmed %d times, groups (-want +got):\n%s", carry, w.confirmed["a"], diff)
			}
			if got := strings.Contains(log.String(), `"missing_groups":["writers"]`); got != carry {
				t.Errorf("%t: %s", carry, log)
			}
		}
	})
}

// A census may confirm a user whose handover waits in the spool. The groups come when the handover is recorded, once.
func TestGroupsOfWhoWasConfirmedBeforeTheHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newWorld(), &bytes.Buffer{}
		w.groups = []string{"readers"}
		w.confirmed["a"], w.since["a"] = 1, time.Now().Add(-time.Hour)
		w.confirmed["b"], w.since["b"] = 1, time.Now().Add(time.Second)
		w.confirmer(log, true).Batch(t.Context(), batch(time.Now(), "a", "b"))
		if diff := cmp.Diff(map[string][]string{"name of a": {"readers"}}, w.grouped); diff != "" {
			t.Errorf("groups (-want +got):\n%s", diff)
		}
		w.grouped = map[string][]string{}
		w.confirmer(log, false).Batch(t.Context(), batch(time.Now(), "a"))
		if len(w.grouped) > 0 || strings.Contains(log.String(), `"Confirmed":1`) {
			t.Errorf("%v: %s", w.grouped, log)
		}
	})
}

func TestConfiguration(t *testing.T) {
	for rate, ok := range map[int]bool{0: false, 1: true, 60: true, 61: false} {
		c := Config{Rate: rate, Config: recorder.Config{LedgerBudget: time.Second, SpoolBudget: time.Second}}
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("CONFIRM_RATE=%d: %v", rate, err)
		}
	}
}
