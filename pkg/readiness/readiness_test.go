package readiness

import (
	"strings"
	"testing"
	"time"
)

var sentences = []struct {
	history           string
	days, horizon     int
	tolerance         int
	yearly            bool
	verdict           Verdict
	sentence          string
	outlookStartsWith string // empty if there is no outlook
}{
	{
		"silence", 49, 30, 5, false, Ready,
		"In the last 35 live days 0 old users came for the first time, so at 97.5 % confidence at most 4 will come in the next 30 days; " +
			"you tolerate 5. This holds while habits stay as they are, with no mailing, and for users who come at least once in 91 days.", "",
	},
	{
		"8 blocked on day 0, 6 released on day 50", 200, 30, 10, false, Ready,
		"In the last 35 live days 0 old users came for the first time, so at 97.5 % confidence at most 6 will be locked out " +
			"in the next 30 days, 2 of them already; you tolerate 10. This holds while habits stay as they are, with no mailing, " +
			"and for users who come at least once in 91 days.", "",
	},
	{
		"halving, 400 remain", 63, 90, 500, true, Ready,
		"A census found 400 users left in the old pool; you tolerate 500. This holds whatever their habits are.", "",
	},
	{
		"halving", 273, 90, 500, false, NotReady,
		"526 old users came in the last 91 live days; at that pace 521 would be locked out in the next 90 days, you tolerate 500.",
		"READY is likely in about",
	},
	{
		"8 blocked on day 0", 120, 30, 5, false, NotReady,
		"8 users are locked out already; you tolerate 5.", "",
	},
	{
		"8 blocked on day 0, 6 released on day 50", 42, 30, 10, false, NotReady,
		"8 old users came in the last 42 live days; at that pace 6 would be locked out in the next 30 days, " +
			"you tolerate 10, and 8 are blocked already.",
		"",
	},
	{
		"silence", 20, 30, 5, false, Inconclusive,
		"Not proven yet: window; earliest possible 2026-02-19. 20 live days of the 35 needed were seen.", "",
	},
	{
		"silence", 420, 90, 0, false, Inconclusive,
		"Not proven yet: window; no date can be given. 420 live days of the 3514 needed were seen. " +
			"That no one at all will be late cannot be shown from counts within 3514 live days of silence.", "No date can be given",
	},
	{
		"one a week", 105, 90, 20, false, Inconclusive,
		"Not proven yet: late users; earliest possible 2026-05-22. 13 old users came for the first time in the last 91 live days. " +
			"At 97.5 % confidence at most 25 will be locked out in the next 90 days; the chance of more than 20 is 0.11.",
		"READY may come in",
	},
	{
		"silence, mailing on day 100", 57, 30, 5, false, Inconclusive,
		"Not proven yet: mailings; earliest possible 2026-04-26. " +
			"1 mailing is declared for the days before 2026-04-12, the first for 2026-04-11.",
		"READY is likely in about",
	},
	{
		"silence", 364, 90, 5, true, Inconclusive,
		"Not proven yet: season; earliest possible 2027-04-15. Everybody has reached the new pool for 364 days; 455 show a year's habits.",
		"READY is likely in about",
	},
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, c := range sentences {
		in := history(t, c.history, c.days)
		in.Horizon, in.Tolerance.Users, in.NoYearlyHabits = c.horizon, c.tolerance, !c.yearly
		d, err := Decide(in)
		if err != nil {
			t.Fatal(err)
		}
		if d.Verdict != c.verdict || d.Sentence != c.sentence {
			t.Errorf("%s after %d days: %s\n\t%s, want\n\t%s", c.history, c.days, d.Verdict, d.Sentence, c.sentence)
		}
		switch {
		case d.Outlook == nil && c.outlookStartsWith == "":
		case d.Outlook == nil || c.outlookStartsWith == "" || !strings.HasPrefix(d.Outlook.Sentence, c.outlookStartsWith):
			t.Errorf("%s after %d days: the outlook is %v", c.history, c.days, d.Outlook)
		}
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Input){
		"no horizon":           func(in *Input) { in.Horizon = 0 },
		"alpha of 1":           func(in *Input) { in.Alpha = 1 },
		"alpha below 0":        func(in *Input) { in.Alpha = -0.05 },
		"tolerance below 0":    func(in *Input) { in.Tolerance.Users = -1 },
		"share below 0":        func(in *Input) { in.Tolerance.Share = -0.1 },
		"share above 1":        func(in *Input) { in.Tolerance.Share = 1.1 },
		"open before it began": func(in *Input) { in.Open = -1 },
		"a count below 0":      func(in *Input) { in.Days[3].Demand = -1 },
	} {
		in := history(t, "silence", 60)
		in.Horizon = 30
		if _, err := Decide(in); err != nil {
			t.Fatal(err)
		}
		spoil(&in)
		if d, err := Decide(in); err == nil {
			t.Errorf("%s: %s", name, d.Sentence)
		}
	}
}

func TestDaysAreCountedFromTheStart(t *testing.T) {
	t.Parallel()
	in := Input{Start: start}
	for want, date := range map[int]time.Time{
		0:  start.Add(23 * time.Hour),
		1:  start.Add(24 * time.Hour),
		-1: start.Add(-time.Hour),
		59: start.AddDate(0, 2, 0),
	} {
		if day := in.Day(date); day != want {
			t.Errorf("%s is day %d, want %d", date, day, want)
		}
	}
}

// Users who are known to be locked out take from what is tolerated, wherever they are known from.
func TestLockedOutUsersTakeFromTheTolerance(t *testing.T) {
	t.Parallel()
	four, five := 4, 5
	for _, c := range []struct {
		present Present
		locked  int
		verdict Verdict
	}{
		{Present{}, 2, Ready},
		{Present{Blocked: &four}, 4, Ready},
		{Present{Missing: &five}, 7, Ready},
		{Present{Blocked: &four, Missing: &five}, 9, NotReady},
	} {
		in := history(t, "8 blocked on day 0, 6 released on day 50", 200)
		in.Horizon, in.Tolerance.Users, in.NoYearlyHabits, in.Present = 30, 8, true, c.present
		d, err := Decide(in)
		if err != nil {
			t.Fatal(err)
		}
		if d.Verdict != c.verdict || d.Look.LockedOut != c.locked {
			t.Errorf("%d are locked out, and the verdict is %s: %s", d.Look.LockedOut, d.Verdict, d.Sentence)
		}
		if d.Verdict == Ready && *d.Bound < c.locked {
			t.Errorf("%d are locked out, and the bound is %d", c.locked, *d.Bound)
		}
	}
}
