package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
)

// A census is asked for until it comes to its end, and begun once.
func TestACensusIsAskedForToItsEnd(t *testing.T) {
	asked := 0
	fake := startFake(t, func(string, map[string]any) any {
		if asked++; asked < 3 {
			return map[string]any{"result": nil, "running": census.Result{}, "at_work": false}
		}
		return map[string]any{"result": census.Result{Complete: true}, "running": nil}
	})
	if _, stderr, code := tool(t, "census", "--stack=live"); code != 0 || asked != 3 {
		t.Errorf("exit code %d, asked %d times: %s", code, asked, stderr)
	}
	for _, c := range fake.calls {
		if diff := cmp.Diff(call{"CensusFunction", map[string]any{"view": "run", "seconds": 20.0}}, c, cmp.AllowUnexported(call{})); diff != "" {
			t.Errorf("(-want +asked):\n%s", diff)
		}
	}
}

func TestWhatRemainingTakes(t *testing.T) {
	for _, args := range [][]string{{}, {"--count", "--csv"}, {"--csv", "--import=folder"}, {"--count", "--rate=0"}, {"--count", "--rate=31"}} {
		if err := accepts(t, append([]string{"remaining"}, args...)...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	for _, args := range [][]string{{"--count"}, {"--csv"}, {"--import=folder", "--rate=30"}} {
		if err := accepts(t, append([]string{"remaining"}, args...)...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}
