package readiness_test

import (
	"fmt"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// The new pool was opened on 1 January; 60 users came on each of the first 30 days, and then two a week.
func ExampleDecide() {
	in := readiness.Input{
		Start:    time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Declared: readiness.Declared{Horizon: 30, NoYearlyHabits: true, Tolerance: readiness.Tolerance{Users: 25}},
	}
	for day := range 160 {
		came := 0
		switch {
		case day < 30:
			came = 60
		case day%7 < 2:
			came = 1
		}
		in.Days = append(in.Days, readiness.Day{Demand: came, Moved: came, Invocations: came + 40, Probe: readiness.ProbeOK})
	}
	d, err := readiness.Decide(in, readiness.SpoolCriterion(&readiness.SpoolDepth{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Date, d.Verdict)
	fmt.Println(d.Sentence)
	for _, c := range d.Criteria {
		fmt.Printf("%-13s %s\n", c.Name, c.State)
	}
	// Output:
	// 2026-06-10 READY
	// In the last 35 live days 10 old users came for the first time, so at 97.5 % confidence at most 19 will come in the next 30 days; you tolerate 25. This holds while habits stay as they are, with no mailing, and for users who come at least once in 91 days.
	// census        unknown
	// blocked       pass
	// confirmations unknown
	// path          pass
	// window        pass
	// gaps          pass
	// late_users    pass
	// season        pass
	// mailings      pass
	// persistence   pass
	// trend         pass
	// spool         pass
}
