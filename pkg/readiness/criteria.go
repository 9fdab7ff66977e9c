package readiness

import (
	"fmt"
	"slices"
	"strconv"
)

// State is the state of a criterion.
type State string

// Unknown: there is not enough evidence yet.
const (
	Pass    State = "pass"
	Fail    State = "fail"
	Unknown State = "unknown"
)

// Criterion is one condition that a decision rests on, for people to read and check.
type Criterion struct {
	Name     string `json:"name"` // never changes, so that others can rely on it
	State    State  `json:"state"`
	Decisive bool   `json:"decisive"` // without its pass there is no READY; others are shown only, or count in a decisive one

	Evidence  string   `json:"evidence"`  // a sentence
	Value     *float64 `json:"value"`     // the evidence's figure; null if there is none, as below
	Bound     *float64 `json:"bound"`     // its worst case
	Threshold *float64 `json:"threshold"` // the limit for the bound, or else for the value

	Do string `json:"do,omitempty"` // what the operator can do about it, as a sentence; empty if there is nothing to do
}

// The names of the criteria.
const (
	Census        = "census"
	BlockedUsers  = "blocked"
	Confirmations = "confirmations"
	Path          = "path"
	Window        = "window"
	Gaps          = "gaps"
	LateUsers     = "late_users"
	Season        = "season"
	Mailings      = "mailings"
	Persistence   = "persistence"
	Trend         = "trend"
	Verification  = "verification"
	Spool         = "spool"
)

// held returns the state of a criterion with evidence.
func held(passes bool) State {
	if passes {
		return Pass
	}
	return Fail
}

// figure returns a pointer to a figure.
func figure[N int | float64](n N) *float64 {
	f := float64(n)
	return &f
}

// The statistics' own criteria follow, in the order in which they are shown.

// criteria returns the criteria of the counts.
func (c *situation) criteria() []Criterion {
	all := []Criterion{
		c.census(), c.blockedUsers(), c.confirmations(), c.path(), c.windowSeen(), c.gaps(), c.lateUsers(), c.season(),
		c.mailings(), c.persistence(), c.trend(),
	}
	for i := range all {
		if all[i].State == Pass {
			all[i].Do = ""
		}
		if c.reason == ReasonCensus {
			all[i].Decisive = false // a complete census needs no statistics
		}
	}
	return all
}

func (c *situation) census() Criterion {
	k := Criterion{
		Name: Census, State: Unknown, Threshold: figure(c.tolerated(c.end)), Evidence: "There is no complete census.",
		Do: "Run a census: if no more users are left than you tolerate, that alone proves it.",
	}
	if c.now.Remaining != nil {
		k.Value, k.State = figure(*c.now.Remaining), held(c.enumerated(c.end))
		k.Evidence = fmt.Sprintf("A census found %s left in the old pool.", count(*c.now.Remaining, "user"))
		k.Do = "Nothing: users who never come may stay behind, and the counts can prove that."
	}
	return k
}

func (c *situation) blockedUsers() Criterion {
	k := Criterion{
		Name: BlockedUsers, State: Unknown, Decisive: true, Threshold: figure(c.tolerated(c.end)),
		Evidence: "Nothing has been counted yet.", Do: "Wait for the first whole day.",
	}
	if c.end > 0 || c.now.Blocked != nil {
		locked := c.lockedOut(c.end)
		k.Value, k.State = figure(locked), held(locked <= c.tolerated(c.end))
		k.Evidence = fmt.Sprintf("%s locked out already: blocked, or handed over and missing in the new pool.",
			count(locked, "user is", "users are"))
		k.Do = "Release them: the report says what blocks them."
	}
	return k
}

// The missing users count as locked out already, so the criterion blocked decides about them.
func (c *situation) confirmations() Criterion {
	k := Criterion{
		Name: Confirmations, State: Unknown, Threshold: figure(c.tolerated(c.end)),
		Evidence: "It was not measured whether the new pool has the users who were handed over.",
		Do:       "Give the new users a link to the old sub, so that their arrival can be confirmed.",
	}
	if c.now.Missing != nil {
		k.Value, k.State = figure(*c.now.Missing), held(*c.now.Missing <= c.tolerated(c.end))
		k.Evidence = fmt.Sprintf("%s handed over, and the new pool does not have them.", count(*c.now.Missing, "user was", "users were"))
		k.Do = "Find out why the new pool refused them: preflight compares the pools."
	}
	return k
}

func (c *situation) path() Criterion {
	from := max(0, c.end-week)
	exposure := c.Exposure(from, c.end)
	k := Criterion{
		Name: Path, State: Pass, Decisive: true, Value: figure(exposure), Threshold: figure(1),
		Evidence: fmt.Sprintf("The last 7 days were worth %s.", live(exposure)),
	}
	switch {
	case exposure >= 1-nearly:
	case slices.Contains(c.dead[from:c.end], true):
		k.State, k.Do = Fail, "Find out why sign-ins do not reach the trigger. The window goes on when they do."
	default:
		k.State, k.Do = Unknown, "Probe the trigger every day: without a probe, a day without calls may be a quiet one or a dead one."
	}
	return k
}

func (c *situation) windowSeen() Criterion {
	l := c.look
	if l.reason == ReasonBlocked {
		return Criterion{
			Name: Window, State: Unknown, Decisive: true, Evidence: "No window is long enough while too many users are blocked.",
			Do: "Release the blocked users first.",
		}
	}
	k := Criterion{
		Name: Window, State: held(l.windowed), Decisive: true, Value: figure(l.exposure), Threshold: figure(l.window),
		Evidence: fmt.Sprintf("%s of the %d needed were seen.", live(l.exposure), l.window),
		Do:       "Wait. A larger tolerance or a shorter horizon may need fewer days.",
	}
	if l.tolerated == l.locked {
		k.Evidence += fmt.Sprintf(" That no one at all will be late cannot be shown from counts within %d live days of silence.", l.window)
		k.Do = "Tolerate some users, release blocked ones, or run a census."
	}
	if l.exposure == 0 {
		k.State = Unknown
	}
	return k
}

func (c *situation) gaps() Criterion {
	k := Criterion{Name: Gaps, State: Unknown, Decisive: true, Evidence: "There is no window yet.", Do: "Wait for the window."}
	if l := c.look; l.windowed {
		span := c.end - l.from
		k.Value, k.Threshold, k.State = figure(span), figure(2*l.window), held(span <= 2*l.window)
		k.Evidence = fmt.Sprintf("The %s lie within %d days; %d may pass.", live(l.exposure), span, 2*l.window)
		k.Do = "Keep the trigger reached, and wait until the live days lie closer together."
	}
	return k
}

func (c *situation) lateUsers() Criterion {
	l := c.look
	k := Criterion{
		Name: LateUsers, State: Unknown, Decisive: true, Threshold: figure(l.tolerated),
		Evidence: "Too many users are blocked for anyone to come.", Do: "Release the blocked users first.",
	}
	if l.reason == ReasonBlocked {
		return k
	}
	k.Value = figure(l.late)
	k.Evidence = fmt.Sprintf("%s for the first time in the last %s.", count(l.late, "old user came", "old users came"), live(l.exposure))
	k.Do = "Wait until fewer come, bring the rest to sign in, or tolerate more."
	if l.windowed {
		bound := c.bound()
		k.Bound = figure(bound)
		k.Evidence += fmt.Sprintf(" At %s confidence at most %d will be locked out in %s; the chance of more than %d is %.2g.",
			c.confidence(), bound, c.ahead(), l.tolerated, l.probability)
	}
	switch {
	case l.reason == ReasonRate:
		k.State = Fail
	case l.proven(c.perLook()):
		k.State = Pass
	}
	return k
}

func (c *situation) season() Criterion {
	k := Criterion{
		Name: Season, State: Pass, Decisive: true, Evidence: "You declared that nobody signs in at one season of the year alone.",
	}
	if c.NoYearlyHabits {
		return k
	}
	seen, needed := max(0, c.end-c.Open), c.seasonDays()
	k.Value, k.Threshold = figure(seen), figure(needed)
	k.Evidence = fmt.Sprintf("Everybody has reached the new pool for %s; %d show a year's habits.", count(seen, "day"), needed)
	if c.look.excess > 0 {
		k.Evidence += fmt.Sprintf(" At this time of last year %.0f more users came than in a smooth decline.", c.look.excess)
	}
	switch {
	case c.look.reason == ReasonBump:
		k.State, k.Do = Fail, "Wait until the time has passed at which more users came last year."
	case seen < needed:
		k.State, k.Do = Unknown, "Wait for "+c.date(c.Open+needed)+", or declare that nobody signs in at one season alone, if you know that."
	}
	return k
}

func (c *situation) mailings() Criterion {
	last := c.end + c.Horizon + 2*week
	k := Criterion{
		Name: Mailings, State: Pass, Decisive: true, Value: figure(0), Threshold: figure(0),
		Evidence: "No mailing is declared for the days before " + c.date(last) + ".",
	}
	if day := c.mailing(c.end); day >= 0 {
		n := 0
		for _, mailing := range c.Mailings {
			if mailing >= c.end && mailing < last {
				n++
			}
		}
		k.Value, k.State = figure(n), Fail
		k.Evidence = fmt.Sprintf("%s for the days before %s, the first for %s.",
			count(n, "mailing is declared", "mailings are declared"), c.date(last), c.date(day))
		k.Do = "Wait for two weeks after the mailing, or give it up."
	}
	return k
}

func (c *situation) persistence() Criterion {
	k := Criterion{
		Name: Persistence, State: Unknown, Decisive: true, Threshold: figure(looks),
		Evidence: "There is no look with a whole window yet.", Do: "Wait for the window.",
	}
	if c.look.windowed {
		k.Value, k.State = figure(c.passed), held(c.passed >= looks)
		k.Evidence = fmt.Sprintf("%s passed in a row, a week apart; %d have to.", count(c.passed, "look has", "looks have"), looks)
		k.Do = "Look again in a week."
	}
	return k
}

// A rise has never kept a false READY from being given, so it only warns.
func (c *situation) trend() Criterion {
	k := Criterion{Name: Trend, State: Unknown, Evidence: "There are not yet eight weeks to compare.", Do: "Wait."}
	if middle, start := c.end-month, c.end-2*month; start >= c.Open {
		recent, older := c.came(middle, c.end), c.came(start, middle)
		k.Value, k.Threshold, k.State = figure(recent), figure(older), held(recent <= older)
		k.Evidence = fmt.Sprintf("%s in the last 28 days, %d in the 28 before.", count(recent, "old user came", "old users came"), older)
		k.Do = "Find out what brought more users: a mailing or a relaunch that was not declared makes the bound worthless."
	}
	return k
}

// count returns a number with the noun that goes with it. Without a plural, the noun takes an s.
func count(n int, noun string, plural ...string) string {
	switch {
	case n == 1:
	case len(plural) > 0:
		noun = plural[0]
	default:
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// live returns a number of live days. They come in parts.
func live(days float64) string {
	text := strconv.FormatFloat(float64(int(days*10+0.5))/10, 'f', -1, 64)
	if text == "1" {
		return "1 live day"
	}
	return text + " live days"
}
