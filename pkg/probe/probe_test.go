package probe_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
)

// Only the mark and a probe's own name together are a probe.
func TestWhatIsAProbe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name, own := rapid.String().Draw(t, "name"), probe.NewName()
		if !probe.Is(own, probe.Metadata()) {
			t.Fatalf("%s is no probe", own)
		}
		if probe.Is(own, nil) || probe.Is(own, map[string]string{"typed": own}) {
			t.Fatalf("%s is a probe without the mark", own)
		}
		letters := []rune(own)
		letters[rapid.IntRange(0, len(letters)-1).Draw(t, "at")] = rapid.RuneFrom([]rune{'A', '0', '1', '9', 'é', ' ', '@', '"'}).Draw(t, "letter")
		for _, other := range []string{name, name + own, own + "x", own[:len(own)-1], string(letters)} {
			if other != own && probe.Is(other, probe.Metadata()) {
				t.Fatalf("%q is a probe", other)
			}
		}
	})
}

// One answer of three is enough, each try has a name of its own, and nobody waits for long.
func TestRunTriesThreeTimes(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for _, tt := range []struct {
		failures int
		want     probe.Result
	}{
		{0, probe.Result{Answered: true, Tries: 1}},
		{1, probe.Result{Answered: true, Tries: 2}},
		{2, probe.Result{Answered: true, Tries: 3}},
		{3, probe.Result{Reason: probe.Throttled, Cause: refused, Tries: 3}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var names []string
			began := time.Now()
			got := probe.Run(t.Context(), func(_ context.Context, name string) (probe.Reason, error) {
				if slices.Contains(names, name) || !probe.Is(name, probe.Metadata()) {
					t.Errorf("asked by %s after %v", name, names)
				}
				if names = append(names, name); len(names) <= tt.failures {
					return probe.Throttled, refused
				}
				return "", errors.New("PROBE_ANSWERED")
			})
			if got != tt.want || time.Since(began) > 2*time.Second {
				t.Errorf("%+v after %s, want %+v", got, time.Since(began), tt.want)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	got := probe.Run(ctx, func(context.Context, string) (probe.Reason, error) { cancel(); return probe.Unreachable, ctx.Err() })
	if got.Answered || got.Tries != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTheLatestProbe(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 14, 0, 30, 0, 0, time.UTC)
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	for name, tt := range map[string]struct {
		days []probe.Day
		want probe.State
	}{
		"none yet":                   {nil, probe.NotProbed},
		"answered":                   {[]probe.Day{{OK: 1, LastOK: ago(10)}}, probe.Alive},
		"answered before midnight":   {[]probe.Day{{OK: 1, LastOK: ago(50)}}, probe.Alive},
		"answered long ago":          {[]probe.Day{{OK: 1, LastOK: ago(121)}}, probe.NotProbed},
		"failed":                     {[]probe.Day{{OK: 1, Failed: 1, LastOK: ago(70), LastFailed: ago(10), Reason: probe.OldPool}}, probe.Dead},
		"failed long ago":            {[]probe.Day{{Failed: 1, LastFailed: ago(121)}}, probe.NotProbed},
		"failed, and answered again": {[]probe.Day{{OK: 1, Failed: 1, LastOK: ago(10), LastFailed: ago(70)}}, probe.Alive},
		"answered yesterday, failed today": {
			[]probe.Day{{OK: 24, LastOK: ago(60)}, {Failed: 1, LastFailed: ago(5)}}, probe.Dead,
		},
	} {
		if got := probe.LatestOf(tt.days, now); got.State != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
}

func TestAMistakeNamesTheVariable(t *testing.T) {
	t.Parallel()
	for id, fits := range map[string]bool{"": true, "1example23456789": true, "a client": false} {
		if err := (probe.Config{AppClientID: id}).Validate(); (err == nil) != fits {
			t.Errorf("%q: %v", id, err)
		}
	}
}
