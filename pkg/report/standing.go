package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// part is a part of the old pool's users, as a bar shows it.
type part struct {
	Class, Name, Meaning string
	Users                int
	From, Width          float64 // percent of the bar
}

// visible is how wide a part is at least, in percent, if it is not empty.
const visible = 0.8

// parts returns the old pool's users by how far they have come, the furthest first; nil without users.
func parts(c *census.Result) []part {
	if c == nil || c.Old.Users == 0 {
		return nil
	}
	all := []part{
		{Class: "confirmed", Name: "confirmed", Meaning: "the new pool has them"},
		{Class: "migrated", Name: "handed over", Meaning: "not confirmed"},
		{Class: "blocked", Name: "blocked", Meaning: "someone has to act"},
		{Class: "attempted", Name: "tried", Meaning: "wrong passwords or failures only"},
		{Class: census.NeverCame, Name: "never came", Meaning: "no sign-in at the new pool"},
	}
	whole := 0.0
	for i := range all {
		all[i].Users = c.Old.Statuses[all[i].Class]
		if all[i].Users > 0 {
			all[i].Width = max(visible, 100*float64(all[i].Users)/float64(c.Old.Users))
			whole += all[i].Width
		}
	}
	from := 0.0
	for i := range all {
		all[i].Width *= 100 / max(whole, 100)
		all[i].From = from
		from += all[i].Width
	}
	return all
}

// expected is a day on which READY is expected.
type expected struct {
	Name, Date, In string
	Days           *int // nil if no date can be given
}

// forecast returns when READY is expected; nil without a forecast.
func forecast(d readiness.Decision) []expected {
	day, err := time.Parse(time.DateOnly, d.Date)
	if d.Outlook == nil || err != nil {
		return nil
	}
	all := []expected{}
	for _, e := range []struct {
		name string
		days *int
	}{{"earliest", d.Outlook.Earliest}, {"most likely", d.Outlook.Central}, {"latest", d.Outlook.Latest}} {
		x := expected{Name: e.name, Date: "no date can be given", Days: e.days}
		if e.days != nil {
			x.Date, x.In = day.AddDate(0, 0, *e.days).Format(time.DateOnly), magnitude(*e.days)
		}
		all = append(all, x)
	}
	return all
}

// magnitude says roughly how long so many days are.
func magnitude(days int) string {
	about := func(unit float64, name string) string {
		return fmt.Sprintf("in about %.0f %s", math.Round(float64(days)/unit), name)
	}
	switch {
	case days == 1:
		return "in a day"
	case days < 14:
		return fmt.Sprintf("in %d days", days)
	case days < 61:
		return about(7, "weeks")
	case days < 730:
		return about(365.0/12, "months")
	}
	return about(365, "years")
}

// fact is something that is known, or was declared, in a word or two.
type fact struct {
	Name, Text string
	Lacking    bool // it ought to be declared
}

// facts returns what was declared. The tolerance in users is the decision's.
func (r Readiness) facts() []fact {
	d := r.Declared
	undeclared := func(name string) fact { return fact{Name: name, Text: "not declared", Lacking: true} }
	tolerance := undeclared("tolerated")
	if d.Tolerance.text != "" {
		tolerance = fact{Name: "tolerated", Text: people(r.Tolerance, "user", "users")}
		if d.Tolerance.Share > 0 {
			tolerance.Text = d.Tolerance.text + " of those moved: " + tolerance.Text
		}
	}
	opened := undeclared("opened")
	if !d.Opened.IsZero() {
		opened = fact{Name: "opened", Text: day(d.Opened.Time)}
	}
	habits, mailings := "possible", "none"
	if !d.YearlyHabits {
		habits = "none"
	}
	if n := len(d.Mailings); n > 0 {
		mailings = fmt.Sprintf("%d, the last on %s", n, day(slices.MaxFunc(d.Mailings, func(a, b Date) int { return a.Compare(b.Time) }).Time))
	}
	return []fact{
		tolerance,
		{Name: "horizon", Text: people(d.Horizon, "day", "days")},
		{Name: "confidence", Text: fmt.Sprintf("%v %%", d.Confidence)},
		opened,
		{Name: "yearly habits", Text: habits},
		{Name: "mailings", Text: mailings},
	}
}
