package report

import (
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

// Declarations is the name of the criterion that everything is declared that a verdict needs.
const Declarations = "declarations"

// Readiness is the answer to whether the old pool may be switched off, with the evidence that the ledger's events do not have.
type Readiness struct {
	readiness.Decision
	Declared Declared `json:"declared"`
	Evidence Evidence `json:"evidence"`

	LastReady *time.Time `json:"last_ready"` // when the journal's last READY was given; null if none was
	Lost      bool       `json:"lost"`       // it is READY no longer, and was by the journal's last verdict, or within two days
}

// Evidence is what a verdict is made from, beside the counts of days.
type Evidence struct {
	CensusAt  *time.Time `json:"census_at"` // when the census ended that the next figures are from; null if none is recent
	Remaining *int       `json:"remaining"` // users of the old pool who are left; null if not known
	Missing   *int       `json:"missing"`   // users handed over whom the new pool does not have; null if not measured
	Blocked   int        `json:"blocked"`   // users who are blocked now

	From   string `json:"from"` // the first day that was counted
	Days   int    `json:"days"` // whole days that were counted
	Probed struct {
		OK     int `json:"ok"`     // days on which each probe was answered
		Failed int `json:"failed"` // days on which a probe failed
		None   int `json:"none"`   // days without a probe
	} `json:"probed"`
}

// firstDay is before every day of any migration.
const firstDay = "2000-01-01"

// fresh is how old a census may be to count: one is taken every day, and may take hours.
const fresh = 48 * time.Hour

// lossTold is for how long the loss of a READY is told at least: the journal gets a READY once a day as long as it holds.
const lossTold = 48 * time.Hour

// judge decides about readiness as of now.
func (d Declared) judge(p progress.Progress, c *census.Result, probes []probe.Day, j journal.State) (Readiness, error) {
	today := p.AsOf.Truncate(24 * time.Hour)
	r := Readiness{Declared: d}
	if !j.ReadyAt.IsZero() {
		r.LastReady = &j.ReadyAt
	}
	further := []readiness.Criterion{d.criterion(today), readiness.VerificationCriterion(verified(p)), readiness.SpoolCriterion(spooled(p))}
	in := readiness.Input{Start: start(p, probes), Declared: readiness.Declared{
		Tolerance: d.Tolerance.Tolerance, Horizon: d.Horizon, Alpha: 1 - d.Confidence/100, NoYearlyHabits: !bool(d.YearlyHabits),
	}}
	in.Days, r.Evidence = days(p, probes, in.Start, today)
	r.Evidence.count(c, p)
	in.Present = readiness.Present{Remaining: r.Evidence.Remaining, Blocked: &r.Evidence.Blocked, Missing: r.Evidence.Missing}
	var err error
	if further[0].State != readiness.Pass {
		r.Decision = readiness.Undecided(in, further...)
	} else {
		in.Open = max(0, in.Day(d.Opened.Time)) // what came before anything was counted shows no habit
		for _, mailing := range d.Mailings {
			in.Mailings = append(in.Mailings, in.Day(mailing.Time))
		}
		r.Decision, err = readiness.Decide(in, further...)
	}
	if r.Verdict == readiness.Ready && r.Evidence.Missing == nil {
		r.Sentence += " It was not measured whether the new pool has the users who were handed over."
	}
	// The journal's next verdict may be written before anybody has looked.
	lately := !j.ReadyAt.IsZero() && p.AsOf.Sub(j.ReadyAt) <= lossTold
	r.Lost = r.Verdict != readiness.Ready && (lately || j.Verdict == string(readiness.Ready))
	return r, err
}

// start is day 0: the first day with an event or a probe.
func start(p progress.Progress, probes []probe.Day) time.Time {
	start := p.AsOf.Truncate(24 * time.Hour)
	earlier := func(day string) {
		if t, err := time.Parse(time.DateOnly, day); err == nil && t.Before(start) {
			start = t
		}
	}
	for _, day := range p.Days {
		earlier(day.Day)
	}
	if len(probes) > 0 {
		earlier(probes[0].Day)
	}
	return start
}

// outcomes are the states of a day's probes, as readiness names them.
var outcomes = map[probe.State]readiness.Probe{probe.Alive: readiness.ProbeOK, probe.Dead: readiness.ProbeFailed, probe.NotProbed: readiness.NoProbe}

// days returns the counts of the whole days from the start until today.
func days(p progress.Progress, probes []probe.Day, start, today time.Time) ([]readiness.Day, Evidence) {
	totals := map[string]progress.Day{}
	for _, day := range p.Days {
		totals[day.Day] = day
	}
	probed := map[string]readiness.Probe{}
	for _, day := range probes {
		probed[day.Day] = outcomes[day.State()]
	}
	var e Evidence
	e.From = start.Format(time.DateOnly)
	all := []readiness.Day{}
	for t := start; t.Before(today); t = t.AddDate(0, 0, 1) {
		date := t.Format(time.DateOnly)
		c := totals[date]
		day := readiness.Day{ // a count below zero is damaged: verify finds it, and the report still has to say so
			Demand: max(0, c.Came), Moved: max(0, c.FirstHandovers), Blocked: max(0, c.Blocked), Released: max(0, c.Released),
			Invocations: max(0, c.Migrated+c.Rejected+c.Failed), Probe: probed[date],
		}
		switch day.Probe {
		case readiness.ProbeOK:
			e.Probed.OK++
		case readiness.ProbeFailed:
			e.Probed.Failed++
		case readiness.NoProbe:
			e.Probed.None++
		}
		all = append(all, day)
	}
	e.Days = len(all)
	return all, e
}

// count takes the figures of the present day.
func (e *Evidence) count(c *census.Result, p progress.Progress) {
	e.Blocked = p.Users.Blocked
	if c == nil || !c.Complete || p.AsOf.Sub(c.FinishedAt) > fresh {
		return
	}
	e.CensusAt = &c.FinishedAt
	if !c.Old.Differs {
		e.Remaining = &c.Old.Remaining
	}
	if c.New.ResetUnfinished != nil {
		missing := max(0, c.Old.Statuses[string(migration.StatusMigrated)]-*c.New.ResetUnfinished)
		e.Missing = &missing
	}
}

func verified(p progress.Progress) *readiness.LedgerVerification {
	if v := p.Verification; v != nil && v.Complete {
		return &readiness.LedgerVerification{Age: p.AsOf.Sub(v.FinishedAt), Findings: v.Findings}
	}
	return nil
}

func spooled(p progress.Progress) *readiness.SpoolDepth {
	if p.Spool == nil {
		return nil
	}
	return &readiness.SpoolDepth{Waiting: p.Spool.Waiting, DeadLetters: p.Spool.DeadLetters}
}
