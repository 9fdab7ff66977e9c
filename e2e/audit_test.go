package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// An export holds each stream that the period touched from its first event, and the program in docs/auditing.md, which shares no code
// with ours, finds it right, and whatever is changed in it.
func TestAuditExport(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs python3")
		}
		t.Skip("python3 is not installed, so the example in docs/auditing.md does not run")
	}
	stack := deploy(t, nil)
	first := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	writeDays(t, stack, first, 3, 10)
	// One user's stream begins before the period and goes on after it.
	const sub = "ffffffff-1111-4222-8333-444455556666"
	for _, days := range []int{-30, 1, 30} {
		at := first.AddDate(0, 0, days).Add(12 * time.Hour)
		l := ledger.New(store(stack), migration.Windows{}, func() time.Time { return at })
		e := migration.Event{At: at, Outcome: migration.Rejected, Reason: migration.WrongPassword}
		if err := appendEvent(t.Context(), l, sub, e); err != nil {
			t.Fatal(err)
		}
	}
	inPeriod := 0
	for _, e := range allEvents(t, stack) {
		if ledger.Day(e.RecordedAt) == "2026-02-28" {
			inPeriod++
		}
	}
	out := filepath.Join(t.TempDir(), "export")
	if stdout, stderr, code := tool(t, stack, "audit", "--from=2026-02-28", "--to=2026-03-01", "--out="+out); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	var manifest struct {
		From    string
		Until   time.Time
		Touched int `json:"events_in_period"`
		Events  int
		Streams []struct {
			Sub, Head string
			Events    int
		}
		SHA256 string
	}
	text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Streams) != 11 || manifest.Touched != inPeriod || manifest.Events != inPeriod+2 || manifest.From != "2026-02-28" ||
		!manifest.Until.Equal(first.AddDate(0, 0, 2)) {
		t.Errorf("%+v; want the streams of 11 users, with %d events in the period and 2 besides", manifest, inPeriod)
	}
	stream, err := store(stack).Stream(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if last := manifest.Streams[len(manifest.Streams)-1]; last.Sub != sub || last.Events != 3 || last.Head != stream[2].Hash {
		t.Errorf("%+v, want the whole stream of %s", last, sub)
	}

	document, err := os.ReadFile("../docs/auditing.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(document)
	if example == nil {
		t.Fatal("docs/auditing.md has no example")
	}
	check := func() (string, error) {
		text, err := exec.CommandContext(t.Context(), python, "-c", string(example[1]), out).CombinedOutput()
		return string(text), err
	}
	if text, err := check(); err != nil || !strings.Contains(text, "of 11 streams: every hash and every chain is right") {
		t.Fatalf("%v: %s", err, text)
	}
	file := filepath.Join(out, "events.jsonl")
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(sound); hex.EncodeToString(sum[:]) != manifest.SHA256 {
		t.Errorf("sha256 is %s, and of the file %x", manifest.SHA256, sum)
	}
	var begin migration.Event
	lines := strings.SplitAfter(strings.TrimSuffix(string(sound), "\n"), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-3]), &begin); err != nil || begin.Sub != sub || begin.Seq != 1 {
		t.Errorf("%v, %+v: not the stream's first event", err, begin)
	}
	for name, damaged := range map[string]string{
		"an event altered":   strings.Replace(string(sound), "migrated", "rejected", 1),
		"an event left out":  strings.Join(lines[1:], ""),
		"an event twice":     lines[0] + string(sound),
		"the last left out":  strings.Join(lines[:len(lines)-1], ""),
		"a stream copied":    strings.Replace(string(sound), manifest.Streams[0].Sub, manifest.Streams[1].Sub, 1),
		"everything removed": "",
	} {
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if text, err := check(); err == nil {
			t.Errorf("%s is not found: %s", name, text)
		}
	}
}
