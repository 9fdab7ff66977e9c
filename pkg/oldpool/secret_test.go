package oldpool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A secret that Cognito refuses is read again, at most once a minute.
func TestASecretIsReadAgainOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, current := 0, "first"
		var failure error
		s := &secret{read: func(context.Context) (string, error) { reads++; return current, failure }}
		check := func(what string, got, want string, wantReads int) {
			t.Helper()
			if got != want || reads != wantReads {
				t.Errorf("%s: %q after %d reads, want %q after %d", what, got, reads, want, wantReads)
			}
		}
		get := func() string { value, _ := s.get(t.Context()); return value }
		renew := func(refused string) string { value, _ := s.renew(t.Context(), refused); return value }

		failure = errors.New("throttled")
		if _, err := s.get(t.Context()); !errors.Is(err, failure) {
			t.Errorf("at start: %v", err)
		}
		failure = nil
		check("first use", get(), "first", 2)
		check("second use", get(), "first", 2)

		current = "second"
		check("refused right after it was read", renew("first"), "second", 3)
		check("refused to another sign-in", renew("first"), "second", 3)
		check("from then on", get(), "second", 3)

		current = "third"
		check("refused within the minute", renew("second"), "", 3)
		time.Sleep(minSecretAge)
		check("refused after the minute", renew("second"), "third", 4)

		time.Sleep(minSecretAge)
		check("refused, and there is no other", renew("third"), "", 5)
		check("refused again", renew("third"), "", 5)
	})
}
