package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
)

type trailPage struct {
	Events []migration.Event
	Until  time.Time
	Next   string
}

// pages asks for a list page by page.
func pages[Page any](t *testing.T, stack *sandbox.Stack, request string, next func(Page) string) []Page {
	t.Helper()
	var all []Page
	for cursor := ""; ; {
		page := query[Page](t, stack, "inspect", fmt.Sprintf(request, cursor))
		all = append(all, page)
		if cursor = next(page); cursor == "" {
			return all
		}
	}
}

// A period's events come once each, in the order of their recording, page by page, and end two minutes before now.
func TestTrail(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	first := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	writeDays(t, stack, first, 4, 200)
	now := time.Now()
	recent := ledger.New(store(stack), migration.Windows{}, func() time.Time { return now })
	if err := appendEvent(t.Context(), recent, "too-recent", migration.Event{At: now, Outcome: migration.Migrated}); err != nil {
		t.Fatal(err)
	}
	challenged := first.Add(10 * time.Hour)
	factor := ledger.New(store(stack), migration.Windows{}, func() time.Time { return challenged })
	for _, challenge := range []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA"} {
		e := migration.Event{At: challenged, Outcome: migration.Rejected, Reason: migration.ChallengeRequired, Challenge: challenge}
		if err := appendEvent(t.Context(), factor, "challenged", e); err != nil {
			t.Fatal(err)
		}
	}
	recorded := allEvents(t, stack)
	for name, tt := range map[string]struct {
		request string
		within  func(migration.Event) bool
	}{
		"all":   {`{"view":"trail","from":"2026-01-01","next":%q}`, func(migration.Event) bool { return true }},
		"a day": {`{"view":"trail","from":"2026-02-28","to":"2026-03-01","next":%q}`, func(e migration.Event) bool { return ledger.Day(e.RecordedAt) == "2026-02-28" }},
		"some hours": {`{"view":"trail","from":"2026-02-28T06:00:00Z","to":"2026-03-01T06:00:00+02:00","next":%q}`, func(e migration.Event) bool {
			return !e.RecordedAt.Before(first.Add(30*time.Hour)) && e.RecordedAt.Before(first.Add(52*time.Hour))
		}},
		"wrong passwords": {`{"view":"trail","from":"2026-01-01","outcome":"rejected","reason":"wrong_password","next":%q}`, func(e migration.Event) bool { return e.Reason == migration.WrongPassword }},
		"a challenge":     {`{"view":"trail","from":"2026-01-01","challenge":"SMS_MFA","next":%q}`, func(e migration.Event) bool { return e.Challenge == "SMS_MFA" }},
		"since long ago":  {`{"view":"trail","from":"2025-06-01","next":%q}`, func(migration.Event) bool { return true }},
		"nothing":         {`{"view":"trail","from":"2026-05-01","to":"2026-06-01","next":%q}`, func(migration.Event) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			var got []migration.Event
			for _, page := range pages(t, stack, tt.request, func(p trailPage) string { return p.Next }) {
				got = append(got, page.Events...)
				if age := time.Since(page.Until); age < 2*time.Minute {
					t.Errorf("complete until %s, %s ago", page.Until, age)
				}
			}
			want := map[string]int{}
			for _, e := range recorded {
				if tt.within(e) && e.Sub != "too-recent" {
					want[e.ID]++
				}
			}
			have := map[string]int{}
			for _, e := range got {
				have[e.ID]++
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("events by id (-want +got):\n%s", diff)
			}
			if !slices.IsSortedFunc(got, func(a, b migration.Event) int { return a.RecordedAt.Compare(b.RecordedAt) }) {
				t.Error("not in the order of recording")
			}
		})
	}
}

// allEvents scans the audit table.
func allEvents(t *testing.T, stack *sandbox.Stack) []migration.Event {
	t.Helper()
	var events []migration.Event
	seen := map[string]bool{}
	for _, sub := range subs(t, stack) {
		if seen[sub] {
			continue
		}
		seen[sub] = true
		stream, err := store(stack).Stream(t.Context(), sub)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, stream...)
	}
	return events
}

// The lists name who waits, those first who have waited longest.
func TestWhoWaits(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	users := mixed(t, stack)
	type waiting struct {
		Users []struct {
			Sub, Reason, Challenge string
			Since                  time.Time
		}
		Next string
	}
	for request, want := range map[string][]string{
		`{"view":"unconfirmed"}`:                                        {users[0].Sub, users[1].Sub},
		`{"view":"blocked","reason":"disabled"}`:                        {users[3].Sub},
		`{"view":"blocked","reason":"challenge","challenge":"SMS_MFA"}`: {users[4].Sub},
		`{"view":"blocked","reason":"unconfirmed"}`:                     nil,
	} {
		var got []string
		for _, u := range query[waiting](t, stack, "inspect", request).Users {
			got = append(got, u.Sub)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
}

func TestTrailNamesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	for _, request := range []string{
		`{"view":"trail"}`, `{"view":"trail","from":"yesterday"}`, `{"view":"trail","from":"2026-01-01","to":"soon"}`,
		`{"view":"trail","from":"2026-01-01","next":"page two"}`, `{"view":"blocked"}`,
	} {
		_, err := stack.Invoke(t.Context(), "inspect", []byte(request))
		if err == nil || errorMessage(t, err) == "" {
			t.Errorf("%s: %v", request, err)
		}
	}
}
