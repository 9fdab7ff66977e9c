package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
)

// Long work takes several calls, each short enough for its answer to arrive. A rebuild always starts over.
func TestLongWorkGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		args  []string
		first map[string]any
		next  map[string]any
	}{
		"verify": {
			[]string{"verify"},
			map[string]any{"view": "verify", "seconds": 240.0},
			map[string]any{"view": "verify", "seconds": 240.0},
		},
		"verify a day": {
			[]string{"verify", "--day=2026-07-14"},
			map[string]any{"view": "verify", "day": "2026-07-14", "seconds": 240.0},
			map[string]any{"view": "verify", "day": "2026-07-14", "seconds": 240.0},
		},
		"rebuild": {
			[]string{"rebuild"},
			map[string]any{"view": "rebuild", "seconds": 240.0, "anew": true},
			map[string]any{"view": "rebuild", "seconds": 240.0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var fake *fakeAWS
			fake = startFake(t, func(string, map[string]any) any {
				return map[string]any{"complete": len(fake.calls) == 3, "events": 1_000 * len(fake.calls), "finding_count": 0}
			})
			stdout, stderr, code := tool(t, append(tt.args, "--stack=live")...)
			if code != 0 || !strings.Contains(stdout, "events 3,000") || !strings.Contains(stderr, ": 1,000 so far") {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
			var asked []map[string]any
			for _, c := range fake.calls {
				asked = append(asked, c.question)
			}
			if diff := cmp.Diff([]map[string]any{tt.first, tt.next, tt.next}, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// What was found on the way, and what the last answer says, is what counts.
func TestOnlyTheLastAnswerIsPrinted(t *testing.T) {
	var fake *fakeAWS
	fake = startFake(t, func(string, map[string]any) any {
		v := ledger.NewVerification(noon)
		if v.Complete = len(fake.calls) == 2; v.Complete {
			v.Find(ledger.Finding{Kind: ledger.Gap, Sub: sub, Detail: "found"})
		}
		return v
	})
	stdout, _, code := tool(t, "verify", "--stack=live", "--json")
	if code != 1 || strings.Count(stdout, "started_at") != 1 || !strings.Contains(stdout, `"finding_count": 1`) {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}
