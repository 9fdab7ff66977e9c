package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// passing is the state of users who come and go during a census; nobody else is in it.
const passing = "COMPROMISED"

// turmoil is what befalls a census: users come, go and move, tokens expire, and the function is killed.
type turmoil struct {
	own           *sandbox.Sandbox
	stack         *sandbox.Stack
	coming, going []cognito.User
	movers        []cognito.User // who never came until then
}

// newTurmoil has so many users come, go, and move among those who are laid down. Those who will go are put into the old pool.
func newTurmoil(t *testing.T, own *sandbox.Sandbox, stack *sandbox.Stack, users []cognito.User, n int) turmoil {
	t.Helper()
	var passers []cognito.User
	for i := range 2 * n {
		passers = append(passers, cognito.User{Username: fmt.Sprintf("other%d", i), Sub: fmt.Sprintf("%x-other-%d", i%16, i), Status: passing})
	}
	tm := turmoil{own: own, stack: stack, coming: passers[:n], going: passers[n:]}
	for i, u := range users {
		if standing(i) == census.NeverCame && len(tm.movers) < n {
			tm.movers = append(tm.movers, u)
		}
	}
	if err := own.Old.Put(t.Context(), tm.going...); err != nil {
		t.Fatal(err)
	}
	return tm
}

func (tm turmoil) come(t *testing.T) {
	if err := tm.own.Old.Put(t.Context(), tm.coming...); err != nil {
		t.Fatal(err)
	}
}

func (tm turmoil) leave(t *testing.T) {
	for _, u := range tm.going {
		if err := tm.own.Old.Delete(t.Context(), u.Username); err != nil {
			t.Fatal(err)
		}
	}
}

func (tm turmoil) move(t *testing.T) {
	for _, u := range tm.movers {
		handOver(t, tm.stack, u, time.Now(), nil)
	}
}

func (tm turmoil) expire(t *testing.T) {
	if err := errors.Join(tm.own.Old.Advance(t.Context(), 61*time.Minute), tm.own.New.Advance(t.Context(), 61*time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// through takes a census in slices, and has something befall it after each. It returns the result.
func (tm turmoil) through(t *testing.T, seconds int, befalls ...func(*testing.T)) census.Result {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Minute); time.Now().Before(deadline); {
		s, err := askCensus(t, tm.stack, fmt.Sprintf(`{"view":"run","seconds":%d}`, seconds))
		switch {
		case err != nil:
			t.Fatal(err)
		case s.Running == nil:
			if len(befalls) > 0 {
				t.Errorf("%d things did not befall it", len(befalls))
			}
			return *s.Result
		case s.Running.Complete:
			t.Errorf("so far: %+v", s.Running)
		case s.AtWork: // the one that was killed, as it seems
			time.Sleep(100 * time.Millisecond)
		case len(befalls) > 0:
			befalls[0](t)
			befalls = befalls[1:]
		}
	}
	t.Fatal("the census comes to no end")
	return census.Result{}
}

// settle takes out of the counts who came, went and moved, holds them to what can be known, and leaves what has to be exact.
func (tm turmoil) settle(t *testing.T, want, got census.Result) census.Result {
	t.Helper()
	old := &got.Old
	passed, moved := old.States[passing], old.MovedMeanwhile
	t.Logf("counted of those who came or went: %d of %d; seen of those who moved: %d of %d",
		passed, len(tm.coming)+len(tm.going), moved, len(tm.movers))
	if passed > len(tm.coming)+len(tm.going) || old.Created > len(tm.coming) || moved > len(tm.movers) || old.RemainingStates[passing] != passed {
		t.Errorf("%+v", *old)
	}
	old.Users, old.Remaining, old.Statuses[census.NeverCame] = old.Users-passed, old.Remaining-passed, old.Statuses[census.NeverCame]-passed
	delete(old.States, passing)
	delete(old.RemainingStates, passing)
	delete(old.RemainingYears, strconv.Itoa(time.Now().UTC().Year()))
	old.Created, old.Estimated, old.MovedMeanwhile = 0, want.Old.Estimated, 0
	for _, total := range []map[string]int{old.RemainingStates, old.RemainingYears} {
		if n := sum(total); n != old.Remaining {
			t.Errorf("%v adds up to %d, want %d", total, n, old.Remaining)
		}
	}
	old.Remaining += moved // who moved is counted on the one side or the other, and said to be
	old.Statuses[census.NeverCame] += moved
	old.Statuses["migrated"] -= moved
	old.RemainingStates, old.RemainingYears = want.Old.RemainingStates, want.Old.RemainingYears
	return got
}

func sum(counts map[string]int) (n int) {
	for _, count := range maps.All(counts) {
		n += count
	}
	return n
}

// Whatever befalls a census, each user who is there all the time is counted once: pages are short, tokens expire, the function is
// killed, and users come, go and move meanwhile.
func TestCensusInATurmoil(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	users := laidDown(2_400)
	want := counts(t, own, stack, users)
	tm := newTurmoil(t, own, stack, users, 30)
	if err := own.Old.SetPageSize(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	strike := func(t *testing.T) { kill(t, own, stack, 0) }
	got := tm.through(t, 1, tm.come, tm.expire, strike, tm.leave, strike, tm.move, tm.expire)
	differ(t, want, tm.settle(t, want, got))
}

// A census of many, in the same turmoil: exact, no faster than it is let, in flat memory. "make census" runs it.
func TestCensusOfMany(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("CENSUS_USERS"))
	if n == 0 {
		t.Skip(`"make census" runs it`)
	}
	if n < 50_000 {
		t.Fatalf("CENSUS_USERS is %d: fewer than 50000 are counted before everything has befallen the census", n)
	}
	own, stack := polled(t)
	users := laidDown(n)
	for i := range users { // half old subs, half new ones, and one in a hundred that is no UUID
		if users[i].Sub = styledSub(3 * i); i%2 == 1 {
			users[i].Sub = styledSub(3*i + 1)
		}
		if i%100 == 0 {
			users[i].Sub = styledSub(3*i + 2)
		}
	}
	want := counts(t, own, stack, users)
	tm := newTurmoil(t, own, stack, users, n/200)
	if err := errors.Join(own.Old.SetPageSize(t.Context(), 47), own.New.SetPageSize(t.Context(), 53)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d users of the old pool and %d of the new one are laid down", n, want.New.Users)
	calls := watchCalls(own)
	strike := func(t *testing.T) { kill(t, own, stack, n/50) }
	began := time.Now()
	var peaks []process.Memory
	weigh := func(then func(*testing.T)) func(*testing.T) {
		return func(t *testing.T) {
			peak, err := process.PeakMemory("census")
			if err != nil {
				t.Fatal(err)
			}
			peaks = append(peaks, peak)
			then(t)
		}
	}
	befalls := []func(*testing.T){
		strike, tm.come, strike, tm.expire, tm.move, strike, tm.leave, strike, tm.expire, strike, func(*testing.T) {}, func(*testing.T) {},
	}
	for i := range befalls {
		befalls[i] = weigh(befalls[i])
	}
	got := tm.through(t, max(1, n/25_000), befalls...)
	took := time.Since(began)
	listed, fastest, byName := calls()
	t.Logf("%d lists in %s, at most %.1f a second; %d users were asked for by name", listed, took.Round(time.Second), fastest, byName)
	if peak, err := process.PeakMemory("census"); err == nil {
		peaks = append(peaks, peak)
	}
	t.Logf("peak memory on the way: %v", peaks)
	differ(t, want, tm.settle(t, want, got))
	if limit := float64(25) * (1 + 0.1); fastest > limit || byName != 0 || listed < n/47 {
		t.Errorf("%d lists, at most %.1f a second; %d users were asked for by name", listed, fastest, byName)
	}
	if most := slices.Max(peaks); most > 100e6 || most > 2*peaks[0] {
		t.Errorf("memory is not flat: %v", peaks)
	}
	checkChains(t, stack, n)
}

// watchCalls counts what both pools are asked, and returns a function that says how many lists there were, how many a second at most, over
// any 10 seconds, and how many users were asked for by name.
func watchCalls(own *sandbox.Sandbox) func() (listed int, fastest float64, byName int) {
	rules := []fault.Rule{{Kind: fault.Delay, Operation: "ListUsers", Probability: 1}} // which do nothing but count
	for _, other := range []string{"AdminGetUser", "AdminListGroupsForUser", "AdminInitiateAuth"} {
		rules = append(rules, fault.Rule{Kind: fault.Late, Operation: other, Probability: 1})
	}
	own.OldFaults.Set(rules...)
	own.NewFaults.Set(rules...)
	count := func(kind fault.Kind) int { return own.OldFaults.Counts()[kind] + own.NewFaults.Counts()[kind] }
	ctx, stop := context.WithCancel(context.Background())
	var samples []int
	var watching sync.WaitGroup
	const every, window = 100 * time.Millisecond, 10 * time.Second
	watching.Go(func() {
		for tick := time.Tick(every); ctx.Err() == nil; {
			select {
			case <-tick:
				samples = append(samples, count(fault.Delay))
			case <-ctx.Done():
			}
		}
	})
	return func() (listed int, fastest float64, byName int) {
		stop()
		watching.Wait()
		const steps = int(window / every)
		for i := steps; i < len(samples); i++ {
			fastest = max(fastest, float64(samples[i]-samples[i-steps])/window.Seconds())
		}
		return count(fault.Delay), fastest, count(fault.Late)
	}
}

// checkChains holds that no chain of the old pool worked on more than twice its share of the users whose subs are UUIDs.
func checkChains(t *testing.T, stack *sandbox.Stack, n int) {
	t.Helper()
	var state struct {
		Old struct {
			Chains []struct {
				Prefix string
				Counts map[string]int
			}
		}
	}
	if ok, err := store(stack).KeptCensus(t.Context(), dynamo.CensusState, &state); err != nil || !ok {
		t.Fatal(ok, err)
	}
	longest := 0
	for _, c := range state.Old.Chains {
		longest = max(longest, c.Counts["users"])
	}
	t.Logf("the longest of %d chains has %d users, its share is %d", len(state.Old.Chains), longest, n/16)
	if longest > 2*n/16 || longest == 0 {
		t.Errorf("the longest chain has %d of %d users", longest, n)
	}
}

// kill kills the census when it has counted so many users more, and another invocation then goes on with it.
func kill(t *testing.T, own *sandbox.Sandbox, stack *sandbox.Stack, more int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	counted := func() int {
		s, err := askCensus(t, stack, `{"view":"status"}`)
		if err != nil || s.Running == nil {
			t.Fatalf("%+v, %v", s, err)
		}
		return s.Running.Old.Users + s.Running.New.Users
	}
	before := counted()
	for ctx.Err() == nil {
		over := make(chan error, 1)
		go func() {
			_, err := stack.Invoke(ctx, "census", []byte(`{"view":"run"}`))
			over <- err
		}()
		for more > 0 && counted() < before+more && ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
		}
		for ctx.Err() == nil && !own.Lambda.Kill(stack.Name+"-census") {
			time.Sleep(time.Millisecond)
		}
		if err := <-over; err != nil {
			return
		}
	}
	t.Fatal("nobody could be killed")
}
