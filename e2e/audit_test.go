package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
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
	out := filepath.Join(t.TempDir(), "export")
	command := exec.CommandContext(t.Context(), "go", "run", "../cmd/audit", "-function", stack.Name+"-inspect", "-from", "2026-02-28", "-to", "2026-03-01", "-out", out)
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL_LAMBDA="+local.Lambda.Endpoint(), "AWS_REGION="+sandbox.Region,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var manifest struct {
		Events  int
		Streams []struct{ Sub string }
	}
	text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Streams) != 10 || manifest.Events < 10 {
		t.Errorf("%d events of %d users; want those of the 10 users of the day", manifest.Events, len(manifest.Streams))
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
	if text, err := check(); err != nil || !strings.Contains(text, "of 10 users: every hash and every chain is right") {
		t.Fatalf("%v: %s", err, text)
	}
	file := filepath.Join(out, "events.jsonl")
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(sound), "\n"), "\n")
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
