package migration

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Schema is the version of the event format that this code writes.
const Schema = 1

// Event is an immutable fact in one user's stream.
//
// Its fields are named in JSON as they are stored. Times are UTC and whole milliseconds (see Millis). The only thing in it that
// identifies a person is the sub, a pseudonym that only the old pool can resolve.
type Event struct {
	Schema int    `json:"schema"` // version of this format
	Sub    string `json:"sub"`    // the user's sub in the old pool: the stream's key
	Seq    int    `json:"seq"`    // position in the stream, from 1, without gaps
	ID     string `json:"id"`     // ULID, made when the attempt was decided
	Kind   Kind   `json:"type"`

	At         time.Time `json:"at"`          // when it was decided
	RecordedAt time.Time `json:"recorded_at"` // when it was written; later than At if it went through the spool

	Trigger   Trigger  `json:"trigger"`
	Outcome   Outcome  `json:"outcome"`
	Reason    Reason   `json:"reason"`
	Challenge string   `json:"challenge"` // API name of the challenge that the old pool answered with
	Factors   []string `json:"factors"`   // second factors that the user had in the old pool (UserMFASettingList); never nil

	Evidence string `json:"evidence,omitempty"` // of an entry in the journal: a JSON text; a user's events have none

	RequestID       string `json:"request_id"`       // the function's invocation
	FunctionVersion string `json:"function_version"` // what the function was built from; events before that was known have Lambda's "$LATEST"

	Prev string `json:"prev"` // hash of the event before, empty for the first
	Hash string `json:"hash"`
}

// Origin says which invocation, of which version, an event comes from.
type Origin struct {
	ID              string    // ULID of the event
	At              time.Time // when it was decided
	RequestID       string
	FunctionVersion string
}

// NewAttempt makes the event of an attempt about an account.
func NewAttempt(o Origin, t Trigger, account Account, d Decision) Event {
	return Event{
		Schema: Schema, Kind: Attempt, Sub: account.Sub, ID: o.ID, At: Millis(o.At),
		Trigger: t, Outcome: d.Outcome, Reason: d.Reason, Challenge: d.Challenge,
		Factors:   append([]string{}, account.Factors...),
		RequestID: o.RequestID, FunctionVersion: o.FunctionVersion,
	}
}

// NewConfirmation makes the event that the new pool has a user of the old pool, by the old sub.
func NewConfirmation(o Origin, sub string) Event {
	return Event{
		Schema: Schema, Kind: Confirmation, Sub: sub, ID: o.ID, At: Millis(o.At), Factors: []string{},
		RequestID: o.RequestID, FunctionVersion: o.FunctionVersion,
	}
}

// maxSub is longer than any sub, in bytes.
const maxSub = 128

// JournalStream stands in the place of a sub in the migration's own stream, beside the users'. No user has it: a sub is longer.
const JournalStream = "journal"

// LikeSub tells whether a text may be a sub, of which no more is promised than that it is a name: it is short, of printable ASCII, and has
// not the form of an email address or a phone number. So nobody can have those written down by putting them where a sub belongs, nor write
// into the journal.
func LikeSub(text string) bool {
	return text != "" && len(text) <= maxSub && text[0] != '+' && text != JournalStream &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '@' })
}

// eventID is the form of a ULID. https://github.com/ulid/spec
var eventID = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]+$`)

// Validate refuses an event that this version could not have made. Its errors quote nothing of the event.
func (e Event) Validate() error {
	switch {
	case e.Schema != Schema:
		return fmt.Errorf("the event has schema %d: this version knows schema %d", e.Schema, Schema)
	case !eventID.MatchString(e.ID) || len(e.ID) != 26, e.Sub == "", e.At.IsZero():
		return errors.New("the event lacks its id, sub or time")
	case e.Kind == Confirmation:
		if e.Trigger != "" || e.Outcome != "" || e.Reason != "" || e.Challenge != "" {
			return errors.New("the event is a confirmation, and has what only an attempt has")
		}
	case e.Kind != Attempt:
		return errors.New("the event has an unknown type")
	case !slices.Contains(Triggers, e.Trigger), !slices.Contains(Outcomes, e.Outcome):
		return errors.New("the event has an unknown trigger or outcome")
	case e.Outcome == Migrated && e.Reason != "", e.Outcome != Migrated && e.Reason.Outcome() != e.Outcome:
		return errors.New("the event's reason does not belong to its outcome")
	}
	return nil
}

// Key names what happened, without the time. Repeats have the same key, and tallies count by key.
// It reads Authentication.rejected.challenge.SMS_MFA.
func (e Event) Key() string {
	if e.Kind == Confirmation {
		return string(Confirmation)
	}
	key := e.Trigger.short() + "." + string(e.Outcome)
	if e.Reason != "" {
		key += "." + string(e.Reason)
	}
	if e.Challenge != "" {
		key += "." + e.Challenge
	}
	return key
}

func (t Trigger) short() string { return string(t)[min(len("UserMigration_"), len(t)):] }

// status is the status that the event alone would give a user.
func (e Event) status() Status {
	switch {
	case e.Kind == Confirmation:
		return StatusConfirmed
	case e.Outcome == Migrated:
		return StatusMigrated
	case e.Outcome == Rejected && e.Reason != WrongPassword && e.Reason != TooManyAttempts:
		return StatusBlocked
	default:
		return StatusAttempted
	}
}

// Millis cuts a time to what events keep: UTC, whole milliseconds.
func Millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
