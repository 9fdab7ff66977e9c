package migration

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Record is a user's state: the fold of the user's stream, and nothing else. The zero Record is a user without events.
type Record struct {
	Sub     string `json:"sub"`
	Version int    `json:"version"` // Seq of the last event folded in
	ID      string `json:"id"`      // its ID
	Hash    string `json:"hash"`    // its Hash: the head of the chain

	Status    Status    `json:"status"`
	Reason    Reason    `json:"reason"`    // while blocked: why
	Challenge string    `json:"challenge"` // while blocked by a challenge: which
	Since     time.Time `json:"since"`     // At of the event that led to this status (and, while blocked, this reason)

	FirstAt   time.Time `json:"first_at"`  // earliest At
	LastAt    time.Time `json:"last_at"`   // latest At
	Reoffered int       `json:"reoffered"` // migrated events after the first: each time the new pool did not have the user

	Seen map[string]time.Time `json:"seen"` // At of the event recorded last, by Event.Key
}

// Fold folds a whole stream, in order, into its record.
func Fold(stream []Event) Record {
	var r Record
	for _, e := range stream {
		r = r.Apply(e)
	}
	return r
}

// Apply returns the record after one more event; r itself is unchanged.
func (r Record) Apply(e Event) Record {
	seen := maps.Clone(r.Seen)
	if seen == nil {
		seen = map[string]time.Time{}
	}
	seen[e.Key()] = e.At
	next := r
	next.Sub, next.Version, next.ID, next.Hash, next.Seen = e.Sub, r.Version+1, e.ID, e.Hash, seen
	if r.Version == 0 || e.At.Before(r.FirstAt) {
		next.FirstAt = e.At
	}
	if e.At.After(r.LastAt) {
		next.LastAt = e.At
	}
	if e.Outcome == Migrated && !r.HandedOver().IsZero() {
		next.Reoffered++
	}

	status := e.status()
	if status.below(r.Status) || status == r.Status && e.At.Before(r.Since) {
		return next // an event of the same status comes late: the record is newer
	}
	next.Status, next.Reason, next.Challenge = status, "", ""
	if status == StatusBlocked {
		next.Reason, next.Challenge = e.Reason, e.Challenge
	}
	if next.Standing() != r.Standing() {
		next.Since = e.At
	}
	return next
}

// HandedOver is when the user was handed over, by the events recorded last; zero if never. A user who was imported is confirmed without it.
func (r Record) HandedOver() (last time.Time) {
	for key, at := range r.Seen {
		if ParseCounter(key).Outcome == Migrated && at.After(last) {
			last = at
		}
	}
	return last
}

// Standing names where the user is: the status and, while blocked, why. It reads blocked.challenge.SMS_MFA.
func (r Record) Standing() string {
	standing := string(r.Status)
	if r.Reason != "" {
		standing += "." + string(r.Reason)
	}
	if r.Challenge != "" {
		standing += "." + r.Challenge
	}
	return standing
}

// Windows are how long the same attempt counts as a repeat.
type Windows struct {
	// RetryWindow is how long the same migrated attempt counts as Cognito's own second try.
	RetryWindow time.Duration `env:"RETRY_WINDOW" envDefault:"20s"`
	// RepeatWindow is how long the same rejection or failure adds nothing to the stream.
	RepeatWindow time.Duration `env:"REPEAT_WINDOW" envDefault:"1h"`
}

// Validate names the variable that is out of range.
func (w Windows) Validate() error {
	var errs []error
	if w.RetryWindow < 15*time.Second || w.RetryWindow > time.Hour {
		// Each of Cognito's calls may take 5 s: a shorter window would count its retries as reoffered users.
		errs = append(errs, fmt.Errorf("RETRY_WINDOW is %s: allowed is 15s to 1h", w.RetryWindow))
	}
	if w.RepeatWindow < 0 || w.RepeatWindow > 24*time.Hour {
		errs = append(errs, fmt.Errorf("REPEAT_WINDOW is %s: allowed is 0s to 24h", w.RepeatWindow))
	}
	return errors.Join(errs...)
}

// Repeats tells whether e repeats what the record already holds: the same trigger, outcome, reason and challenge, at most a window away,
// with no other block of that trigger in between. The window is RetryWindow for a migrated attempt, RepeatWindow for a rejected or failed
// one; a confirmation is recorded once.
//
// The window counts both ways: a clock may have gone backwards, and a spooled event comes late.
func (w Windows) Repeats(r Record, e Event) bool {
	last, ok := r.Seen[e.Key()]
	if !ok || e.Kind == Confirmation {
		return ok
	}
	if e.status() == StatusBlocked && r.blockedOtherwise(e, last) {
		return false
	}
	window := w.RepeatWindow
	if e.Outcome == Migrated {
		window = w.RetryWindow
	}
	return e.At.Sub(last).Abs() <= window
}

// blockedOtherwise tells whether the same trigger has met another block since the one that e would repeat. Then e is new: it says what
// blocks the user now.
func (r Record) blockedOtherwise(e Event, last time.Time) bool {
	for key, at := range r.Seen {
		c := ParseCounter(key)
		other := Event{Kind: Attempt, Outcome: c.Outcome, Reason: c.Reason}
		if key != e.Key() && c.Trigger == e.Trigger && other.status() == StatusBlocked && at.After(last) && e.At.After(at) {
			return true
		}
	}
	return false
}

// Counters is what one or more events add to a tally. The keys are
//
//	Authentication.rejected.wrong_password   events, by Event.Key
//	+blocked.disabled, -attempted            users who entered and left a standing, by Record.Standing
//	reoffered                                migrated events for users who had been handed over before
type Counters map[string]int

// Reoffers is the key of the counter of reoffered users.
const Reoffers = "reoffered"

// Count returns what the event that led from one record to the next adds to the tally of its day.
func Count(before Record, e Event, after Record) Counters {
	c := Counters{e.Key(): 1}
	if from, to := before.Standing(), after.Standing(); from != to {
		c["+"+to] = 1
		if from != "" {
			c["-"+from] = 1
		}
	}
	if after.Reoffered > before.Reoffered {
		c[Reoffers] = 1
	}
	return c
}

// Counter is a parsed key of a counter: that of an event (Outcome is set, or it is a confirmation's), that of a standing which users
// Entered or Left (Status is set), or Reoffers.
type Counter struct {
	Trigger Trigger
	Outcome Outcome

	Entered, Left bool
	Status        Status

	Reason    Reason
	Challenge string
}

// ParseCounter parses a counter's key.
func ParseCounter(key string) Counter {
	var c Counter
	part := append(strings.Split(key, "."), "", "", "") // what a shorter key leaves out is empty
	if c.Entered, c.Left = strings.HasPrefix(key, "+"), strings.HasPrefix(key, "-"); c.Entered || c.Left {
		c.Status, c.Reason, c.Challenge = Status(part[0][1:]), Reason(part[1]), part[2]
		return c
	}
	for _, t := range Triggers {
		if t.short() == part[0] {
			c.Trigger = t
		}
	}
	c.Outcome, c.Reason, c.Challenge = Outcome(part[1]), Reason(part[2]), part[3]
	return c
}

// Add adds the counters of d to c.
func (c Counters) Add(d Counters) {
	for key, n := range d {
		c[key] += n
	}
}
