package census_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const link = "custom:old_sub"

// pool is a pool in memory.
type pool struct {
	page      int // users of a page, or fewer; 3 if zero
	users     []migration.Account
	folds     bool // its filter does not mind case
	estimated int

	mu     sync.Mutex
	listed map[string]int // users by prefix
	calls  int
	stale  int // so many tokens more are refused
	broken int // the call that fails, if not zero
}

type staleError struct{ error }

func (staleError) InvalidToken() bool { return true }

func (p *pool) List(_ context.Context, prefix, token string) ([]migration.Account, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls++; p.calls == p.broken {
		return nil, "", errors.New("broken")
	}
	if token != "" && p.stale > 0 {
		p.stale--
		return nil, "", staleError{errors.New("stale")}
	}
	var found []migration.Account
	for _, u := range p.users {
		if strings.HasPrefix(u.Sub, prefix) || p.folds && strings.HasPrefix(strings.ToLower(u.Sub), strings.ToLower(prefix)) {
			found = append(found, u)
		}
	}
	from := 0
	_, _ = fmt.Sscan(token, &from)
	to := min(from+1+p.calls%cmp.Or(p.page, 3), len(found))
	if p.listed == nil {
		p.listed = map[string]int{}
	}
	p.listed[prefix] += to - from
	if to < len(found) {
		return found[from:to], fmt.Sprint(to), nil
	}
	return found[from:], "", nil
}

func (p *pool) Estimate(context.Context) (int, error) { return p.estimated, nil }

type records map[string]migration.Status

func (r records) Records(_ context.Context, subs []string) (map[string]migration.Record, error) {
	found := map[string]migration.Record{}
	for _, sub := range subs {
		if status, ok := r[sub]; ok {
			found[sub] = migration.Record{Sub: sub, Status: status}
		}
	}
	return found, nil
}

// confirmations are those that a census wants recorded.
type confirmations struct {
	mu  sync.Mutex
	got []string
	out bool // they can't be recorded
}

func (c *confirmations) Confirm(_ context.Context, sub string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, sub)
	return !c.out
}

// take takes a census to its end, with as many goes as it needs; each go begins from what was kept last.
func take(t interface{ Fatal(...any) }, c census.Counter, goes func(n int) time.Time) census.Result {
	kept, err := json.Marshal(census.State{StartedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10_000 {
		var s census.State
		if err := json.Unmarshal(kept, &s); err != nil {
			t.Fatal(err)
		}
		_ = c.Run(context.Background(), &s, func() time.Time { return noon }, goes(n), func(_ context.Context, s *census.State) (err error) {
			kept, err = json.Marshal(s)
			return err
		})
		if s.Done() {
			return s.Result(c.Link)
		}
	}
	t.Fatal("it comes to no end")
	return census.Result{}
}

var noon = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

func atOnce(int) time.Time { return noon.Add(time.Hour) }

func old(sub, status string, enabled bool, year int) migration.Account {
	return migration.Account{Sub: sub, Status: status, Enabled: enabled, Modified: time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC)}
}

func arrival(sub, oldSub, status string, enabled bool) migration.Account {
	a := old(sub, status, enabled, 2026)
	if a.Attributes = map[string]string{"email": "x@example.com"}; oldSub != "" {
		a.Attributes[link] = oldSub
	}
	return a
}

func TestWhatACensusCounts(t *testing.T) {
	c := census.Counter{
		Old: &pool{estimated: 6, users: []migration.Account{
			old("a1", "CONFIRMED", true, 2019), old("b2", "CONFIRMED", true, 2020), old("c3", "CONFIRMED", true, 2026),
			old("d4", "CONFIRMED", false, 2020), old("not a UUID", "UNCONFIRMED", true, 2021), old("UPPER", "CONFIRMED", true, 2021),
			{Sub: "f6", Status: "RESET_REQUIRED", Enabled: true},
		}},
		New: &pool{estimated: 900, users: []migration.Account{
			arrival("n1", "b2", "CONFIRMED", true), arrival("n2", "c3", "RESET_REQUIRED", true), arrival("n3", "unheard of", "CONFIRMED", true),
			arrival("n4", "", "CONFIRMED", true), arrival("n5", "gone", "CONFIRMED", false), arrival("n6", "a1", "RESET_REQUIRED", true),
		}},
		Records: records{"a1": migration.StatusAttempted, "b2": migration.StatusConfirmed, "c3": migration.StatusMigrated, "d4": migration.StatusBlocked, "gone": migration.StatusMigrated},
		Link:    link,

		Confirmations: &confirmations{out: true},
	}
	n := func(n int) *int { return &n }
	want := census.Result{
		StartedAt: noon, Complete: true,
		Old: census.OldPool{
			Counted: census.Counted{Users: 7, Estimated: 6, States: map[string]int{
				"CONFIRMED": 4, "disabled.CONFIRMED": 1, "UNCONFIRMED": 1, "RESET_REQUIRED": 1,
			}},
			Statuses:        map[string]int{"attempted": 1, "blocked": 1, "migrated": 1, "confirmed": 1, "never_came": 3},
			Remaining:       5,
			RemainingStates: map[string]int{"CONFIRMED": 2, "disabled.CONFIRMED": 1, "UNCONFIRMED": 1, "RESET_REQUIRED": 1},
			RemainingYears:  map[string]int{"2019": 1, "2020": 1, "2021": 2, "unknown": 1},
		},
		New: census.NewPool{
			Counted: census.Counted{
				Users: 6, Estimated: 900, Differs: true, States: map[string]int{"CONFIRMED": 3, "RESET_REQUIRED": 2, "disabled.CONFIRMED": 1},
			},
			Linked: n(5), Arrived: n(1), ResetUnfinished: n(1), LinkedWithoutRecord: n(1), NoRecord: n(2),
		},
	}
	if diff := gocmp.Diff(want, take(t, c, atOnce)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.Link = ""
	want.New.Linked, want.New.Arrived, want.New.ResetUnfinished, want.New.LinkedWithoutRecord, want.New.NoRecord = nil, nil, nil, nil, nil
	if diff := gocmp.Diff(want, take(t, c, atOnce)); diff != "" {
		t.Errorf("without a link (-want +got):\n%s", diff)
	}
}

// Who is linked, ready to sign in and not confirmed yet gets the confirmation, whatever the record says of the way here; nobody else does.
func TestWhoIsConfirmed(t *testing.T) {
	statuses := records{
		"attempted": migration.StatusAttempted, "blocked": migration.StatusBlocked, "migrated": migration.StatusMigrated,
		"before": migration.StatusConfirmed, "leaves": migration.StatusMigrated, "disabled": migration.StatusMigrated,
	}
	later := &pool{users: []migration.Account{
		arrival("n0", "leaves", "RESET_REQUIRED", true), arrival("n1", "disabled", "CONFIRMED", false), arrival("n2", "", "CONFIRMED", true),
		arrival("n3", "imported", "RESET_REQUIRED", true), arrival("n4", "before", "CONFIRMED", true),
	}}
	ready := []string{"attempted", "blocked", "imported-1", "imported-2", "migrated"}
	for i, sub := range ready {
		later.users = append(later.users, arrival(fmt.Sprintf("%x-r", i), sub, "CONFIRMED", true))
	}
	for _, out := range []bool{false, true} {
		c := &confirmations{out: out}
		got := take(t, census.Counter{Old: &pool{}, New: later, Records: statuses, Confirmations: c, Link: link}, atOnce)
		slices.Sort(c.got)
		if !slices.Equal(c.got, ready) {
			t.Errorf("confirmed: %v", c.got)
		}
		arrived, unknown := 6, 1
		if out { // those without a record have none still
			arrived, unknown = 4, 3
		}
		if *got.New.Arrived != arrived || *got.New.LinkedWithoutRecord != unknown || *got.New.ResetUnfinished != 1 {
			t.Errorf("%+v", got.New)
		}
	}
}

// Who came into a pool or moved during a census is counted, as far as the census meets them.
func TestWhoComesAndMovesMeanwhile(t *testing.T) {
	olds, news := &pool{}, &pool{}
	for i, after := range []time.Duration{-time.Hour, time.Minute, time.Hour} {
		a := old(fmt.Sprintf("%x", i), "CONFIRMED", true, 2020)
		a.Created = noon.Add(after)
		olds.users, news.users = append(olds.users, a), append(news.users, a)
	}
	handed := func(at time.Duration) migration.Record {
		return migration.Record{Status: migration.StatusMigrated, Seen: map[string]time.Time{"Authentication.migrated": noon.Add(at)}}
	}
	got := take(t, census.Counter{Old: olds, New: news, Records: recordsOf{"0": handed(time.Minute), "1": handed(-time.Minute)}}, atOnce)
	if got.Old.Created != 2 || got.New.Created != 2 || got.Old.MovedMeanwhile != 1 {
		t.Errorf("%+v", got)
	}
}

// recordsOf are whole records.
type recordsOf map[string]migration.Record

func (r recordsOf) Records(context.Context, []string) (map[string]migration.Record, error) {
	return r, nil
}

// Users handed over a moment ago are left to confirm, which puts them into their groups before.
func TestWhoWasHandedOverAMomentAgoIsLeftToConfirm(t *testing.T) {
	later := &pool{}
	for _, sub := range []string{"long ago", "just now", "imported"} {
		later.users = append(later.users, arrival(sub, sub, "CONFIRMED", true))
	}
	c := &confirmations{}
	take(t, census.Counter{Old: &pool{}, New: later, Confirmations: c, Link: link, Recent: time.Hour, Records: recordsOf{
		"long ago": {Status: migration.StatusMigrated, Since: noon.Add(-time.Hour)},
		"just now": {Status: migration.StatusMigrated, Since: noon.Add(-time.Minute)},
	}}, atOnce)
	slices.Sort(c.got)
	if want := []string{"imported", "long ago"}; !slices.Equal(c.got, want) {
		t.Errorf("%v are confirmed, want %v", c.got, want)
	}
}

// Whatever subs there are, and whatever befalls the census, each user is counted once.
func TestEveryUserIsCountedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subs := rapid.SliceOfNDistinct(rapid.StringMatching(`[!-~]{1,4}`), 0, 60, rapid.ID).Draw(t, "subs")
		p := &pool{folds: rapid.Bool().Draw(t, "folds"), stale: rapid.IntRange(0, 5).Draw(t, "stale tokens")}
		for _, sub := range subs {
			p.users = append(p.users, old(sub, "CONFIRMED", true, 2020))
		}
		p.broken = rapid.IntRange(0, 100).Draw(t, "the call that fails")
		now := rapid.IntRange(0, 30).Draw(t, "goes without any time")
		got := take(t, census.Counter{Old: p, New: &pool{}, Records: records{}}, func(n int) time.Time {
			if n < now {
				return noon
			}
			return noon.Add(time.Hour)
		})
		if got.Old.Users != len(subs) || got.Old.Remaining != len(subs) {
			t.Fatalf("%d counted, %d remaining of %q", got.Old.Users, got.Old.Remaining, subs)
		}
	})
}

// No chain works on more than twice its share, in a pool of old users, whose subs are random, and of new ones, in whose subs every
// second digit is constant.
func TestChainsAreOfOneLength(t *testing.T) {
	const n, digits = 8_000, "0123456789abcdef"
	random := rand.New(rand.NewPCG(1, 2))
	for _, newStyle := range []int{0, n / 10, n / 2, n} {
		p := &pool{page: 500}
		for i := range n {
			sub := []byte("f4d8c458-5041-70a1")
			for j, position := 0, 0; j < len(sub); j++ {
				if sub[j] == '-' {
					continue
				}
				if isConstant := position%2 == 1; !isConstant || i >= newStyle {
					sub[j] = digits[random.IntN(len(digits))]
				}
				position++
			}
			p.users = append(p.users, old(fmt.Sprintf("%s-%012x", sub, i), "CONFIRMED", true, 2020))
		}
		take(t, census.Counter{Old: p, New: &pool{}, Records: records{}}, atOnce)
		delete(p.listed, "") // which finds out about the filter
		for prefix, listed := range p.listed {
			if listed > 2*n/16 {
				t.Errorf("%d of %d users of the new style: the chain %q lists %d of %d", newStyle, n, prefix, listed, n)
			}
		}
	}
}

// A go that has no more time, or fails, has kept what it had; nobody is at work any more then.
func TestAGoKeepsWhatItHas(t *testing.T) {
	p := &pool{broken: 12}
	for i := range 50 {
		p.users = append(p.users, old(fmt.Sprintf("%02x", i*5), "CONFIRMED", true, 2020))
	}
	var kept []census.State
	s := census.State{StartedAt: noon}
	err := census.Counter{Old: p, New: &pool{}, Records: records{}}.Run(t.Context(), &s, func() time.Time { return noon }, atOnce(0),
		func(_ context.Context, s *census.State) error {
			kept = append(kept, *s)
			return nil
		})
	first, last := kept[0], kept[len(kept)-1]
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%v is not what failed", err)
	}
	if !first.HeldUntil.After(noon) || !last.HeldUntil.IsZero() {
		t.Errorf("held until %v at first, %v at last", first.HeldUntil, last.HeldUntil)
	}
	if got := last.Result(link); got.Complete || got.Old.Users == 0 || got.Old.Users == len(p.users) {
		t.Errorf("%+v is not half a census", got)
	}
}

// What is kept says nothing about anybody.
func TestTheStateNamesNobody(t *testing.T) {
	p := &pool{}
	for i := range 50 {
		p.users = append(p.users, arrival(fmt.Sprintf("%02x-secret", i*5), "old-secret", "CONFIRMED", true))
	}
	p.broken = 30
	s := census.State{}
	_ = census.Counter{Old: p, New: p, Records: records{}, Confirmations: &confirmations{}, Link: link}.Run(t.Context(), &s, func() time.Time { return noon }, atOnce(0),
		func(_ context.Context, s *census.State) error {
			text, err := json.Marshal(s)
			if i := slices.IndexFunc([]string{"secret", "example.com"}, func(word string) bool { return strings.Contains(string(text), word) }); i >= 0 {
				t.Errorf("%s names somebody", text)
			}
			return err
		})
}
