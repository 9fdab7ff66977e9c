package e2e

import (
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/chaos"
)

// A short storm of faults and kills: no event is lost or doubled, nobody arrives unrecorded or unconfirmed, every figure is right. "make
// chaos" runs a long one.
func TestChaos(t *testing.T) {
	own, stack := polled(t)
	attach(t, stack)
	result, err := chaos.Run(t.Context(), own, stack, chaos.Config{Users: 160, Attempts: 5, Parallel: 32, Seed: 1, Done: func() {}})
	t.Logf("%+v", result)
	if err != nil {
		t.Error(err)
	}
	if err := result.Enough(1, 1, 1); err != nil {
		t.Error(err)
	}
}
