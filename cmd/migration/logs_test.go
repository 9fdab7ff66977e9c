package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	attempt = `{"time":"2026-07-14T03:33:20Z","level":"INFO","msg":"attempt","request_id":"r1","Outcome":"migrated","sub":"s1",` +
		`"Latency":12.5,"_aws":{"Timestamp":1}}`
	failed = `{"time":"2026-07-14T03:33:20Z","level":"ERROR","msg":"attempt","Outcome":"failed","Reason":"timeout",` +
		`"fault":"the ledger did not answer in time","event":{"a":"b c"}}`
	timeout  = `2026-07-14T03:33:20Z r2 Task timed out after 5.00 seconds`
	crash    = `RequestId: r3 Error: Runtime exited with error: exit status 1`
	harmless = `{"level":"INFO","msg":"no ERROR here"}`
	begins   = "START RequestId: r1 Version: $LATEST"
	lambdas  = "REPORT RequestId: r1\tDuration: 12.50 ms\tBilled Duration: 13 ms"
)

func TestLogs(t *testing.T) {
	lines := []string{begins, attempt, lambdas, failed, timeout, harmless, crash}
	const at = "2026-07-14 03:33:20.000  "
	readable := []string{
		at + "INFO attempt request_id=r1 Outcome=migrated sub=s1 Latency=12.5",
		at + `ERROR attempt Outcome=failed Reason=timeout fault="the ledger did not answer in time" event={"a":"b c"}`,
		at + timeout,
		at + `INFO "no ERROR here"`,
		at + crash,
	}
	for name, tt := range map[string]struct {
		args []string
		want []string
		more bool
	}{
		"for a person":           {nil, readable, false},
		"all for a person":       {[]string{"--limit=0"}, readable, false},
		"what failed":            {[]string{"--failed"}, []string{readable[1], readable[2], readable[4]}, false},
		"the latest":             {[]string{"--limit=2"}, readable[3:], true},
		"the latest that failed": {[]string{"--failed", "--limit=1"}, readable[4:], true},
		"as they are":            {[]string{"--json"}, lines, false},
		"failed, as they are":    {[]string{"--json", "--failed"}, []string{failed, timeout, crash}, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, nil)
			fake.lines = lines
			stdout, stderr, code := tool(t, append([]string{"logs", "replay", "--since=1h", "--stack=live"}, tt.args...)...)
			if code != 0 || strings.Contains(stderr, "are printed: --limit=0 prints all") != tt.more {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			if diff := cmp.Diff(tt.want, strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			asked := fake.filters[0]
			since := time.UnixMilli(int64(asked["startTime"].(float64)))
			if asked["logGroupName"] != "live-ReplayLogGroup" || time.Since(since) < time.Hour || time.Since(since) > time.Hour+time.Minute {
				t.Errorf("asked %v, since %s", asked, since)
			}
			if pattern, filtered := asked["filterPattern"]; filtered != strings.Contains(fmt.Sprint(tt.args), "--failed") {
				t.Errorf("asked for the pattern %v", pattern)
			}
		})
	}
}

// Every function has a log to look at.
func TestLogsKnowEveryFunction(t *testing.T) {
	folders, err := filepath.Glob("../../functions/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		if err := accepts(t, "logs", filepath.Base(folder)); err != nil {
			t.Error(err)
		}
	}
}
