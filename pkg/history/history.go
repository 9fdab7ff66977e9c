// Package history tells support what happened to one user.
package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// History is one user's record and events, and what they mean.
type History struct {
	Sub     string            `json:"sub"`
	Summary string            `json:"summary"`
	Record  *migration.Record `json:"record"` // null if the user never came
	Events  []migration.Event `json:"events"`
}

// Tell puts a user's stream into words. The record is folded from it: the one that is stored may be out of reach, or wrong. Of a user who was
// handed over and is not confirmed, newPool is what the new pool says now: ready, or one of confirm's reasons (docs/how-it-works.md); empty
// if it was not asked.
func Tell(sub string, stream []migration.Event, newPool string) History {
	record := migration.Fold(stream)
	if record.Version == 0 {
		return History{
			Sub: sub, Events: []migration.Event{},
			Summary: "Not seen: this user has not signed in at the new pool yet, nor asked for a new password there. " +
				"Tell the user to sign in with the usual password.",
		}
	}
	return History{Sub: sub, Record: &record, Events: stream, Summary: summary(record, stream, newPool)}
}

func summary(r migration.Record, stream []migration.Event, newPool string) string {
	var s strings.Builder
	switch r.Status {
	case migration.StatusConfirmed:
		fmt.Fprintf(&s, "Confirmed on %s: the new pool has this user, who can sign in there%s. Nothing is left to do.", date(r.Since), came(stream))
	case migration.StatusMigrated:
		fmt.Fprintf(&s, "Migrated on %s, and not confirmed: %s", date(r.Since), cmp.Or(arrival[newPool], arrival["not asked"]))
	case migration.StatusBlocked:
		fmt.Fprintf(&s, "Blocked since %s: %s", date(r.Since), Advice(r.Reason, r.Challenge))
	case migration.StatusAttempted:
		last := stream[len(stream)-1]
		fmt.Fprintf(&s, "Not migrated yet; last tried on %s: %s", date(last.At), Advice(last.Reason, last.Challenge))
	}
	if r.Reoffered > 0 {
		s.WriteString(" The new pool asked for this user again after it had been given the user: " +
			"check there whether the user exists, and whether someone deleted it.")
	}
	return s.String()
}

// Ready is what the new pool says of a user who can sign in there.
const Ready = "ready"

// arrival is what the new pool says of a user who was handed over.
var arrival = map[string]string{
	"not asked": "the new pool was given this user, with the same password, and has not been seen to have the user, enabled and with a " +
		"password. Tell the user to sign in as usual; a user who asked for a new password has to finish that first. If it does not help, " +
		"look the user up in the new pool.",
	Ready: "the new pool has the user now, who can sign in there. The confirmation follows.",
	"not_found": "the new pool has nobody by this user's name. It refused the user, or somebody deleted the user there. Tell the user to " +
		"sign in again. If that fails, look for the user's address and username in the new pool: somebody else may have them there.",
	"not_linked": "by this user's name the new pool has somebody who did not come by this migration, or whose link is another user's. " +
		"Look that user up in the new pool.",
	"reset_required": "the user asked for a new password and has not set it. Tell the user to choose \"forgot password\" again, and to finish it.",
	"account_status": "the new pool has the user, in a state in which nobody can sign in. Look the user up in the new pool.",
	"disabled":       "the new pool has the user, and somebody disabled the account there. Enable it there if that was a mistake.",
	"unknown_user":   "the old pool does not have the user any more, so the new pool can't be asked by the user's name. Look the user up there.",
	"unreachable":    "the pools could not be asked now. Ask again in a minute.",
}

// came says how the user came into the new pool, if that was not by a sign-in or a forgotten password there.
func came(stream []migration.Event) string {
	if slices.ContainsFunc(stream, func(e migration.Event) bool { return e.Outcome == migration.Migrated }) {
		return ""
	}
	return ", and came without a sign-in: by an import, for example"
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Advice says what a reason means, and what to tell the user.
func Advice(r migration.Reason, challenge string) string {
	switch {
	case r != migration.ChallengeRequired:
		return advice[r]
	case migration.ProvesPassword(challenge):
		return fmt.Sprintf("the password was right, but the old pool answered with the challenge %s. Tell the user to choose "+
			"\"forgot password\": that migrates without the challenge, unless FORGOT_PASSWORD refuses it or the user has no "+
			"verified address.", challenge)
	default:
		return fmt.Sprintf("the old pool answered with the challenge %s, which this migration cannot meet. If the user knows of "+
			"no second step at the old pool, a trigger of that pool asks for it; \"forgot password\" may migrate the user.", challenge)
	}
}

var advice = map[migration.Reason]string{
	migration.UnknownUser:              "the old pool does not know this user. Check the spelling, or have the user sign up.",
	migration.WrongPassword:            "the password was wrong. Tell the user to try again, or to choose \"forgot password\".",
	migration.TooManyAttempts:          "the old pool locked sign-in after too many wrong passwords. Tell the user to wait 15 minutes, or to choose \"forgot password\".",
	migration.Disabled:                 "the account is disabled in the old pool. Enable it there if that was a mistake.",
	migration.Unconfirmed:              "the user never confirmed the account in the old pool. Confirm it there, or have the user sign up again.",
	migration.PasswordResetRequired:    "an administrator reset the password in the old pool. Tell the user to choose \"forgot password\".",
	migration.TemporaryPasswordExpired: "the temporary password, which an administrator had set in the old pool, has expired. Tell the user to choose \"forgot password\", or set a new password there.",
	migration.ThreatProtection:         "the old pool's threat protection blocked the sign-in, whatever the password was. Look at the user's sign-in history and at the rules of threat protection in the old pool's console.",
	migration.ExternalProvider:         "the user signs in with an external provider (SAML, OIDC or social) and has no password to migrate. Tell the user to sign in with that provider.",
	migration.AccountStatus:            "the account is in a state that this migration does not know. Look it up in the old pool's console.",
	migration.NoVerifiedContact:        "the user asked for a new password but has no verified email address or phone number to send a code to. Tell the user to sign in with the password, or verify an address in the old pool.",
	migration.OldPoolTrigger:           "a Lambda trigger of the old pool refused the sign-in. Its log says why.",
	migration.ForgotPasswordRefused:    "this migration does not migrate the user by a forgotten password (FORGOT_PASSWORD). Tell the user to sign in with the password.",
	migration.AttributeRejected:        "the new pool does not take the user like this: an attribute that it requires is missing, one that it does not know is there, a value is over 2,048 characters, or it would not find the user by the typed name. The trigger's log names the attribute. Mend it in the old pool, by a rule (ATTRIBUTES), or tell the user to sign in with the username.",
	migration.AliasUnverified:          "the user typed an address that works in the new pool only when it is verified, and the old pool does not have it verified. Tell the user to sign in with the username, or verify the address in the old pool.",
	migration.RemovedAfterConfirmation: "the user was confirmed in the new pool, and was deleted there. If that was a mistake, set REMIGRATE=allow until the user has signed in.",

	migration.Throttled:          "the old pool was asked too often at that moment. Tell the user to try again in a minute.",
	migration.OldPoolUnavailable: "the old pool could not be reached, or had a fault. Tell the user to try again.",
	migration.Timeout:            "the old pool did not answer in time. Tell the user to try again.",
	migration.AuditUnavailable:   "the audit ledger could not be reached, and AUDIT_POLICY=required lets nobody pass then. Tell the user to try again.",
	migration.Misconfigured:      "the old pool refused our request: its id, app client, flow or permission is not right. See the function's log.",
	migration.Internal:           "the migration function had a fault. See the function's log.",
}
