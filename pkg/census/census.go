// Package census counts the users of both pools, by a walk through their lists: how many there are, who has moved, and how many are left.
// It counts, and keeps nothing about anybody. Users of the new pool who are ready to sign in and not confirmed yet, it has confirmed.
//
// A walk is split into chains of pages, by the first character of the users' sub. It may be taken in several goes.
package census

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Pool lists the users of a pool.
type Pool interface {
	// List returns a page of the users whose sub begins with a prefix, and the token of the page after it, which is empty after the last.
	// If a token is not good any more, the error has a method InvalidToken that returns true.
	List(ctx context.Context, prefix, token string) ([]migration.Account, string, error)
	// Estimate returns how many users the pool is believed to have.
	Estimate(ctx context.Context) (int, error)
}

// Records knows what became of users.
type Records interface {
	// Records returns the records that there are, by sub.
	Records(ctx context.Context, subs []string) (map[string]migration.Record, error)
}

// Confirmations records confirmations.
type Confirmations interface {
	// Confirm records that the new pool has a user ready to sign in, by the old sub; once, however often it is called. It returns false if
	// that is held nowhere: then the next census tries again.
	Confirm(ctx context.Context, oldSub string) bool
}

// Counter counts the users of both pools.
type Counter struct {
	Old, New      Pool
	Records       Records
	Confirmations Confirmations
	Link          string // the attribute of the new pool that holds the old sub; empty if none does
	// Recent is how long after the handover a user is left to others to confirm, who do more than record it.
	Recent time.Duration
}

// State is how far a census is. It holds counts and the lists' own tokens, and nothing about anybody.
type State struct {
	StartedAt time.Time
	Old, New  walk
	HeldUntil time.Time // somebody is at work until then, if nothing has happened to it
}

// walk is a way through one pool.
type walk struct {
	Begun     bool
	Estimated int
	Folds     bool // the pool's filter does not mind the case of a sub
	Chains    []chain
}

type chain struct {
	Prefix, Token string
	Done          bool
	Counts        migration.Counters
}

func (w walk) done() bool {
	for _, c := range w.Chains {
		if !c.Done {
			return false
		}
	}
	return w.Begun
}

// Done tells whether every chain has come to its end.
func (s State) Done() bool { return s.Old.done() && s.New.done() }

// How many chains are walked at once, how often the state is kept meanwhile, and how long after that it counts as left.
const (
	workers   = 16
	keepEvery = 2 * time.Second
	hold      = 10 * time.Second
)

// run is one go of a census.
type run struct {
	Counter
	state *State
	now   func() time.Time
	until time.Time
	keep  func(context.Context, *State) error

	mu   sync.Mutex // of state and kept
	kept time.Time
}

// Run goes on with a census until it is done, or until the given time. It has the state kept now and then, and in the end, also if
// something fails. A page counts when the state is kept that holds it: after a kill, a census goes on from the last that was.
func (c Counter) Run(
	ctx context.Context, s *State, now func() time.Time, until time.Time, keep func(context.Context, *State) error,
) error {
	r := &run{Counter: c, state: s, now: now, until: until, keep: keep}
	err := r.keepState(ctx) // before anything else, so that nobody else begins
	if err == nil {         // first, so that the old pool's users are counted with the confirmations of this census
		err = r.walk(ctx, &s.New, c.New, r.countNew)
	}
	if err == nil && s.New.done() {
		err = r.walk(ctx, &s.Old, c.Old, r.countOld)
	}
	s.HeldUntil = time.Time{}
	return errors.Join(err, keep(ctx, s))
}

// count counts a page of users.
type count func(context.Context, []migration.Account) (migration.Counters, error)

func (r *run) walk(ctx context.Context, w *walk, pool Pool, count count) error {
	if !w.Begun {
		if err := w.begin(ctx, pool); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range w.Chains {
		if !w.Chains[i].Done {
			group.Go(func() error { return r.follow(ctx, w, &w.Chains[i], pool, count) })
		}
	}
	return group.Wait()
}

// follow goes through the pages of a chain.
func (r *run) follow(ctx context.Context, w *walk, c *chain, pool Pool, count count) error {
	for !c.Done && r.now().Before(r.until) && ctx.Err() == nil {
		accounts, next, err := pool.List(ctx, c.Prefix, c.Token)
		var invalid interface{ InvalidToken() bool }
		if c.Token != "" && errors.As(err, &invalid) && invalid.InvalidToken() {
			r.mu.Lock()
			c.Token, c.Counts = "", migration.Counters{} // from its beginning
			r.mu.Unlock()
			continue
		}
		if err != nil {
			return err
		}
		counts, err := count(ctx, w.belonging(accounts, c.Prefix))
		if err != nil {
			return err
		}
		if err := r.took(ctx, c, counts, next); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// took adds a page to the state.
func (r *run) took(ctx context.Context, c *chain, counts migration.Counters, next string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Counts.Add(counts)
	c.Token, c.Done = next, next == ""
	if r.now().Sub(r.kept) < keepEvery || r.state.Done() { // what is done, Run itself has kept
		return nil
	}
	return r.keepState(ctx)
}

func (r *run) keepState(ctx context.Context) error {
	r.kept = r.now()
	r.state.HeldUntil = r.kept.Add(hold)
	return r.keep(ctx, r.state)
}

// What is counted, by group: each key is a group, and behind a slash what of it.
const (
	users           = "users"
	created         = "created"
	moved           = "moved"
	states          = "state/"
	statuses        = "status/"
	remaining       = "remaining"
	remainingStates = "remaining_state/"
	remainingYears  = "remaining_year/"
	linked          = "linked"
	arrived         = "arrived"
	unfinished      = "reset_unfinished"
	unknownLinks    = "linked_without_record"
	noRecord        = "no_record"
)

// NeverCame stands where a status does, for users without a record.
const NeverCame = "never_came"

// stateOf names the state of an account: the UserStatus, with disabled before it if the account is.
func stateOf(a migration.Account) string {
	if !a.Enabled {
		return "disabled." + a.Status
	}
	return a.Status
}

func (r *run) countOld(ctx context.Context, accounts []migration.Account) (migration.Counters, error) {
	subs := make([]string, len(accounts))
	for i, a := range accounts {
		subs[i] = a.Sub
	}
	records, err := r.Records.Records(ctx, subs)
	if err != nil {
		return nil, err
	}
	counts := migration.Counters{}
	for _, a := range accounts {
		status := StatusOf(records, a.Sub)
		r.countOne(counts, a)
		counts[statuses+status]++
		if records[a.Sub].HandedOver().After(r.state.StartedAt) {
			counts[moved]++
		}
		if Remains(status) {
			counts[remaining]++
			counts[remainingStates+stateOf(a)]++
			counts[remainingYears+yearOf(a.Modified)]++
		}
	}
	return counts, nil
}

// countOne counts what is counted of a user of either pool.
func (r *run) countOne(counts migration.Counters, a migration.Account) {
	counts[users]++
	counts[states+stateOf(a)]++
	if a.Created.After(r.state.StartedAt) {
		counts[created]++
	}
}

// StatusOf is how far a user has come by the records: a migration.Status, or NeverCame.
func StatusOf(records map[string]migration.Record, sub string) string {
	if record, ok := records[sub]; ok {
		return string(record.Status)
	}
	return NeverCame
}

// Remains tells whether a user of such a status is left: neither migrated nor confirmed.
func Remains(status string) bool {
	return status != string(migration.StatusMigrated) && status != string(migration.StatusConfirmed)
}

func yearOf(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return strconv.Itoa(t.UTC().Year())
}

func (r *run) countNew(ctx context.Context, accounts []migration.Account) (migration.Counters, error) {
	var subs []string
	for _, a := range accounts {
		if old := a.Attributes[r.Link]; old != "" {
			subs = append(subs, old)
		}
	}
	records, err := r.Records.Records(ctx, subs)
	if err != nil {
		return nil, err
	}
	counts := migration.Counters{}
	for _, a := range accounts {
		r.countOne(counts, a)
		old := a.Attributes[r.Link]
		if old == "" {
			counts[noRecord]++
			continue
		}
		counts[linked]++
		record, known := records[old]
		ready := a.Enabled && a.Status == "CONFIRMED"
		if ready && record.Status != migration.StatusConfirmed && !r.isRecent(record) {
			known = r.Confirmations.Confirm(ctx, old) || known
		}
		switch {
		case !known:
			counts[unknownLinks]++
			counts[noRecord]++
		case ready:
			counts[arrived]++
		case a.Enabled && a.Status == "RESET_REQUIRED" && record.Status == migration.StatusMigrated:
			counts[unfinished]++
		}
	}
	return counts, nil
}

func (r *run) isRecent(record migration.Record) bool {
	return record.Status == migration.StatusMigrated && r.now().Sub(record.Since) < r.Recent
}

// begin splits a walk through a pool into chains.
func (w *walk) begin(ctx context.Context, pool Pool) error {
	estimated, err := pool.Estimate(ctx)
	if err != nil {
		return err
	}
	folds, err := mindsNoCase(ctx, pool)
	if err != nil {
		return err
	}
	*w = walk{Begun: true, Estimated: estimated, Folds: folds}
	for _, prefix := range prefixes(folds) {
		w.Chains = append(w.Chains, chain{Prefix: prefix, Counts: migration.Counters{}})
	}
	return nil
}

// prefixes are the first characters of a sub, those first by which subs begin that are UUIDs. A sub is random in its first digit, whether
// its other digits are (those of older users) or every second one is constant (those of newer users): so a sixteenth of all users begins
// with each. But nobody promises that a sub is a UUID: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
func prefixes(folds bool) []string {
	all := strings.Split("0123456789abcdef", "")
	for c := '!'; c <= '~'; c++ {
		isHex, isUpper := strings.ContainsRune("0123456789abcdef", c), c >= 'A' && c <= 'Z'
		if skipped := folds && isUpper; !isHex && !skipped {
			all = append(all, string(c))
		}
	}
	return all
}

// mindsNoCase finds out whether a filter by sub minds case, which no document says: is a user found by the sub in capitals?
func mindsNoCase(ctx context.Context, pool Pool) (bool, error) {
	some, _, err := pool.List(ctx, "", "")
	if err != nil {
		return false, err
	}
	for _, a := range some {
		if upper := strings.ToUpper(a.Sub); upper != a.Sub {
			found, _, err := pool.List(ctx, upper, "")
			return err == nil && len(found) > 0 && found[0].Sub == a.Sub, err
		}
	}
	return false, nil
}

// belonging returns the accounts that a chain counts: each account belongs to one chain, whatever else the filter may find.
func (w *walk) belonging(accounts []migration.Account, prefix string) []migration.Account {
	var own []migration.Account
	for _, a := range accounts {
		if strings.HasPrefix(a.Sub, prefix) || w.Folds && strings.HasPrefix(strings.ToLower(a.Sub), prefix) {
			own = append(own, a)
		}
	}
	return own
}
