// Package migration decides about users who come from an old user pool and folds what was decided into a record per user.
//
// It is pure: no clock, no I/O, no AWS. Everything that the outside knows arrives as a value, so every rule can be tested
// by writing it down.
package migration

import (
	"maps"
	"slices"
	"time"
)

// Trigger is why Cognito asks, by the event's triggerSource.
type Trigger string

// The two sources of the user migration trigger.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
const (
	SignIn         Trigger = "UserMigration_Authentication"
	ForgotPassword Trigger = "UserMigration_ForgotPassword"
)

// Triggers are all triggers.
var Triggers = []Trigger{SignIn, ForgotPassword}

// Outcome is how an attempt ended.
type Outcome string

// Migrated: the attributes were handed to Cognito. Rejected: the old pool or the policy said no. Failed: nobody could find out.
const (
	Migrated Outcome = "migrated"
	Rejected Outcome = "rejected"
	Failed   Outcome = "failed"
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{Migrated, Rejected, Failed}

// Reason is why an attempt was rejected or failed. The set is closed: Reasons lists it. A migrated attempt has none.
type Reason string

// Reasons to reject.
const (
	UnknownUser              Reason = "unknown_user"
	WrongPassword            Reason = "wrong_password"
	TooManyAttempts          Reason = "too_many_attempts"
	ChallengeRequired        Reason = "challenge"
	Disabled                 Reason = "disabled"
	Unconfirmed              Reason = "unconfirmed"
	PasswordResetRequired    Reason = "password_reset_required"
	ExternalProvider         Reason = "external_provider"
	AccountStatus            Reason = "account_status"
	NoVerifiedContact        Reason = "no_verified_contact"
	OldPoolTrigger           Reason = "old_pool_trigger"
	ForgotPasswordRefused    Reason = "forgot_password_refused"
	AttributeRejected        Reason = "attribute_rejected"
	RemovedAfterConfirmation Reason = "removed_after_confirmation"
)

// Reasons to fail.
const (
	Throttled          Reason = "throttled"
	OldPoolUnavailable Reason = "old_pool_unavailable"
	Timeout            Reason = "timeout"
	AuditUnavailable   Reason = "audit_unavailable"
	Misconfigured      Reason = "misconfigured"
	Internal           Reason = "internal"
)

var outcomes = map[Reason]Outcome{
	UnknownUser: Rejected, WrongPassword: Rejected, TooManyAttempts: Rejected, ChallengeRequired: Rejected,
	Disabled: Rejected, Unconfirmed: Rejected, PasswordResetRequired: Rejected, ExternalProvider: Rejected,
	AccountStatus: Rejected, NoVerifiedContact: Rejected, OldPoolTrigger: Rejected, ForgotPasswordRefused: Rejected,
	AttributeRejected: Rejected, RemovedAfterConfirmation: Rejected,

	Throttled: Failed, OldPoolUnavailable: Failed, Timeout: Failed, AuditUnavailable: Failed,
	Misconfigured: Failed, Internal: Failed,
}

// Reasons returns all reasons, sorted.
func Reasons() []Reason { return slices.Sorted(maps.Keys(outcomes)) }

// Outcome tells whether the reason rejects or fails an attempt; it is empty for what is no reason of the set.
func (r Reason) Outcome() Outcome { return outcomes[r] }

// Status is how far a user has come. A record's status only rises, in the order of the constants.
type Status string

// Attempted: only wrong passwords or failures so far. Blocked: refused for a reason that another try will not mend.
// Migrated: handed to Cognito. Confirmed: the new pool has the user.
const (
	StatusAttempted Status = "attempted"
	StatusBlocked   Status = "blocked"
	StatusMigrated  Status = "migrated"
	StatusConfirmed Status = "confirmed"
)

// Statuses are all statuses, rising.
var Statuses = []Status{StatusAttempted, StatusBlocked, StatusMigrated, StatusConfirmed}

func (s Status) below(t Status) bool {
	return slices.Index(Statuses, s) < slices.Index(Statuses, t) // no status yet is -1, below all
}

// Kind is what an event is about.
type Kind string

// An attempt is one decision of the migration trigger; a confirmation is evidence that the user signs in at the new pool.
const (
	Attempt      Kind = "attempt"
	Confirmation Kind = "confirmation"
)

// Schema is the version of the event format that this code writes.
const Schema = 1

// Event is an immutable fact in one user's stream.
//
// Its fields are named in JSON as they are stored. Times are UTC and whole milliseconds (see Millis). It holds nothing that
// identifies a person but the sub, a pseudonym that only the old pool can resolve.
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

	RequestID       string `json:"request_id"` // the function's invocation
	FunctionVersion string `json:"function_version"`

	Prev string `json:"prev"` // hash of the event before, empty for the first
	Hash string `json:"hash"`
}

// Key names what happened, without when: repeats are told by it, and tallies count by it.
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
