package report

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// Declared is what the operator declares about the switch-off. Without a tolerance and the day of opening there is no verdict.
type Declared struct {
	// Tolerance is how many users may be locked out: a number, or a share of those who have moved, such as 0.5%.
	Tolerance Tolerance `env:"TOLERANCE" json:"tolerance"`
	// Horizon is for how many days after the switch no more users than tolerated may be locked out.
	Horizon int `env:"HORIZON" envDefault:"90" json:"horizon"`
	// Confidence is the chance in percent that a READY holds.
	Confidence float64 `env:"CONFIDENCE" envDefault:"95" json:"confidence"`
	// Opened is the day since which everybody reaches the new pool.
	Opened Date `env:"OPENED" json:"opened"`
	// YearlyHabits says whether some users may come at one season of the year only.
	YearlyHabits config.YesNo `env:"YEARLY_HABITS" envDefault:"yes" json:"yearly_habits"`
	// Mailings are the days on which users were, or will be, asked to sign in.
	Mailings []Date `env:"MAILINGS" json:"mailings"`
}

// Validate names the variable that is out of range.
func (d Declared) Validate() error {
	var errs []error
	if d.Horizon < 1 || d.Horizon > 730 {
		errs = append(errs, fmt.Errorf("HORIZON is %d: allowed is 1 to 730 days", d.Horizon))
	}
	if !(d.Confidence >= 80 && d.Confidence <= 99.9) { // nor NaN
		errs = append(errs, fmt.Errorf("CONFIDENCE is %v: allowed is 80 to 99.9 percent", d.Confidence))
	}
	return errors.Join(errs...)
}

// Tolerance is a number of users, or a share of those who have moved; the zero Tolerance is not declared.
type Tolerance struct {
	text string
	readiness.Tolerance
}

// UnmarshalText accepts 100 and 0.5%. Nothing is not declared.
func (t *Tolerance) UnmarshalText(text []byte) error {
	*t = Tolerance{text: strings.TrimSpace(string(text))}
	var err error
	if share, ok := strings.CutSuffix(t.text, "%"); ok {
		t.Share, err = strconv.ParseFloat(share, 64)
		t.Share /= 100
	} else if t.text != "" {
		t.Users, err = strconv.Atoi(t.text)
	}
	if err != nil || t.Users < 0 || !(t.Share >= 0 && t.Share <= 1) {
		return fmt.Errorf("%q is no tolerance: allowed is a number of users, such as 100, or a share of those who have moved, such as 0.5%%", text)
	}
	return nil
}

// MarshalText returns the text that was declared.
func (t Tolerance) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// Date is a day (UTC); the zero Date is not declared.
type Date struct{ time.Time }

// UnmarshalText accepts 2026-07-14. Nothing is not declared.
func (d *Date) UnmarshalText(text []byte) error {
	day := strings.TrimSpace(string(text))
	if day == "" {
		*d = Date{}
		return nil
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return fmt.Errorf("%q is no day: allowed is one such as 2026-07-14", text)
	}
	*d = Date{t}
	return nil
}

// MarshalText returns the day as it was declared.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.Format(time.DateOnly)), nil
}

// criterion tells whether everything is declared that a verdict needs.
func (d Declared) criterion(today time.Time) readiness.Criterion {
	c := readiness.Criterion{
		Name: Declarations, State: readiness.Unknown, Decisive: true,
		Do: "Deploy with what is missing: make deploy PARAMETERS='Tolerance=100 Opened=2026-07-14'.",
	}
	switch {
	case d.Tolerance.text == "" && d.Opened.IsZero():
		c.Evidence = "It is not declared how many users may be locked out, nor since when everybody reaches the new pool."
	case d.Tolerance.text == "":
		c.Evidence = "It is not declared how many users may be locked out."
	case d.Opened.IsZero():
		c.Evidence = "It is not declared since when everybody reaches the new pool."
	case d.Opened.After(today):
		c.Evidence = "Everybody is declared to reach the new pool from " + d.Opened.Format(time.DateOnly) + " on, which is still to come."
		c.Do = "Wait for that day, or declare an earlier one."
	default:
		c.State, c.Do = readiness.Pass, ""
		c.Evidence = fmt.Sprintf("%s may be locked out in %d days; everybody reaches the new pool since %s.",
			d.Tolerance, d.Horizon, d.Opened.Format(time.DateOnly))
	}
	return c
}

// String says the tolerance in words.
func (t Tolerance) String() string {
	if t.Share > 0 {
		return t.text + " of the users who have moved"
	}
	if t.Users == 1 {
		return "1 user"
	}
	return strconv.Itoa(t.Users) + " users"
}
