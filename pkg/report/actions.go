package report

import (
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
)

// action is something to act on, with the command to begin with.
type action struct{ Text, Command, Playbook string }

// actions returns what to act on, the most urgent first.
func (r Report) actions() []action {
	var all []action
	add := func(text, command, playbook string) {
		if playbook != "" {
			playbook = "docs/playbooks/" + playbook + ".md"
		}
		all = append(all, action{text, command, playbook})
	}
	if r.Readiness.Lost {
		add("READY was lost: it does not hold any more. Do not switch the old pool off.", "migration readiness", "ready-lost")
	}
	if undeclared := r.Readiness.Declared.undeclared(); len(undeclared) > 0 {
		add("It is not declared what a verdict needs: "+strings.Join(undeclared, ", and ")+".",
			"make deploy PARAMETERS='Tolerance=100 Opened=2026-07-14'", "")
	}
	if n := r.today().Failed; n > 0 {
		add(people(n, "attempt", "attempts")+" failed today.", "migration logs --failed --since=24h", "failures")
	}
	r.addProbe(add)
	r.addLedger(add)
	r.addUsers(add)
	return all
}

// addProbe adds what the latest probe says.
func (r Report) addProbe(add func(text, command, playbook string)) {
	switch {
	case r.Probe == nil || r.Probe.State == probe.Alive:
	case r.Probe.State == probe.Dead:
		add("The last probe was not answered: "+words(string(r.Probe.Reason))+".", "migration logs probe --failed --since=3h", "probe")
	default:
		add("No probe has run for two hours.", "migration logs probe --since=3h", "probe")
	}
}

// addLedger adds what may be wrong with the ledger.
func (r Report) addLedger(add func(text, command, playbook string)) {
	switch v := r.Verification; {
	case v != nil && v.Findings > 0:
		add("Verifying the ledger found "+people(v.Findings, "thing", "things")+" wrong.", "migration verify", "verify")
	case v != nil && v.Complete && r.AsOf.Sub(v.FinishedAt) > fresh:
		add("The ledger was last verified on "+day(v.FinishedAt)+".", "migration verify", "verify")
	}
	if r.Spool == nil {
		add("The spool could not be asked.", "migration logs report --failed", "gauges-stale")
	} else {
		if n := r.Spool.DeadLetters; n > 0 {
			add(people(n, "event was", "events were")+" given up and not recorded.", "migration logs replay --since=24h", "dead-letters")
		}
		if n := r.Spool.Waiting; n > 0 {
			add(people(n, "event waits", "events wait")+" in the spool.", "migration logs replay --since=1h", "spooled")
		}
	}
	if c := r.Census; c != nil && r.AsOf.Sub(c.FinishedAt) > fresh {
		add("The last census is of "+day(c.FinishedAt)+", too old for a verdict.", "migration census", "")
	}
}

// addUsers adds the users who wait for somebody.
func (r Report) addUsers(add func(text, command, playbook string)) {
	since := func(t *time.Time) string {
		if t == nil {
			return "."
		}
		return ", the first since " + day(*t) + "."
	}
	missing, oldest := r.Readiness.Evidence.Missing, r.Unconfirmed.Oldest
	switch {
	case missing != nil && *missing > 0:
		add(people(*missing, "user was", "users were")+" handed over, and the new pool does not have them.", "migration unconfirmed", "not-arrived")
	case missing == nil && r.linked() && r.Unconfirmed.Users > 0 && oldest != nil && r.AsOf.Sub(*oldest) > arrival:
		add(people(r.Unconfirmed.Users, "user is", "users are")+" handed over and not confirmed"+since(oldest), "migration unconfirmed", "not-arrived")
	}
	for _, b := range r.Blocked {
		by, command := string(b.Reason), "migration blocked "+string(b.Reason)
		if b.Challenge != "" {
			by, command = by+" "+b.Challenge, command+" --challenge="+b.Challenge
		}
		add(people(b.Users, "user is", "users are")+" blocked: "+by+since(b.Oldest), command, "")
	}
}

// arrival is how long a user who was handed over may take until the new pool is sure to have the user.
const arrival = 15 * time.Minute

// linked tells whether users can be confirmed, as far as is known.
func (r Report) linked() bool { return r.Census == nil || r.Census.New.Linked != nil }

// undeclared names what a verdict needs and was not declared.
func (d Declared) undeclared() []string {
	var lacking []string
	if d.Tolerance.text == "" {
		lacking = append(lacking, "how many users may be locked out")
	}
	if d.Opened.IsZero() {
		lacking = append(lacking, "since when everybody reaches the new pool")
	}
	return lacking
}

// people returns a number with its noun.
func people(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}
