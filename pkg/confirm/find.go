package confirm

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Handover says how users were handed over: it decides by which names the new pool has them, and which attribute links them to the old one.
type Handover struct {
	NewPool    migration.Shape `env:"NEW_POOL"`
	Attributes migration.Rules `env:"ATTRIBUTES"`
}

// Link is the attribute of the new pool that holds the old sub; empty if there is none.
func (h Handover) Link() string { return h.Attributes.Link() }

// Ask asks both pools whether the new one has the user of a sub. It returns no Why if it has, enabled and CONFIRMED. The calls make the
// user an active one in both.
func (h Handover) Ask(ctx context.Context, o OldPool, n NewPool, sub string) Why {
	return h.find(ctx, o, n, sub).why
}

// found is what both pools say of a user.
type found struct {
	account   migration.Account // of the old pool
	user      newpool.User
	why       Why
	exception string // of what is unreachable
}

// find looks for the user in both pools.
func (h Handover) find(ctx context.Context, o OldPool, n NewPool, sub string) found {
	answer := o.LookupSub(ctx, sub)
	switch {
	case answer.Account != nil:
	case answer.AccountReason == migration.UnknownUser:
		return found{why: UnknownUser}
	default:
		return found{why: Unreachable, exception: answer.AccountException}
	}
	f := found{account: *answer.Account, why: NotFound}
	policy := migration.Policy{NewPool: h.NewPool, Attributes: h.Attributes}
	for _, name := range policy.NewNames(f.account) {
		user, err := n.User(ctx, name)
		switch {
		case errors.Is(err, newpool.ErrNoUser):
		case err != nil:
			return found{why: Unreachable, exception: redact.Error(err)}
		case user.Attributes[h.Link()] != sub:
			f.why = NotLinked
		default:
			f.user, f.why = user, state(user)
			return f
		}
	}
	return f
}

// state says what keeps a user of the new pool from signing in.
func state(u newpool.User) Why {
	switch {
	case !u.Enabled:
		return Disabled
	case u.Status == types.UserStatusTypeConfirmed:
		return ""
	case u.Status == types.UserStatusTypeResetRequired:
		return ResetRequired
	default:
		return AccountStatus
	}
}
