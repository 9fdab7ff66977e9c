package e2e

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// rebuild has the maintain function rebuild the progress table, in as many calls as it takes.
func rebuild(t *testing.T, stack *sandbox.Stack) fsck.Rebuilt {
	t.Helper()
	for {
		r := query[fsck.Rebuilt](t, stack, "maintain", `{"view":"rebuild"}`)
		if r.Complete {
			return r
		}
	}
}

// isClean holds that verify finds nothing.
func isClean(t *testing.T, stack *sandbox.Stack) ledger.Verification {
	t.Helper()
	v := maintain(t, stack, `{"view":"verify"}`)
	if v.FindingCount > 0 {
		t.Errorf("%d findings: %+v", v.FindingCount, v.Findings)
	}
	return v
}

// The progress table is lost while users sign in: they are served, what could not be recorded waits, and after a rebuild and a replay
// every attempt is there once and every figure is right.
func TestTheProgressTableIsLost(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	var users []cognito.User
	for range 60 {
		users = append(users, newUser(t, nil))
	}
	signInAll := func(users []cognito.User, password string) {
		var wg sync.WaitGroup
		for part := range slices.Chunk(users, 10) {
			wg.Go(func() {
				for _, u := range part {
					if _, failure := invoke(t, stack, event(migration.SignIn, u.Username, password)); failure != "" {
						t.Errorf("%s: %s", u.Username, failure)
					}
				}
			})
		}
		wg.Wait()
	}
	signInAll(users[:40], "Wrong-password-1")

	_, progressTable := tablesOf(stack)
	progressTable.restore(t, nil)
	var wg sync.WaitGroup
	wg.Go(func() { signInAll(users, "Right-password-1") }) // 40 of them are known to the audit table alone
	rebuilt := rebuild(t, stack)
	wg.Wait()
	t.Logf("%+v; %d events waited", rebuilt, len(stack.Spool.Messages()))
	drain(t, stack)

	if n := len(stack.DeadLetters.Messages()); n > 0 {
		t.Errorf("%d events given up", n)
	}
	if v := isClean(t, stack); v.Streams != 60 || v.Records != 60 || v.Events != 100 {
		t.Errorf("%+v, want 60 users and 100 events", v)
	}
	verify(t, stack, users...)
	p := report(t, stack)
	if diff := cmp.Diff(progress.Users{Migrated: 60}, p.Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(progress.Attempts{Migrated: 60, Rejected: 40}, p.Attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

// Whatever was done to the progress table, the rebuild mends it, and does nothing more.
func TestRebuildMendsTheProgressTable(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	s := store(stack)
	subs := attempts(t, s, older, 6)
	attempts(t, s, newer, 6)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	attempts(t, s, today, 2)
	if _, err := fsck.New(s).Close(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	_, tb := tablesOf(stack)
	want := tb.all(t)
	if r := rebuild(t, stack); r.RecordsWritten != 0 || r.TalliesWritten != 0 || r.Streams != 14 || r.Events != 35 {
		t.Errorf("nothing was wrong: %+v", r)
	}
	one := &types.AttributeValueMemberN{Value: "1"}
	record := func(i int) item { return tb.get(t, "user#"+subs[i], "record") }

	tb.remove(t, "user#"+subs[0], "record")
	tb.put(t, with(record(1), item{"version": one}))
	tb.put(t, with(record(2), item{"version": &types.AttributeValueMemberN{Value: "77"}}))
	tb.put(t, with(record(3), item{"version": text("x"), "status": one, "more": one}))
	tb.put(t, with(record(4), item{"attention": text("migrated#0")}))
	unversioned := record(5)
	delete(unversioned, "version")
	tb.put(t, unversioned)
	tb.put(t, with(record(5), item{"pk": text("user#nobody")}))
	tb.put(t, item{"pk": text("x"), "sk": text("y"), "attention": text("migrated#0"), "attention_sort": text("z")})
	for _, it := range want {
		switch sk := value(it, "sk"); {
		case value(it, "pk") == "tally#days" && sk == newerDay, value(it, "pk") == "tally#months":
			tb.remove(t, value(it, "pk"), sk)
		case sk == olderDay:
			tb.put(t, with(it, item{"reoffered": one}))
		case sk == newerDay:
			tb.put(t, with(it, item{"recorded_at": one}))
		case sk == ledger.Day(today):
			tb.remove(t, value(it, "pk"), sk)
		}
	}
	tb.put(t, key("tally#days", "2999-01-01"))
	for _, day := range []string{"2020-01-01", "2999-01-01"} {
		tb.put(t, with(key("tally#07", day), item{"reoffered": one}))
	}

	rebuilt := rebuild(t, stack)
	if rebuilt.RecordsWritten != 7 || rebuilt.TalliesWritten != 5 || rebuilt.BrokenStreams != 0 {
		t.Errorf("%+v, want 7 records and 5 days", rebuilt)
	}
	for _, it := range tb.all(t) {
		if day := value(it, "sk"); strings.HasPrefix(day, "2020") || strings.HasPrefix(day, "2999") {
			t.Errorf("%s of %s is left", value(it, "pk"), day)
		}
	}
	isClean(t, stack)
	if p := report(t, stack); p.Users.Migrated != 7 || p.Users.Blocked != 7 || p.Attempts.Migrated != 7 || p.Attempts.Rejected != 28 {
		t.Errorf("%+v, %+v", p.Users, p.Attempts)
	}
}

// What the events themselves do not bear out is not made up: a broken stream stays as it is, with its record, and is named.
func TestRebuildLeavesBrokenStreams(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	subs := attempts(t, store(stack), newer, 2)
	audit, progress := tablesOf(stack)
	audit.remove(t, subs[1], "0000000002")
	progress.remove(t, "user#"+subs[0], "record")
	want := progress.get(t, "user#"+subs[1], "record")
	if r := rebuild(t, stack); r.BrokenStreams != 1 || r.RecordsWritten != 1 {
		t.Errorf("%+v", r)
	}
	if got := progress.get(t, "user#"+subs[1], "record"); !reflect.DeepEqual(want, got) {
		t.Errorf("the broken stream's record was %v and is %v", want, got)
	}
}

// Records and tallies are lost, and the rebuild is cut short again and again, and then done in small goes, while others write all the time. In the end everything
// is right, as soon as what could not be recorded meanwhile is replayed.
func TestRebuildWhileOthersWrite(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	s := store(stack)
	subs := make([]string, 150)
	const eventsEach = 5
	var group errgroup.Group
	group.SetLimit(8)
	for i := range subs {
		subs[i] = uuid.NewString()
		group.Go(func() error {
			for range eventsEach {
				if _, err := appendWrongPassword(t, s, subs[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	stop := write(t, s, subs)
	_, progress := tablesOf(stack)
	progress.restore(t, nil)
	for i := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+time.Duration(10*(i+1))*time.Millisecond)
		if r, err := fsck.New(s).Rebuild(ctx, time.Now, time.Time{}, false); err == nil {
			t.Errorf("not cut short: %+v", r)
		}
		cancel()
	}
	var rebuilt fsck.Rebuilt
	for n := 1; !rebuilt.Complete; n++ {
		var err error
		if rebuilt, err = fsck.New(s).Rebuild(t.Context(), time.Now, time.Now().Add(time.Duration(n)*20*time.Millisecond), false); err != nil {
			t.Fatal(err)
		}
	}
	written, behind := stop()
	for _, e := range behind {
		group.Go(func() error {
			_, err := ledger.New(s, migration.Windows{}, time.Now).Replay(t.Context(), e)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v; meanwhile %d events written, %d had to wait", rebuilt, written, len(behind))

	if v := isClean(t, stack); v.Streams != len(subs) || v.Events != eventsEach*len(subs)+written+len(behind) {
		t.Errorf("%+v, want %d users and %d events", v, len(subs), eventsEach*len(subs)+written+len(behind))
	}
	users := make([]cognito.User, len(subs))
	for i, sub := range subs {
		users[i].Sub = sub
	}
	verify(t, stack, users...)
}

// intercepted is a store whose calls of DynamoDB pass through f.
func intercepted(stack *sandbox.Stack, f func(ctx context.Context, input any)) *dynamo.Store {
	cfg := sandbox.Config(local.DynamoDB.Endpoint())
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("Intercept", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			f(ctx, in.Parameters)
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	})
	return dynamo.New(cfg, stack.Tables, 10*time.Second)
}

// closedDays writes events of each of the past days, closes them, and returns what a report must have.
func closedDays(t *testing.T, stack *sandbox.Stack, days int) progress.Progress {
	t.Helper()
	writeDays(t, stack, time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days), days, 1)
	if _, err := fsck.New(store(stack)).Close(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	p := report(t, stack)
	if len(p.Days) != days {
		t.Fatalf("%d days, want %d", len(p.Days), days)
	}
	return p
}

func isStill(t *testing.T, stack *sandbox.Stack, want progress.Progress) {
	t.Helper()
	if diff := cmp.Diff(want, report(t, stack), cmpopts.IgnoreFields(progress.Progress{}, "AsOf", "Verification")); diff != "" {
		t.Errorf("the report (-before +after):\n%s", diff)
	}
}

// Days are closed every hour, also while a rebuild writes; whatever comes first, no day is lost to the reports. Neither writes by a read
// that may be stale.
func TestDaysAreClosedInARebuild(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"nothing is wrong": false, "all is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack := deploy(t, nil)
			want := closedDays(t, stack, 40)
			if lost {
				_, progress := tablesOf(stack)
				progress.restore(t, nil)
			}
			writes := 0
			var mu sync.Mutex
			between := intercepted(stack, func(ctx context.Context, input any) {
				mu.Lock()
				defer mu.Unlock()
				if query, ok := input.(*dynamodb.QueryInput); ok && query.IndexName == nil && !aws.ToBool(query.ConsistentRead) {
					t.Errorf("reads %v by what may be stale", query.ExpressionAttributeValues)
				}
				if _, ok := input.(*dynamodb.PutItemInput); ok {
					if writes++; writes%20 == 0 {
						if _, err := fsck.New(store(stack)).Close(ctx, time.Now()); err != nil {
							t.Error(err)
						}
					}
				}
			})
			if _, err := fsck.New(between).Rebuild(t.Context(), time.Now, time.Time{}, false); err != nil {
				t.Fatal(err)
			}
			isClean(t, stack)
			isStill(t, stack, want)
		})
	}
}

// Days are being closed by counts that a rebuild then puts right: the counts from before do not stand in the end, whether the rebuild
// has had to close the day or not.
func TestARebuildWhileDaysAreClosed(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]bool{"closed days are lost": false, "closed days are right": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack := deploy(t, nil)
			want := closedDays(t, stack, 3) // those that a close looks at again
			_, tb := tablesOf(stack)
			for _, it := range tb.all(t) {
				switch pk := value(it, "pk"); {
				case !closed && (pk == "tally#days" || pk == "tally#months"):
					tb.remove(t, pk, value(it, "sk"))
				case strings.HasPrefix(pk, "tally#") && pk != "tally#days" && pk != "tally#months":
					tb.put(t, with(it, item{"reoffered": &types.AttributeValueMemberN{Value: "1"}}))
				}
			}
			rebuilt := false
			closing := intercepted(stack, func(_ context.Context, input any) {
				if _, ok := input.(*dynamodb.PutItemInput); ok && !rebuilt {
					rebuilt = true
					rebuild(t, stack)
				}
			})
			if _, err := fsck.New(closing).Close(t.Context(), time.Now()); err != nil || !rebuilt {
				t.Fatalf("%v, rebuilt %t", err, rebuilt)
			}
			isClean(t, stack)
			isStill(t, stack, want)
		})
	}
}

// What stands among the tallies and does not belong there is named, and a rebuild removes it, be it readable or not.
func TestRebuildRemovesWhatIsNoTally(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	want := closedDays(t, stack, 70)
	day := time.Now().UTC().AddDate(0, 0, -5).Format(time.DateOnly)
	month := time.Now().UTC().AddDate(0, -1, -time.Now().UTC().Day()+1).Format("2006-01")
	count := &types.AttributeValueMemberN{Value: "1"}
	many := item{}
	for i := range 200 {
		many[fmt.Sprintf("kind-%d", i)] = count
	}
	_, tb := tablesOf(stack)
	for _, it := range []item{
		with(key("tally#days", day), item{"recorded_at": text("x")}),
		with(key("tally#days", month+"-09"), many),
		with(key("tally#days", "2999-01-01"), item{"recorded_at": text("x")}),
		with(key("tally#days", month), item{"reoffered": count}),
		with(key("tally#days", month+"-17#1"), item{"reoffered": count}),
		with(key("tally#days", "~~"), item{"reoffered": count}),
		with(key("tally#months", day), item{"reoffered": count}),
		with(key("tally#07", "~~"), item{"reoffered": count}),
		with(key("tally#07", "x"), item{"reoffered": text("x")}),
	} {
		tb.put(t, it)
		named := func(f ledger.Finding) bool {
			return f.Kind == ledger.TallyDiffers && f.Day == value(it, "sk")
		}
		if v := maintain(t, stack, `{"view":"verify"}`); !slices.ContainsFunc(v.Findings, named) {
			t.Errorf("%s, %s is not named: %+v", value(it, "pk"), value(it, "sk"), v.Findings)
		}
	}
	rebuild(t, stack)
	isClean(t, stack)
	isStill(t, stack, want)
}

// Someone loses patience and starts a second rebuild beside the first.
func TestTwoRebuildsAtOnce(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	want := closedDays(t, stack, 40)
	_, tb := tablesOf(stack)
	tb.restore(t, nil)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := fsck.New(store(stack)).Rebuild(t.Context(), time.Now, time.Time{}, true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	isClean(t, stack)
	isStill(t, stack, want)
}

// A function that runs on counts in a later generation than a table that was lost knows of. Its events tell.
func TestRebuildSealsWhatOnlyEventsName(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	warm := store(stack)
	for range 2 { // the first seals the day, and the function goes on in the next generation
		if _, err := appendWrongPassword(t, warm, uuid.NewString()); err != nil {
			t.Fatal(err)
		}
		rebuild(t, stack)
	}
	if _, err := appendWrongPassword(t, warm, uuid.NewString()); err != nil {
		t.Fatal(err)
	}
	_, tb := tablesOf(stack)
	tb.restore(t, nil)
	var once sync.Once
	meanwhile := intercepted(stack, func(_ context.Context, input any) {
		// At the first look at a record the walk is under way, and the event is counted from now on or not at all.
		if _, ok := input.(*dynamodb.BatchGetItemInput); ok {
			once.Do(func() {
				if _, err := appendWrongPassword(t, warm, uuid.NewString()); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if _, err := fsck.New(meanwhile).Rebuild(t.Context(), time.Now, time.Time{}, true); err != nil {
		t.Fatal(err)
	}
	if p := report(t, stack); p.Attempts.Rejected != 4 || p.Users.Attempted != 4 {
		t.Errorf("%+v, %+v, want 4", p.Attempts, p.Users)
	}
}

// After events were removed, a rebuild that was left is not gone on with, and what a verification had found before is not said again.
func TestWhatWasFoundBeforeARebuildIsForgotten(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	s := store(stack)
	subs := attempts(t, s, newer, 500) // more than a batch in each segment of the table
	if _, err := fsck.New(s).Close(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	audit, tb := tablesOf(stack)
	// From the fifth batch of users on nothing is answered, until the time of the call is up.
	var batches atomic.Int32
	slow := func(ctx context.Context, input any) {
		batch, ok := input.(*dynamodb.BatchGetItemInput)
		if ok && batch.RequestItems[stack.Tables.ProgressTable].Keys != nil && batches.Add(1) > 4 {
			<-ctx.Done()
		}
	}
	left, err := fsck.New(intercepted(stack, slow)).Rebuild(t.Context(), time.Now, time.Now().Add(3*time.Second), true)
	if err != nil || left.Complete || left.Streams == 0 {
		t.Fatalf("not left in the middle: %+v, %v", left, err)
	}
	for _, seq := range []string{"0000000001", "0000000002"} {
		audit.remove(t, subs[0], seq)
	}

	for _, sub := range subs[:100] {
		tb.remove(t, "user#"+sub, "record")
	}
	batches.Store(0)
	rebuilt := false
	atWork := intercepted(stack, func(ctx context.Context, input any) {
		slow(ctx, input)
		// What was found so far is about to be kept.
		put, ok := input.(*dynamodb.PutItemInput)
		if ok && value(put.Item, "pk") == "verify" && value(put.Item, "sk") == "state" && put.ConditionExpression != nil {
			rebuilt = true
			query[fsck.Rebuilt](t, stack, "maintain", `{"view":"rebuild","anew":true}`)
		}
	})
	v, err := fsck.New(atWork).Verify(t.Context(), time.Now, time.Now().Add(2*time.Second))
	if err != nil || v.Complete || v.FindingCount == 0 || !rebuilt {
		t.Fatalf("not at work in the middle: %+v, %v", v, err)
	}
	if v := isClean(t, stack); v.Streams != len(subs)-1 {
		t.Errorf("%+v, want %d users", v, len(subs)-1)
	}
}
