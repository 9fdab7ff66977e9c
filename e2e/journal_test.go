package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// recorded is the journal function's answer.
type recorded struct {
	Readiness readiness.Decision
	Entries   []migration.Kind
	Version   int
	Hash      string
}

func declaredStack(t *testing.T) *sandbox.Stack {
	t.Helper()
	return deploy(t, map[string]string{
		"TOLERANCE": "10", "HORIZON": "30", "YEARLY_HABITS": "no", "OPENED": time.Now().UTC().AddDate(0, 0, -100).Format(time.DateOnly),
	})
}

// The journal gets what is new: what is declared, each census once, and a verdict, once a day or when it is asked for.
func TestTheJournalGetsWhatIsNew(t *testing.T) {
	t.Parallel()
	stack := declaredStack(t)
	mixed(t, stack)
	record := func(request string, want ...migration.Kind) recorded {
		t.Helper()
		got := query[recorded](t, stack, "journal", request)
		if !slices.Equal(got.Entries, want) {
			t.Errorf("%s wrote %v, want %v", request, got.Entries, want)
		}
		return got
	}
	daily := `{"view":"record","every_hours":23}`
	record(daily, journal.Declaration, journal.Verdict)
	record(daily)
	first := record(`{"view":"record"}`, journal.Verdict)
	query[any](t, stack, "census", `{"view":"run"}`)
	last := record(daily, journal.Census)
	record(daily)
	if last.Version != 4 || first.Readiness.Verdict == "" || first.Readiness.Verdict == readiness.Ready {
		t.Errorf("%+v", last)
	}
	listed := query[struct{ Entries []migration.Event }](t, stack, "inspect", `{"view":"journal"}`)
	slices.Reverse(listed.Entries)
	if findings := ledger.CheckStream(journal.Stream, listed.Entries); len(listed.Entries) != 4 || findings != nil || listed.Entries[3].Hash != last.Hash {
		t.Errorf("%d entries, %v", len(listed.Entries), findings)
	}
	var kept readiness.Decision
	if err := json.Unmarshal([]byte(listed.Entries[2].Evidence), &kept); err != nil || kept.Verdict != first.Readiness.Verdict || len(kept.Criteria) != len(first.Readiness.Criteria) {
		t.Errorf("the verdict's evidence: %v, %+v", err, kept)
	}
	r := query[struct{ Remaining []journal.Count }](t, stack, "report", `{"view":"progress"}`)
	if len(r.Remaining) != 1 || r.Remaining[0].Day != ledger.Day(time.Now()) {
		t.Errorf("remaining: %v", r.Remaining)
	}
	if v := isClean(t, stack); v.Journal != 4 || v.Streams != 5 {
		t.Errorf("%+v", v)
	}
}

// Several who write at once write one chain.
func TestManyWriteTheJournal(t *testing.T) {
	t.Parallel()
	stack := declaredStack(t)
	var group errgroup.Group
	const writers = 4
	for range writers {
		group.Go(func() error {
			_, err := stack.Invoke(t.Context(), "journal", []byte(`{"view":"record"}`))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if v := isClean(t, stack); v.Journal < writers+1 {
		t.Errorf("%d entries", v.Journal)
	}
}

// Whatever is done to the journal past the table's policy, verify names it; a rebuild makes its state again from its entries.
func TestTheJournalIsVerifiedAndRebuilt(t *testing.T) {
	t.Parallel()
	stack := declaredStack(t)
	for range 2 {
		query[recorded](t, stack, "journal", `{"view":"record"}`)
	}
	isClean(t, stack)
	audit, progress := tablesOf(stack)
	entry := func(seq int) item { return audit.get(t, journal.Stream, fmt.Sprintf("%010d", seq)) }
	state := func() item { return progress.get(t, journal.Stream, "record") }
	for name, tt := range map[string]struct {
		tamper func()
		want   ledger.FindingKind
		mended bool // a rebuild makes it right
	}{
		"a verdict altered": {func() {
			audit.put(t, with(entry(2), item{"evidence": text(strings.Replace(value(entry(2), "evidence"), "NOT_READY", "READY", 1) + " ")}))
		}, ledger.AlteredEvent, false},
		"an entry removed":       {func() { audit.remove(t, journal.Stream, "0000000002") }, ledger.Gap, false},
		"the newest cut off":     {func() { audit.remove(t, journal.Stream, "0000000003") }, ledger.RecordDiffers, true},
		"the state altered":      {func() { progress.put(t, with(state(), item{"verdict": text("READY")})) }, ledger.RecordDiffers, true},
		"the state removed":      {func() { progress.remove(t, journal.Stream, "record") }, ledger.RecordMissing, true},
		"the state without more": {func() { progress.put(t, with(state(), item{"version": &types.AttributeValueMemberN{Value: "9"}})) }, ledger.RecordDiffers, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := [][]item{audit.all(t), progress.all(t)}
			tt.tamper()
			for _, request := range []string{`{"view":"verify"}`, `{"view":"verify","sub":"journal"}`, fmt.Sprintf(`{"view":"verify","day":%q}`, ledger.Day(time.Now()))} {
				v := maintain(t, stack, request)
				if !slices.ContainsFunc(v.Findings, func(f ledger.Finding) bool { return f.Kind == tt.want && f.Sub == journal.Stream }) {
					t.Errorf("%s: want %s: %+v", request, tt.want, v)
				}
			}
			rebuilt := rebuild(t, stack)
			if v := maintain(t, stack, `{"view":"verify"}`); (v.FindingCount == 0) != tt.mended || (rebuilt.BrokenStreams == 0) != tt.mended {
				t.Errorf("after a rebuild %+v: %+v", rebuilt, v)
			}
			audit.restore(t, before[0])
			progress.restore(t, before[1])
		})
	}
	if v := isClean(t, stack); v.Journal != 3 {
		t.Errorf("%+v", v)
	}
	if _, err := fsck.New(store(stack)).VerifyUser(t.Context(), journal.Stream, time.Now); err != nil {
		t.Error(err)
	}
}

// An export holds the journal, whole, and the documented program checks it without our code.
func TestTheJournalIsExported(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs python3")
		}
		t.Skip("python3 is not installed, so the example in docs/auditing.md does not run")
	}
	stack := declaredStack(t)
	var state journal.State
	s := store(stack)
	for day := range 3 {
		at := older.AddDate(0, 0, day)
		if state, err = journal.Append(t.Context(), s, state, migration.Origin{ID: fmt.Sprint(names.Add(1)), At: at}, journal.Verdict,
			map[string]string{"verdict": "NOT_READY", "sentence": "»“—\u2028 <&> \\ \" 41 % …"}); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "export")
	from, to := ledger.Day(older.AddDate(0, 0, 1)), ledger.Day(older.AddDate(0, 0, 2))
	if stdout, stderr, code := tool(t, stack, "audit", "--from="+from, "--to="+to, "--out="+out); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	document, err := os.ReadFile("../docs/auditing.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(document)
	checked, err := exec.CommandContext(t.Context(), python, "-c", string(example[1]), out).CombinedOutput()
	if err != nil || !strings.Contains(string(checked), "3 events of 1 streams") {
		t.Errorf("%v: %s", err, checked)
	}
}

// The new pool's users may say, by the attribute that links them, that they are the journal. The journal goes on, and nothing waits in the spool.
func TestNobodyIsTheJournal(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	if err := own.New.Put(t.Context(), cognito.User{
		Username: "stranger", Password: "Correct-horse-9", Attributes: map[string]string{link: journal.Stream},
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // before the journal has its first entry, and after
		takeCensus(t, stack)
		query[recorded](t, stack, "journal", `{"view":"record"}`)
	}
	if n := len(stack.Spool.Messages()); n > 0 {
		t.Errorf("%d events in the spool", n)
	}
	if v := isClean(t, stack); v.Journal != 5 || v.Streams != 0 {
		t.Errorf("%d entries, %d streams", v.Journal, v.Streams)
	}
}
