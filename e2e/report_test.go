package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
	reporting "github.com/cognito-user-migration/cognito-user-migration/pkg/report"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// mixed has some users do what users do, and returns them.
func mixed(t *testing.T, stack *sandbox.Stack) []cognito.User {
	t.Helper()
	var users []cognito.User
	for _, tt := range []struct {
		change   func(*cognito.User)
		password string
	}{{}, {}, {password: wrong}, {change: disabled}, {change: withFactors("SMS_MFA")}} {
		u := newUser(t, tt.change)
		users = append(users, u)
		password := u.Password
		if tt.password != "" {
			password = tt.password
		}
		invoke(t, stack, event(migration.SignIn, u.Username, password))
	}
	return users
}

// The gauges are the progress, by the names that the dashboard looks for.
func TestGauges(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	mixed(t, stack)
	send(t, stack, "a message that cannot be replayed")
	if _, err := stack.Invoke(t.Context(), "report", []byte(`{"view":"gauges"}`)); err != nil {
		t.Fatal(err)
	}
	type gauge struct {
		name, dimension, unit string
	}
	got := map[gauge]float64{}
	for _, d := range local.CloudWatch.Data(stack.Namespace()) {
		g := gauge{name: d.Name, unit: d.Unit}
		for _, name := range slices.Sorted(maps.Keys(d.Dimensions)) {
			g.dimension += name + "=" + d.Dimensions[name]
		}
		if strings.HasSuffix(d.Name, "Age") {
			if d.Value < 0 || d.Value > 60 {
				t.Errorf("%s is %f seconds", d.Name, d.Value)
			}
			d.Value = 0
		}
		got[g] = d.Value
	}
	want := map[gauge]float64{
		{"Users", "Status=attempted", "Count"}: 1, {"Users", "Status=blocked", "Count"}: 2,
		{"Users", "Status=migrated", "Count"}: 2, {"Users", "Status=confirmed", "Count"}: 0,
		{"BlockedUsers", "Reason=disabled", "Count"}: 1, {"BlockedUsers", "Reason=challenge", "Count"}: 1,
		{"OldestBlockedAge", "", "Seconds"}: 0, {"OldestUnconfirmedAge", "", "Seconds"}: 0, {"LastEventAge", "", "Seconds"}: 0,
		{"SpoolDepth", "", "Count"}: 1, {"DeadLetterDepth", "", "Count"}: 0,
		{"Ready", "", "Count"}: 0, {"ReadyLost", "", "Count"}: 0,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(gauge{})); diff != "" {
		t.Errorf("gauges (-want +got):\n%s", diff)
	}
}

// The progress says who has waited longest, and what is in the queues; if they can't be asked it says that.
func TestProgressHealth(t *testing.T) {
	stack := deploy(t, nil)
	began := time.Now().Add(-time.Second)
	mixed(t, stack)
	p := report(t, stack)
	if p.Unconfirmed.Users != 2 || p.Unconfirmed.Oldest == nil || p.Unconfirmed.Oldest.Before(began) {
		t.Errorf("unconfirmed: %+v", p.Unconfirmed)
	}
	for _, b := range p.Blocked {
		if b.Users != 1 || b.Oldest == nil || b.Oldest.Before(began) {
			t.Errorf("blocked: %+v", b)
		}
	}
	if p.Spool == nil || *p.Spool != (progress.Spool{}) || p.LastActivity == nil || p.LastActivity.Before(began) {
		t.Errorf("spool %+v, last activity %v", p.Spool, p.LastActivity)
	}
	if p.Verification != nil {
		t.Errorf("verified before anyone did: %+v", p.Verification)
	}
	query[ledger.Verification](t, stack, "maintain", `{"view":"verify"}`)
	if v := report(t, stack).Verification; v == nil || v.Users != 5 || v.Events != 5 || v.Findings != 0 || v.FinishedAt.Before(began) {
		t.Errorf("verification: %+v", v)
	}
	outage{rule: fault.Rule{Kind: fault.Error, Exception: fault.Exception{Status: http.StatusBadRequest, Type: "AccessDenied"}}}.strike(t, local.SQSFaults)
	if p := report(t, stack); p.Spool != nil || p.Users.Migrated != 2 {
		t.Errorf("with the queues out of reach: spool %+v, users %+v", p.Spool, p.Users)
	}
}

// The widget answers describe, and static HTML in the dashboard's theme.
func TestWidget(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	mixed(t, stack)
	described := query[map[string]string](t, stack, "report", `{"describe":true,"widgetContext":{"theme":"light"}}`)
	if !strings.Contains(described["markdown"], "Progress") {
		t.Errorf("describe: %v", described)
	}
	for _, theme := range []string{"light", "dark"} {
		html := query[string](t, stack, "report", fmt.Sprintf(`{"view":"html","widgetContext":{"theme":%q,"width":588}}`, theme))
		for _, want := range []string{"INCONCLUSIVE", "2 of 5 users who came have moved", `cwdb-no-default-styles ` + theme + `"`} {
			if !strings.Contains(html, want) {
				t.Errorf("%s: %q is missing", theme, want)
			}
		}
		for _, unwanted := range []string{"<script", "<html", "javascript:", " onload", "http://", "<iframe"} {
			if strings.Contains(strings.ReplaceAll(html, "http://www.w3.org/", ""), unwanted) {
				t.Errorf("%s: holds %q", theme, unwanted)
			}
		}
	}
}

func TestReportNamesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	for function, requests := range map[string][]string{
		"report":   {`{"view":"weather"}`, `[]`},
		"inspect":  {`{"view":"weather"}`, `{"view":"user"}`, `{"view":"user","sub":"a","username":"b"}`, `[]`, `{}`},
		"maintain": {`{"view":"weather"}`, `{}`, `[]`},
	} {
		for _, request := range requests {
			_, err := stack.Invoke(t.Context(), function, []byte(request))
			if err == nil || !strings.Contains(errorMessage(t, err), `allowed is {"view":`) {
				t.Errorf("%s %s: %v", function, request, err)
			}
		}
	}
}

// writeDays writes events as if they had been recorded on many days.
func writeDays(t *testing.T, stack *sandbox.Stack, first time.Time, days, usersPerDay int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var group errgroup.Group
	group.SetLimit(16)
	for day := range days {
		for range usersPerDay {
			at := first.AddDate(0, 0, day).Add(time.Duration(random.IntN(86_400)) * time.Second)
			wrongFirst := random.IntN(3) == 0
			sub := fmt.Sprintf("%08d-1111-4222-8333-444455556666", names.Add(1))
			group.Go(func() error {
				l := ledger.New(store(stack), migration.Windows{}, func() time.Time { return at })
				if wrongFirst {
					if err := appendEvent(t.Context(), l, sub, migration.Event{At: at, Outcome: migration.Rejected, Reason: migration.WrongPassword}); err != nil {
						return err
					}
				}
				return appendEvent(t.Context(), l, sub, migration.Event{At: at, Outcome: migration.Migrated})
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func appendEvent(ctx context.Context, l *ledger.Ledger, sub string, e migration.Event) error {
	e.Kind, e.Trigger, e.ID = migration.Attempt, migration.SignIn, fmt.Sprint(names.Add(1))
	_, err := l.Append(ctx, sub, func(migration.Record) migration.Event { return e })
	return err
}

// Days that are over are closed into one item each, and months into another, without changing any figure: late, twice, at the same
// time, and when a day turns out to have been closed too early.
func TestClosingDays(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	s := store(stack)
	first := time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	writeDays(t, stack, first, 15, 4)
	writeDays(t, stack, first.AddDate(0, 0, 50), 3, 4) // after a month and more of silence
	figures := func() progress.Progress {
		tallies, err := s.Tallies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return progress.From(tallies, first)
	}
	want := figures()
	if want.Users.Migrated != 18*4 || len(want.Days) != 18 {
		t.Fatalf("%+v", want)
	}
	closeAt := func(now time.Time) []string {
		closed, err := fsck.New(s).Close(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, figures()); diff != "" {
			t.Errorf("figures after closing at %s (-before +after):\n%s", now, diff)
		}
		return closed
	}
	if closed := closeAt(first.AddDate(0, 0, 1).Add(59 * time.Minute)); closed != nil {
		t.Errorf("closed %v less than an hour after the first day's end", closed)
	}
	if diff := cmp.Diff([]string{"2026-01-20"}, closeAt(first.AddDate(0, 0, 1).Add(time.Hour))); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
	if closed := closeAt(first.AddDate(0, 0, 1).Add(2 * time.Hour)); closed != nil {
		t.Errorf("closed %v twice", closed)
	}
	var group errgroup.Group
	for range 3 {
		group.Go(func() error {
			_, err := fsck.New(s).Close(t.Context(), first.AddDate(0, 0, 20))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if closed := closeAt(first.AddDate(0, 0, 20)); closed != nil {
		t.Errorf("closed %v again", closed)
	}
	// A writer whose clock is wrong adds to a day that is closed: the next run mends it, until the day is three days back.
	writeDays(t, stack, first.AddDate(0, 0, 18), 1, 1)
	if closed, err := fsck.New(s).Close(t.Context(), first.AddDate(0, 0, 20)); err != nil || !slices.Contains(closed, "2026-02-07") {
		t.Errorf("%v, %v", closed, err)
	}
	want = figures()
	if want.Users.Migrated != 18*4+1 {
		t.Errorf("%+v", want.Users)
	}
	closed := closeAt(first.AddDate(0, 5, 0))
	for _, month := range []string{"2026-02", "2026-03", "2026-04", "2026-05"} {
		if !slices.Contains(closed, month) {
			t.Errorf("%s is not closed: %v", month, closed)
		}
	}
	// The function does the same.
	query[map[string][]string](t, stack, "maintain", `{"view":"close"}`)
	if diff := cmp.Diff(want, figures()); diff != "" {
		t.Errorf("figures in the end (-before +after):\n%s", diff)
	}
}

// Two years and a million users, with a census and a probe each day, cost a report few reads.
func TestReportStaysCheap(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	const days, users = 2 * 365, 1_000_000
	first := today.AddDate(0, 0, -days)
	countDays(t, stack.Tables.ProgressTable, first, today, users)
	if _, err := fsck.New(store(stack)).Close(t.Context(), today.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	writeDays(t, stack, today, 1, 50) // not closed yet
	countProbes(t, stack, first, days)
	countCensuses(t, stack, first, days, users)

	c := newCalls()
	cfg := sandbox.Config(local.DynamoDB.Endpoint())
	cfg.APIOptions = append(cfg.APIOptions, c.count)
	var declared reporting.Declared
	if err := config.Parse(&declared, []string{"TOLERANCE=100", "OPENED=" + first.Format(time.DateOnly)}); err != nil {
		t.Fatal(err)
	}
	collector := reporting.NewCollector(dynamo.New(cfg, stack.Tables, 10*time.Second), declared, probe.Config{}, empty{}, empty{}, slog.New(slog.DiscardHandler))
	r, err := collector.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Users.Seen() != users+50 || len(r.Days) < days || len(r.Remaining) != days || r.Census == nil || r.Readiness.Evidence.Probed.OK != days {
		t.Errorf("%+v on %d days, %d censuses, %+v", r.Users, len(r.Days), len(r.Remaining), r.Readiness.Evidence)
	}
	units := c.units[stack.Tables.ProgressTable] + c.units["attention"]
	t.Logf("%.1f read units", units)
	if units == 0 || units > 100 {
		t.Errorf("%.1f read units, want at most 100", units)
	}
}

// empty is a queue without messages.
type empty struct{}

func (empty) Depth(context.Context) (int, error) { return 0, nil }

// countCensuses lays down what the censuses of many days counted.
func countCensuses(t *testing.T, stack *sandbox.Stack, first time.Time, days, users int) {
	t.Helper()
	var s journal.State
	for i := range days {
		s.Counts = append(s.Counts, journal.Count{Day: ledger.Day(first.AddDate(0, 0, i)), Users: users, Remaining: users - i*users/days})
	}
	origin := migration.Origin{ID: fmt.Sprint(names.Add(1)), At: time.Now()}
	if _, err := journal.Append(t.Context(), store(stack), s, origin, journal.Verdict, readiness.Decision{Verdict: readiness.NotReady}); err != nil {
		t.Fatal(err)
	}
	result := census.Result{StartedAt: time.Now(), FinishedAt: time.Now(), Complete: true, Old: census.OldPool{Counted: census.Counted{Users: users}}}
	if err := store(stack).KeepCensus(t.Context(), dynamo.CensusResult, result); err != nil {
		t.Fatal(err)
	}
}

// A month that an earlier version closed lacks some figures of its days: that is no finding, and closing days adds them.
func TestMonthsOfEarlierVersions(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	_, table := tablesOf(stack)
	checker := fsck.New(store(stack))
	first := time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	writeDays(t, stack, first, 15, 2)
	if _, err := checker.Close(t.Context(), first.AddDate(0, 0, 20)); err != nil {
		t.Fatal(err)
	}
	written := table.get(t, "tally#months", "2026-01")
	earlier := table.get(t, "tally#months", "2026-01")
	for _, day := range earlier["days"].(*types.AttributeValueMemberM).Value {
		for _, figure := range []string{"came", "blocked", "released"} {
			delete(day.(*types.AttributeValueMemberM).Value, figure)
		}
	}
	table.put(t, earlier)
	isClean(t, stack)
	if closed, err := checker.Close(t.Context(), first.AddDate(0, 0, 20)); err != nil || !slices.Equal(closed, []string{"2026-01"}) {
		t.Errorf("closed %v, %v", closed, err)
	}
	if diff := cmp.Diff(written, table.get(t, "tally#months", "2026-01"), cmpopts.IgnoreUnexported(types.AttributeValueMemberM{}, types.AttributeValueMemberN{}, types.AttributeValueMemberS{})); diff != "" {
		t.Errorf("the month (-want +got):\n%s", diff)
	}
}

// countDays lays down the tallies of many days, with the counters of a migration that has met most reasons.
func countDays(t *testing.T, table string, from, to time.Time, users int) {
	t.Helper()
	days := int(to.Sub(from) / (24 * time.Hour))
	client := local.DynamoDBClient()
	var group errgroup.Group
	group.SetLimit(16)
	for i := range days {
		day := from.AddDate(0, 0, i)
		n := users / days
		if i < users%days {
			n++
		}
		item := map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("tally#%02d", i%32)}, "sk": &types.AttributeValueMemberS{Value: ledger.Day(day)},
			"recorded_at": &types.AttributeValueMemberS{Value: day.Format(time.RFC3339Nano)},
		}
		counters := migration.Counters{"Authentication.migrated": n, "ForgotPassword.migrated": n / 9, "reoffered": n / 100, "+migrated": n}
		for _, reason := range []migration.Reason{
			migration.WrongPassword, migration.TooManyAttempts, migration.Disabled, migration.Unconfirmed, migration.PasswordResetRequired,
			migration.ExternalProvider, migration.NoVerifiedContact, migration.OldPoolTrigger, migration.Throttled, migration.Timeout,
		} {
			counters["Authentication."+string(reason.Outcome())+"."+string(reason)] = n / 10
			counters["ForgotPassword."+string(reason.Outcome())+"."+string(reason)] = n / 20
		}
		for _, challenge := range []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA", "NEW_PASSWORD_REQUIRED"} {
			counters["Authentication.rejected.challenge."+challenge] = n / 5
			counters["+blocked.challenge."+challenge], counters["-blocked.challenge."+challenge] = n/5, n/5
		}
		for name, n := range counters {
			item[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
		}
		group.Go(func() error {
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}
