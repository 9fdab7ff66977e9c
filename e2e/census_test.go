package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// polled is a sandbox of the test's own: a census counts all users of the pools.
func polled(t *testing.T) (*sandbox.Sandbox, *sandbox.Stack) {
	t.Helper()
	own, err := sandbox.Start(t.Context(), 1, output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	stack, err := own.Deploy(t.Context(), unique("stack"), map[string]string{"ATTRIBUTES": link + "=sub", "CENSUS_RATE": "25"})
	if err != nil {
		t.Fatal(err)
	}
	return own, stack
}

// styledSub is a sub as pools have them: an old one, a new one, whose every second digit is constant, or one that is no UUID.
func styledSub(i int) string {
	digit := func(n int) byte { return "0123456789abcdef"[i*2654435761>>n%28&15] }
	switch i % 3 {
	case 0:
		return fmt.Sprintf("%c%c%06x-1111-4222-8333-%012x", digit(4), digit(8), i*7919%(1<<24), i)
	case 1:
		return fmt.Sprintf("%c4%c8%c458-5041-70a1-8333-%012x", digit(4), digit(8), digit(12), i)
	default:
		return fmt.Sprintf("%cser/%d", "uU~"[i/3%3], i)
	}
}

// laidDown are the users of the old pool, each of one of the kinds that a census tells apart.
func laidDown(n int) []cognito.User {
	kinds := []cognito.User{
		{},
		{Disabled: true},
		{Status: "UNCONFIRMED"},
		{Status: "RESET_REQUIRED"},
		{Status: "EXTERNAL_PROVIDER"},
	}
	users := make([]cognito.User, n)
	for i := range users {
		u := kinds[i%len(kinds)]
		u.Username, u.Sub, u.Attributes = fmt.Sprintf("old%d", i), styledSub(i), map[string]string{"email": fmt.Sprintf("old%d@example.com", i)}
		u.Modified = time.Date(2019+i%4, 6, 1, 0, 0, 0, 0, time.UTC)
		users[i] = u
	}
	return users
}

// standing is how far the user of a number has come: one of seven in each status, the others never came.
func standing(i int) string {
	if n := i % 7; n < len(migration.Statuses) {
		return string(migration.Statuses[n])
	}
	return census.NeverCame
}

// counts puts records and lays users down in both pools, and returns what a census has to come to.
func counts(t *testing.T, own *sandbox.Sandbox, stack *sandbox.Stack, users []cognito.User) census.Result {
	t.Helper()
	want := census.Result{Complete: true, Old: census.OldPool{
		Statuses: map[string]int{}, RemainingStates: map[string]int{}, RemainingYears: map[string]int{},
	}}
	want.Old.Counted = census.Counted{Users: len(users), Estimated: len(users), States: map[string]int{}}
	arrivals := []cognito.User{{Username: "stranger", Sub: "5tranger"}, {Username: "imported", Sub: "1mported", Attributes: map[string]string{link: "unheard of"}}}
	linked, arrived, unfinished := 1, 0, 0
	records := table{own.DynamoDBClient(), stack.Tables.ProgressTable}
	var group errgroup.Group
	group.SetLimit(8)
	for i, u := range users {
		state := map[string]string{"": "CONFIRMED"}[u.Status] + u.Status
		if u.Disabled {
			state = "disabled." + state
		}
		status := standing(i)
		want.Old.States[state]++
		want.Old.Statuses[status]++
		if census.Remains(status) {
			want.Old.Remaining++
			want.Old.RemainingStates[state]++
			want.Old.RemainingYears[strconv.Itoa(u.Modified.Year())]++
		} else {
			linked++
			arrival := cognito.User{Username: "new" + u.Username, Attributes: map[string]string{link: u.Sub}}
			if status == string(migration.StatusMigrated) {
				arrival.Status = "RESET_REQUIRED"
				unfinished++
			} else {
				arrived++
			}
			arrivals = append(arrivals, arrival)
		}
		if status != census.NeverCame {
			group.Go(func() error {
				it := key("user#"+u.Sub, "record")
				maps.Copy(it, item{"sub": text(u.Sub), "status": text(status)})
				records.put(t, it)
				return nil
			})
		}
	}
	_ = group.Wait()
	for pool, laid := range map[*cognito.Pool][]cognito.User{own.Old: users, own.New: arrivals} {
		for chunk := range slices.Chunk(laid, 20_000) {
			if err := pool.Put(t.Context(), chunk...); err != nil {
				t.Fatal(err)
			}
		}
	}
	one, two := 1, 2
	want.New = census.NewPool{
		Counted: census.Counted{Users: len(arrivals), Estimated: len(arrivals), States: map[string]int{"CONFIRMED": arrived + 2, "RESET_REQUIRED": linked - 1 - arrived}},
		Linked:  &linked, Arrived: &arrived, ResetUnfinished: &unfinished, LinkedWithoutRecord: &one, NoRecord: &two,
	}
	return want
}

type censusStatus struct {
	Result, Running *census.Result
	AtWork          bool `json:"at_work"`
}

// askCensus asks the census; a function that was killed answers with its error.
func askCensus(t *testing.T, stack *sandbox.Stack, request string) (censusStatus, error) {
	t.Helper()
	var s censusStatus
	raw, err := stack.Invoke(t.Context(), "census", []byte(request))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return s, nil
}

// takeCensus goes on until a census comes to its end.
func takeCensus(t *testing.T, stack *sandbox.Stack) census.Result {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Minute); time.Now().Before(deadline); {
		s, err := askCensus(t, stack, `{"view":"run"}`)
		if err != nil {
			t.Fatal(err)
		}
		if s.Running == nil {
			return *s.Result
		}
	}
	t.Fatal("the census comes to no end")
	return census.Result{}
}

// differ compares what was counted.
func differ(t *testing.T, want, got census.Result) {
	t.Helper()
	if got.StartedAt.IsZero() || !got.FinishedAt.After(got.StartedAt) {
		t.Errorf("from %v to %v", got.StartedAt, got.FinishedAt)
	}
	want.StartedAt, want.FinishedAt = got.StartedAt, got.FinishedAt
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +counted):\n%s", diff)
	}
}

// A census is exact, to the user, at the rate that it is given, and asks for no user by name: that would make each an active one.
func TestCensusIsExact(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	want := counts(t, own, stack, laidDown(3_000))
	// Both do nothing but count: every list, and whatever else is asked about users.
	rules := []fault.Rule{{Kind: fault.Delay, Operation: "ListUsers", Probability: 1}}
	for _, other := range []string{"AdminGetUser", "AdminListGroupsForUser", "AdminInitiateAuth"} {
		rules = append(rules, fault.Rule{Kind: fault.Late, Operation: other, Probability: 1})
	}
	own.OldFaults.Set(rules...)
	if s, err := askCensus(t, stack, `{"view":"status"}`); err != nil || s.Result != nil || s.Running != nil {
		t.Errorf("before the first: %+v, %v", s, err)
	}
	if r := query[struct{ Census *census.Result }](t, stack, "report", `{"view":"progress"}`); r.Census != nil {
		t.Errorf("before the first, the report has %+v", r.Census)
	}
	began := time.Now()
	got := takeCensus(t, stack)
	took := time.Since(began)
	differ(t, want, got)
	seen := own.OldFaults.Counts()
	if lists := seen[fault.Delay]; lists < 3_000/60 || float64(lists) > 25*took.Seconds()+1 {
		t.Errorf("%d calls in %s", lists, took)
	}
	if seen[fault.Late] != 0 {
		t.Errorf("%d users were asked for by name", seen[fault.Late])
	}
	if s, err := askCensus(t, stack, `{"view":"run","every_hours":23}`); err != nil || s.Running != nil || !s.Result.StartedAt.Equal(got.StartedAt) {
		t.Errorf("another census on the same day: %+v, %v", s, err)
	}
	if r := query[struct{ Census *census.Result }](t, stack, "report", `{"view":"progress"}`); cmp.Diff(&got, r.Census) != "" {
		t.Errorf("the report has %+v", r.Census)
	}
	table{own.DynamoDBClient(), stack.Tables.ProgressTable}.get(t, "census#"+ledger.Day(got.StartedAt), "result")
}

// What a census keeps is no record, and no stray: verifying and rebuilding the record leave it where it is.
func TestVerifyAndRebuildLeaveTheCensus(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	user := cognito.User{Username: "ada", Password: "Right-password-1", Sub: "a-1", Attributes: map[string]string{"email": "ada@example.com"}}
	if err := own.Old.Put(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	if _, failure := invoke(t, stack, event(migration.SignIn, "ada", "Right-password-1")); failure != "" {
		t.Fatal(failure)
	}
	want := takeCensus(t, stack)
	if want.Old.Moved() != 1 || want.Old.Users != 1 {
		t.Errorf("%+v", want.Old)
	}
	for _, request := range []string{`{"view":"verify"}`, `{"view":"rebuild"}`, `{"view":"verify"}`} {
		raw, err := stack.Invoke(t.Context(), "maintain", []byte(request))
		if err != nil || !strings.Contains(string(raw), `"complete":true`) {
			t.Fatalf("%s: %s, %v", request, raw, err)
		}
		if v := (ledger.Verification{}); request == `{"view":"verify"}` && (json.Unmarshal(raw, &v) != nil || v.FindingCount != 0) {
			t.Errorf("%s: %s", request, raw)
		}
	}
	if s, err := askCensus(t, stack, `{"view":"status"}`); err != nil || cmp.Diff(&want, s.Result) != "" {
		t.Errorf("%+v, %v is not the census that was kept", s, err)
	}
}

// The operator's tool says who is left, and writes files of them that Cognito's import takes: each value as the rules have it, whatever is
// in it. Whom the format or the new pool can't take is named, with the reason.
func TestToolSaysWhoIsLeft(t *testing.T) {
	t.Parallel()
	own, _ := polled(t)
	stack, err := own.Deploy(t.Context(), unique("stack"), map[string]string{
		"ATTRIBUTES": link + `=sub,profile=custom:tenant,-website,locale?=en\,"GB"`,
	})
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{"email_verified": "true"}
	names := []string{
		"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "address", "gender", "picture", "website",
		"zoneinfo", "custom:tenant", "custom:bio", "custom:note",
	}
	for _, name := range names {
		attributes[name] = fmt.Sprintf(`%s, "quoted", ümläut 名前, it's =1+1`, name)
	}
	var users []cognito.User
	want := map[string]map[string]string{}
	for i := range 130 {
		u := cognito.User{Username: fmt.Sprintf("näme,%d", i), Sub: styledSub(i), Attributes: maps.Clone(attributes)}
		u.Attributes["email"] = fmt.Sprintf("left%d@example.com", i)
		users = append(users, u)
		imported := maps.Clone(u.Attributes)
		imported["cognito:username"], imported["cognito:mfa_enabled"], imported[link] = u.Username, "false", u.Sub
		imported["profile"], imported["locale"] = imported["custom:tenant"], `en,"GB"`
		delete(imported, "custom:tenant")
		delete(imported, "website")
		want[u.Username] = imported
	}
	leftOut := map[int]string{4: "disabled", 5: "no_verified_contact"}
	users[4].Disabled, users[5].Attributes["email_verified"] = true, "false"
	for i, name := range names {
		if name != "website" { // which is not handed over
			users[10+i].Attributes[name] = "two\nlines"
			leftOut[10+i] = strings.Replace(name, "custom:tenant", "profile", 1) + " holds a line's end"
		}
	}
	for i := range leftOut {
		delete(want, users[i].Username)
	}
	records := table{own.DynamoDBClient(), stack.Tables.ProgressTable}
	for i, status := range map[int]migration.Status{0: migration.StatusMigrated, 1: migration.StatusConfirmed, 2: migration.StatusBlocked} {
		it := key("user#"+users[i].Sub, "record")
		maps.Copy(it, item{"sub": text(users[i].Sub), "status": text(string(status))})
		records.put(t, it)
	}
	delete(want, users[0].Username)
	delete(want, users[1].Username)
	if err := own.Old.Put(t.Context(), users...); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := toolOf(t, own, stack, t.TempDir(), nil, "remaining", "--count", "--rate=30")
	if code != 0 || stdout != "128 of 130 users of the old pool are left: never came 127, attempted 0, blocked 1.\n" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = toolOf(t, own, stack, t.TempDir(), nil, "remaining", "--csv", "--rate=30")
	if rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll(); err != nil || code != 0 || len(rows) != 129 {
		t.Errorf("%v, exit code %d: %s%s", err, code, stdout, stderr)
	}
	dir := t.TempDir()
	if stdout, stderr, code = toolOf(t, own, stack, dir, nil, "remaining", "--import=left", "--rate=30"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	got := map[string]map[string]string{}
	for _, user := range imported(t, filepath.Join(dir, "left", "users-001.csv")) {
		got[user["cognito:username"]] = user
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("to import (-want +got):\n%s", diff)
	}
	written, err := os.ReadFile(filepath.Join(dir, "left", "left-out.csv"))
	for i, reason := range leftOut {
		if !strings.Contains(string(written), fmt.Sprintf("%s,%q,%s", users[i].Sub, users[i].Username, reason)) {
			t.Errorf("%v: %s does not say %s of %s", err, written, reason, users[i].Username)
		}
	}
	for _, name := range []string{"users-001.csv", "left-out.csv"} {
		if info, err := os.Stat(filepath.Join(dir, "left", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, _, code = toolOf(t, own, stack, dir, nil, "remaining", "--import=left"); code != 2 {
		t.Errorf("exit code %d for a folder that is there", code)
	}
}

// imported reads a file as the documentation of Cognito's import describes it: a line is a user, values stand without quotation marks, and
// a comma in a value has a backslash before it.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool-csv-header.html
func imported(t *testing.T, path string) []map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	columns := strings.Split(lines[0], ",")
	var users []map[string]string
	for _, line := range lines[1:] {
		cells := strings.Split(strings.ReplaceAll(line, `\,`, "\x00"), ",")
		if len(cells) != len(columns) {
			t.Fatalf("%d values in %d columns: %s", len(cells), len(columns), line)
		}
		user := map[string]string{}
		for i, cell := range cells {
			if cell != "" {
				user[columns[i]] = strings.ReplaceAll(cell, "\x00", ",")
			}
		}
		users = append(users, user)
	}
	return users
}

// An import that is killed on the way goes on where it was, and its files are in the end those of an import that nobody disturbed; also if
// Cognito's list has ended meanwhile. What is half done is for the owner's eyes only.
func TestAnImportIsKilledAndGoesOn(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	users := leftUsers(t, own, 200)
	users[7].Attributes["name"] = "has a \\ in it" // can't be imported
	if err := errors.Join(own.Old.Put(t.Context(), users...), own.Old.SetPageSize(t.Context(), 10)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, stderr, code := toolOf(t, own, stack, dir, nil, "remaining", "--import=at-once", "--rate=30"); code != 0 {
		t.Fatal(stderr)
	}
	listed := 0
	for range 4 {
		listed = killImport(t, own, stack, dir, listed, "--import=left")
	}
	for _, name := range []string{"", "state.json", "users-001.csv", "left-out.csv"} {
		if info, err := os.Stat(filepath.Join(dir, "left.unfinished", name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := own.Old.Advance(t.Context(), 61*time.Minute); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := toolOf(t, own, stack, dir, nil, "remaining", "--import=left", "--rate=30")
	if code != 0 || stdout != "left: 199 users to import in 1 files; 1 can't be imported: left-out.csv says why.\n" ||
		!strings.Contains(stderr, fmt.Sprintf("goes on after the %d users", listed)) || !strings.Contains(stderr, "begins again") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	killImport(t, own, stack, dir, 0, "--import=again")
	if _, stderr, code := toolOf(t, own, stack, dir, nil, "remaining", "--import=again", "--rate=30"); code != 0 || strings.Contains(stderr, "begins again") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, folder := range []string{"left", "again"} {
		for _, name := range []string{"users-001.csv", "left-out.csv"} {
			want, err := os.ReadFile(filepath.Join(dir, "at-once", name))
			got, err2 := os.ReadFile(filepath.Join(dir, folder, name))
			if err := errors.Join(err, err2); err != nil || !bytes.Equal(want, got) {
				t.Errorf("%s/%s: %v, %d bytes, want %d", folder, name, err, len(got), len(want))
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "left")); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	killImport(t, own, stack, dir, 0, "--import=other")
	other := deployOther(t, own)
	if _, stderr, code := toolOf(t, own, other, dir, nil, "remaining", "--import=other"); code != 2 || !strings.Contains(stderr, "of another import") {
		t.Errorf("exit code %d with other rules: %s", code, stderr)
	}
}

// deployOther deploys a stack with other rules.
func deployOther(t *testing.T, own *sandbox.Sandbox) *sandbox.Stack {
	t.Helper()
	stack, err := own.Deploy(t.Context(), unique("stack"), map[string]string{"ATTRIBUTES": link + "=sub,name?=none"})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// killImport begins an import, or goes on with it, kills it when it has looked at more users, and returns at how many.
func killImport(t *testing.T, own *sandbox.Sandbox, stack *sandbox.Stack, dir string, listed int, into string) int {
	t.Helper()
	binary, err := toolBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "remaining", "--rate=10", into)
	cmd.Env, cmd.Dir = append(own.Environ(), "STACK="+stack.Name, "HOME="+t.TempDir()), dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	folder := strings.TrimPrefix(into, "--import=") + ".unfinished"
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var state struct{ Listed int }
		text, err := os.ReadFile(filepath.Join(dir, folder, "state.json"))
		if err == nil && json.Unmarshal(text, &state) == nil && state.Listed > listed {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			text, err = os.ReadFile(filepath.Join(dir, folder, "state.json")) // it may have gone on until the kill
			if err != nil || json.Unmarshal(text, &state) != nil {
				t.Fatalf("%v: %s", err, text)
			}
			return state.Listed
		}
	}
	t.Fatal("the import comes to nothing")
	return 0
}
