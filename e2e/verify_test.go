package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
)

type item = map[string]types.AttributeValue

// table is a table in the hands of someone whom no policy keeps away from it.
type table struct {
	client *dynamodb.Client
	name   string
}

func tablesOf(stack *sandbox.Stack) (audit, progress table) {
	client := stack.Sandbox().DynamoDBClient()
	return table{client, stack.Tables.AuditTable}, table{client, stack.Tables.ProgressTable}
}

func key(pk, sk string) item {
	return item{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func (tb table) get(t *testing.T, pk, sk string) item {
	t.Helper()
	out, err := tb.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &tb.name, Key: key(pk, sk), ConsistentRead: aws.Bool(true)})
	if err != nil || out.Item == nil {
		t.Fatalf("%s, %s: %v, %v", pk, sk, out, err)
	}
	return out.Item
}

func (tb table) put(t *testing.T, it item) {
	t.Helper()
	if _, err := tb.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &tb.name, Item: it}); err != nil {
		t.Fatal(err)
	}
}

func (tb table) remove(t *testing.T, pk, sk string) {
	t.Helper()
	if _, err := tb.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &tb.name, Key: key(pk, sk)}); err != nil {
		t.Fatal(err)
	}
}

// all returns every item of the table.
func (tb table) all(t *testing.T) []item {
	t.Helper()
	var items []item
	for pages := dynamodb.NewScanPaginator(tb.client, &dynamodb.ScanInput{TableName: &tb.name, ConsistentRead: aws.Bool(true)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, page.Items...)
	}
	return items
}

// restore makes the table hold these items and no others.
func (tb table) restore(t *testing.T, items []item) {
	t.Helper()
	same := func(a item) func(item) bool { return func(b item) bool { return reflect.DeepEqual(a, b) } }
	for _, it := range tb.all(t) {
		if !slices.ContainsFunc(items, same(it)) {
			tb.remove(t, value(it, "pk"), value(it, "sk"))
		}
	}
	now := tb.all(t)
	for _, it := range items {
		if !slices.ContainsFunc(now, same(it)) {
			tb.put(t, it)
		}
	}
}

// with returns the item with some attributes changed.
func with(it item, change item) item {
	changed := maps.Clone(it)
	maps.Copy(changed, change)
	return changed
}

// attempts writes attempts of new users, one event a minute of each: a wrong password, a challenge, and for every other user a
// success. Its ledger's clock stands on the given day, and is past that day's last hour.
func attempts(t *testing.T, s ledger.Store, day time.Time, users int) (subs []string) {
	t.Helper()
	now := day
	l := ledger.New(s, migration.Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}, func() time.Time { return now })
	for i := range users {
		subs = append(subs, uuid.NewString())
		events := []migration.Event{
			{Outcome: migration.Rejected, Reason: migration.WrongPassword},
			{Outcome: migration.Rejected, Reason: migration.ChallengeRequired, Challenge: "SMS_MFA", Factors: []string{"SMS_MFA"}},
			{Trigger: migration.ForgotPassword, Outcome: migration.Migrated},
		}
		for j, e := range events[:2+i%2] {
			now = day.Add(time.Duration(3*i+j) * time.Minute)
			e.Schema, e.ID, e.Sub, e.Kind, e.At = migration.Schema, ulid.Make().String(), subs[i], migration.Attempt, now
			e.Trigger = migration.SignIn
			if _, err := l.Append(t.Context(), e.Sub, func(migration.Record) migration.Event { return e }); err != nil {
				t.Fatal(err)
			}
		}
	}
	return subs
}

func maintain(t *testing.T, stack *sandbox.Stack, request string) ledger.Verification {
	t.Helper()
	for {
		v := query[ledger.Verification](t, stack, "maintain", request)
		if v.Complete {
			return v
		}
	}
}

// older and newer are days that are closed; of the older, the whole month is.
var (
	started = time.Now().UTC()
	older   = time.Date(started.Year(), started.Month()-2, 17, 9, 0, 0, 0, time.UTC)
	newer   = time.Date(started.Year(), started.Month()-1, 14, 9, 0, 0, 0, time.UTC)

	olderDay, newerDay, olderMonth = ledger.Day(older), ledger.Day(newer), older.Format("2006-01")
)

// Whatever is done to the tables past their policies, verify names it, and where.
func TestVerifyNamesEveryTampering(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	subs := attempts(t, store(stack), older, 4)
	subs = append(subs, attempts(t, store(stack), newer, 4)...)
	if _, err := fsck.New(store(stack)).Close(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if v := maintain(t, stack, `{"view":"verify"}`); v.FindingCount != 0 || v.Streams != 8 || v.Events != 20 || v.Records != 8 {
		t.Fatalf("before anything was done: %+v", v)
	}
	audit, progress := tablesOf(stack)
	blocked, migrated := subs[0], subs[1]
	second := func(sub string) item { return audit.get(t, sub, "0000000002") }
	record := func(sub string) item { return progress.get(t, "user#"+sub, "record") }
	shard := func(day string) item {
		for _, it := range progress.all(t) {
			if pk, sk := value(it, "pk"), value(it, "sk"); strings.HasPrefix(pk, "tally#") && sk == day && len(pk) == len("tally#00") {
				return it
			}
		}
		t.Fatalf("no tally of %s", day)
		return nil
	}
	one := &types.AttributeValueMemberN{Value: "1"}

	for name, tt := range map[string]struct {
		tamper func()
		want   ledger.FindingKind
		where  string // the user's sub, or the tally's period
	}{
		"an event deleted in the middle": {func() { audit.remove(t, migrated, "0000000002") }, ledger.Gap, migrated},
		"the first event deleted":        {func() { audit.remove(t, migrated, "0000000001") }, ledger.Gap, migrated},
		"the newest event deleted":       {func() { audit.remove(t, migrated, "0000000003") }, ledger.RecordDiffers, migrated},
		"a whole stream deleted": {func() {
			audit.remove(t, blocked, "0000000001")
			audit.remove(t, blocked, "0000000002")
		}, ledger.StreamMissing, blocked},
		"two events swapped": {func() {
			one, two := audit.get(t, migrated, "0000000001"), second(migrated)
			audit.put(t, with(one, item{"sk": two["sk"]}))
			audit.put(t, with(two, item{"sk": one["sk"]}))
		}, ledger.AlteredEvent, migrated},
		"two events swapped, with their numbers": {func() {
			one, two := audit.get(t, migrated, "0000000001"), second(migrated)
			audit.put(t, with(one, item{"sk": two["sk"], "seq": two["seq"]}))
			audit.put(t, with(two, item{"sk": one["sk"], "seq": one["seq"]}))
		}, ledger.AlteredEvent, migrated},
		"an event inserted": {func() { audit.put(t, with(second(migrated), item{"sk": text("0000000002+")})) }, ledger.AlteredEvent, migrated},
		"an event appended": {func() { audit.put(t, with(second(migrated), item{"sk": text("0000000004")})) }, ledger.BrokenChain, migrated},
		"a stream copied":   {func() { audit.put(t, with(second(migrated), item{"pk": text("copy")})) }, ledger.ForeignEvent, "copy"},
		"a whole stream copied": {func() {
			for _, seq := range []string{"0000000001", "0000000002", "0000000003"} {
				audit.put(t, with(audit.get(t, migrated, seq), item{"pk": text("copy")}))
			}
		}, ledger.ForeignEvent, "copy"},
		"a whole stream copied, with its record": {func() {
			for _, seq := range []string{"0000000001", "0000000002", "0000000003"} {
				audit.put(t, with(audit.get(t, migrated, seq), item{"pk": text("copy"), "sub": text("copy")}))
			}
			progress.put(t, with(record(migrated), item{"pk": text("user#copy"), "sub": text("copy")}))
		}, ledger.AlteredEvent, "copy"},
		"an event moved":       {func() { audit.put(t, with(second(migrated), item{"pk": text(blocked)})) }, ledger.ForeignEvent, blocked},
		"an event sealed anew": {func() { audit.put(t, resealed(t, stack, migrated)) }, ledger.BrokenChain, migrated},
		"an event in another tally": {
			func() { audit.put(t, with(second(migrated), item{"tally": text(olderDay + "#1")})) }, ledger.TallyDiffers, olderDay,
		},

		"a record deleted": {func() { progress.remove(t, "user#"+migrated, "record") }, ledger.RecordMissing, migrated},
		"a record of nobody": {func() {
			progress.put(t, with(record(migrated), item{"pk": text("user#nobody"), "sub": text("nobody")}))
		}, ledger.StreamMissing, "nobody"},
		"a record promoted": {func() { progress.put(t, with(record(blocked), item{"status": text("confirmed")})) }, ledger.RecordDiffers, blocked},
		"a record damaged":  {func() { progress.put(t, with(record(blocked), item{"since": one})) }, ledger.RecordDiffers, blocked},

		"an entry of the index moved": {
			func() { progress.put(t, with(record(blocked), item{"attention": text("migrated#0")})) }, ledger.AttentionDiffers, blocked,
		},
		"an entry of the index removed": {func() {
			r := record(blocked)
			delete(r, "attention")
			progress.put(t, r)
		}, ledger.AttentionDiffers, blocked},
		"an entry too many in the index": {func() {
			progress.put(t, item{"pk": text("x"), "sk": text("y"), "attention": text("migrated#0"), "attention_sort": text("z")})
		}, ledger.AttentionDiffers, ""},

		"a tally counted up": {func() { progress.put(t, with(shard(olderDay), item{"reoffered": one})) }, ledger.TallyDiffers, olderDay},
		"a tally damaged":    {func() { progress.put(t, with(shard(olderDay), item{"recorded_at": text("x")})) }, ledger.TallyDiffers, olderDay},
		"a tally dated back": {
			func() { progress.put(t, with(shard(olderDay), item{"recorded_at": text("2020-01-01T00:00:00Z")})) }, ledger.TallyDiffers, olderDay,
		},
		"a tally dated to the day's end": {
			func() { progress.put(t, with(shard(olderDay), item{"recorded_at": text(olderDay + "T23:59:59Z")})) }, ledger.TallyDiffers, olderDay,
		},
		"a tally with more than counts": {
			func() { progress.put(t, with(shard(olderDay), item{"more": text("x")})) }, ledger.TallyDiffers, olderDay,
		},
		"a tally deleted":       {func() { progress.remove(t, value(shard(newerDay), "pk"), newerDay) }, ledger.TallyDiffers, newerDay},
		"a tally of an old day": {func() { progress.put(t, with(shard(olderDay), item{"sk": text("2020-01-01")})) }, ledger.TallyDiffers, "2020-01-01"},
		"a tally of a day to come": {
			func() { progress.put(t, with(shard(olderDay), item{"sk": text("2999-01-01")})) }, ledger.TallyDiffers, "2999-01-01",
		},
		"a closed day counted up": {func() {
			progress.put(t, with(progress.get(t, "tally#days", newerDay), item{"reoffered": one}))
		}, ledger.TallyDiffers, newerDay},
		"a closed day dated back": {func() {
			progress.put(t, with(progress.get(t, "tally#days", newerDay), item{"recorded_at": text("2020-01-01T00:00:00Z")}))
		}, ledger.TallyDiffers, newerDay},
		"a closed day deleted":   {func() { progress.remove(t, "tally#days", newerDay) }, ledger.TallyDiffers, newerDay},
		"a day closed too early": {func() { progress.put(t, key("tally#days", "2999-01-01")) }, ledger.TallyDiffers, "2999-01-01"},
		"a closed month deleted": {func() { progress.remove(t, "tally#months", olderMonth) }, ledger.TallyDiffers, olderMonth},
		"a closed month emptied": {func() { progress.put(t, key("tally#months", olderMonth)) }, ledger.TallyDiffers, olderMonth},
		"a closed month's days forged": {func() {
			progress.put(t, with(progress.get(t, "tally#months", olderMonth), item{"days": &types.AttributeValueMemberM{Value: item{}}}))
		}, ledger.TallyDiffers, olderMonth},
	} {
		t.Run(name, func(t *testing.T) {
			before := [][]item{audit.all(t), progress.all(t)}
			tt.tamper()
			v := maintain(t, stack, `{"view":"verify"}`)
			named := func(f ledger.Finding) bool { return f.Kind == tt.want && f.Sub+f.Day == tt.where }
			if !slices.ContainsFunc(v.Findings, named) || v.FindingCount != len(v.Findings) {
				t.Errorf("want %s of %q: %+v", tt.want, tt.where, v)
			}
			audit.restore(t, before[0])
			progress.restore(t, before[1])
		})
	}
	if v := maintain(t, stack, `{"view":"verify"}`); v.FindingCount != 0 {
		t.Errorf("after everything was undone: %+v", v)
	}
}

func value(it item, name string) string {
	s, _ := it[name].(*types.AttributeValueMemberS)
	return s.Value
}

// resealed is the user's second event as a forger who knows the format would leave it: changed, and its hash made again.
func resealed(t *testing.T, stack *sandbox.Stack, sub string) item {
	t.Helper()
	stream, err := store(stack).Stream(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	stream[1].RequestID = "forged"
	hash, err := ledger.Hash(stream[1])
	if err != nil {
		t.Fatal(err)
	}
	audit, _ := tablesOf(stack)
	return with(audit.get(t, sub, "0000000002"), item{"request_id": text("forged"), "hash": text(hash)})
}

// Every attribute of an event and of a record, altered in the tables themselves: asked about the user, verify names it. (Every bit of
// them is altered where the items are judged, in pkg/ledger/dynamo.)
func TestVerifyNamesEveryAlteredAttribute(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	sub := attempts(t, store(stack), newer, 2)[1]
	audit, progress := tablesOf(stack)
	request := fmt.Sprintf(`{"view":"verify","sub":%q}`, sub)
	check := func(tb table, it item, kinds ...ledger.FindingKind) {
		for name := range it {
			if name == "pk" || name == "sk" {
				continue
			}
			tb.put(t, with(it, item{name: text("altered")}))
			v := maintain(t, stack, request)
			named := func(f ledger.Finding) bool { return f.Sub == sub && slices.Contains(kinds, f.Kind) }
			if !slices.ContainsFunc(v.Findings, named) {
				t.Errorf("%s altered: %+v", name, v)
			}
		}
		tb.put(t, it)
	}
	for seq := range 3 {
		check(audit, audit.get(t, sub, fmt.Sprintf("%010d", seq+1)), ledger.AlteredEvent, ledger.ForeignEvent)
	}
	check(progress, progress.get(t, "user#"+sub, "record"), ledger.RecordDiffers, ledger.AttentionDiffers)
	if v := maintain(t, stack, request); v.FindingCount != 0 || v.Streams != 1 || v.Events != 3 {
		t.Errorf("after everything was undone: %+v", v)
	}
}

// One day: its users, all their events, its tally; and nothing of other days.
func TestVerifyOneDay(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	other := attempts(t, store(stack), older, 2)[1]
	sub := attempts(t, store(stack), newer, 3)[1]
	audit, progress := tablesOf(stack)
	request := fmt.Sprintf(`{"view":"verify","day":%q}`, newerDay)
	clean := maintain(t, stack, request)
	if clean.FindingCount != 0 || clean.Streams != 3 || clean.Events != 7 || clean.Tallies != 1 {
		t.Errorf("%+v", clean)
	}
	audit.remove(t, other, "0000000002")
	audit.remove(t, sub, "0000000002")
	progress.put(t, item{"pk": text("tally#07"), "sk": text(newerDay + "#1"), "reoffered": &types.AttributeValueMemberN{Value: "3"}})
	v := maintain(t, stack, request)
	for _, f := range v.Findings {
		if f.Sub != sub && f.Day != newerDay {
			t.Errorf("not of that day: %+v", f)
		}
	}
	for _, want := range []ledger.FindingKind{ledger.Gap, ledger.TallyDiffers} {
		if !slices.ContainsFunc(v.Findings, func(f ledger.Finding) bool { return f.Kind == want }) {
			t.Errorf("no %s: %+v", want, v)
		}
	}
}

// A verification that is done in slices comes to the same as one that is done at once, and its result stays to be shown.
func TestVerifyInSlices(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	s := store(stack)
	attempts(t, s, newer, 250)
	_, progress := tablesOf(stack)
	progress.put(t, item{"pk": text("tally#07"), "sk": text(newerDay), "reoffered": &types.AttributeValueMemberN{Value: "1"}})
	progress.remove(t, "user#"+attempts(t, s, older, 1)[0], "record")

	whole, err := fsck.New(s).Verify(t.Context(), time.Now, time.Time{})
	if err != nil || !whole.Complete || whole.Streams != 251 || whole.FindingCount < 2 {
		t.Fatalf("%+v, %v", whole, err)
	}
	goes, sliced := 0, ledger.Verification{}
	for ; !sliced.Complete; goes++ { // each a little longer, so that it comes to an end on any machine
		until := time.Now().Add(time.Duration(goes+1) * 20 * time.Millisecond)
		if sliced, err = fsck.New(s).Verify(t.Context(), time.Now, until); err != nil {
			t.Fatalf("after %d goes: %+v, %v", goes, sliced, err)
		}
		if shown, err := s.Verification(t.Context()); err != nil || !shown.Complete {
			t.Fatalf("the last result is hidden by a run under way: %+v, %v", shown, err)
		}
	}
	t.Logf("%d goes", goes)
	if shown, err := s.Verification(t.Context()); err != nil || !shown.StartedAt.Equal(sliced.StartedAt) {
		t.Errorf("%+v, %v: not the last", shown, err)
	}
	if goes < 2 || sliced.Streams != whole.Streams || sliced.Events != whole.Events || sliced.Records != whole.Records ||
		sliced.Tallies != whole.Tallies || sliced.FindingCount != whole.FindingCount {
		t.Errorf("in %d goes %+v; at once %+v", goes, sliced, whole)
	}
}

// A user who signs in during a verification causes no finding.
func TestVerifyWhileOthersWrite(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	s := store(stack)
	subs := make([]string, 300)
	for i := range subs {
		subs[i] = uuid.NewString()
	}
	stop := write(t, s, subs)
	for range 10 {
		v, err := fsck.New(s).Verify(t.Context(), time.Now, time.Time{})
		if err != nil || v.FindingCount != 0 {
			t.Errorf("%+v, %v", v, err)
		}
	}
	if v, err := fsck.New(s).VerifyDay(t.Context(), ledger.Day(time.Now()), time.Now); err != nil || v.FindingCount != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	written, _ := stop()
	t.Logf("%d events written meanwhile", written)
}

// write has four writers append wrong passwords of the users, in turn, until it is stopped. Stop returns how many were written, and
// the events for which the record was behind its stream: the trigger would have sent them to the spool.
func write(t *testing.T, s ledger.Store, subs []string) (stop func() (written int, behind []migration.Event)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	written, behind := 0, []migration.Event(nil)
	for i := range 4 {
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n += 7 {
				e, err := appendWrongPassword(t, s, subs[n%len(subs)])
				mu.Lock()
				switch {
				case err == nil:
					written++
				case errors.Is(err, ledger.ErrBehind):
					behind = append(behind, e)
				default:
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []migration.Event) {
		cancel()
		wg.Wait()
		return written, behind
	}
}

// appendWrongPassword appends an event that is no repeat of any.
func appendWrongPassword(t *testing.T, s ledger.Store, sub string) (migration.Event, error) {
	e := migration.Event{
		Schema: migration.Schema, ID: ulid.Make().String(), Sub: sub, Kind: migration.Attempt, At: migration.Millis(time.Now()),
		Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.WrongPassword,
	}
	// Without a window an event repeats only one of the same millisecond.
	for {
		appended, err := ledger.New(s, migration.Windows{}, time.Now).Append(t.Context(), sub, func(migration.Record) migration.Event { return e })
		if err != nil || !appended.Repeat {
			return e, err
		}
		e.At = e.At.Add(time.Millisecond)
	}
}
