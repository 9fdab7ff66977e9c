// Package migration decides about users who come from an old user pool and folds what was decided into a record per user.
//
// It is pure: no clock, no I/O, no AWS. All input arrives as values, so every rule can be tested with a table.
package migration

import (
	"maps"
	"slices"
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
	TemporaryPasswordExpired Reason = "temporary_password_expired"
	ThreatProtection         Reason = "threat_protection"
	ExternalProvider         Reason = "external_provider"
	AccountStatus            Reason = "account_status"
	NoVerifiedContact        Reason = "no_verified_contact"
	OldPoolTrigger           Reason = "old_pool_trigger"
	ForgotPasswordRefused    Reason = "forgot_password_refused"
	AttributeRejected        Reason = "attribute_rejected"
	AliasUnverified          Reason = "alias_unverified"
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
	AttributeRejected: Rejected, AliasUnverified: Rejected, RemovedAfterConfirmation: Rejected,
	TemporaryPasswordExpired: Rejected, ThreatProtection: Rejected,

	Throttled: Failed, OldPoolUnavailable: Failed, Timeout: Failed, AuditUnavailable: Failed,
	Misconfigured: Failed, Internal: Failed,
}

// Reasons returns all reasons, sorted.
func Reasons() []Reason { return slices.Sorted(maps.Keys(outcomes)) }

// Outcome tells whether the reason rejects or fails an attempt; it is empty for a reason outside the set.
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

// An attempt is one decision of the migration trigger; a confirmation is evidence that the new pool has the
// user, who can sign in there.
const (
	Attempt      Kind = "attempt"
	Confirmation Kind = "confirmation"
)
