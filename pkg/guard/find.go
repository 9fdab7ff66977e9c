package guard

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/cognitoevent"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// finding is who stands in the way of a sign-up. The zero finding is nobody.
type finding struct {
	by  string // username, email or phone_number: what the old user was found by
	sub string // of an old user who has not moved

	reason    migration.Reason // why nobody could find out
	exception string           // of the old pool
	fault     string           // of the ledger, or of the event
}

// question is one look into the old pool.
type question struct {
	by  string
	ask func(ctx context.Context) migration.Answer
}

// find looks for old users who have not moved and have a name or an address of the new user. All looks are taken at the same time.
func (h *Handler) find(ctx context.Context, e cognitoevent.PreSignUp) finding {
	if verified(e) {
		return finding{}
	}
	questions := h.questions(e)
	findings := make([]finding, len(questions))
	var wg sync.WaitGroup
	for i, q := range questions {
		wg.Go(func() {
			defer func() {
				if recover() != nil { // here, since no one else can; the value may quote what the user typed
					findings[i] = finding{by: q.by, reason: migration.Internal}
				}
			}()
			findings[i] = h.answer(ctx, e, q)
		})
	}
	wg.Wait()
	var failed finding
	for _, f := range findings {
		switch {
		case f.sub != "":
			return f
		case f.reason != "" && failed.reason == "":
			failed = f
		}
	}
	return failed
}

// verified tells whether the new user has a flag that nobody who signs up can write. Then the migration, or an administrator, makes the
// user, whatever the event's source says.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
func verified(e cognitoevent.PreSignUp) bool {
	for _, address := range []migration.Address{migration.Email, migration.PhoneNumber} {
		if _, ok := e.Attributes[string(address)+"_verified"]; ok {
			return true
		}
	}
	return false
}

// questions are those about the username and the addresses. The old pool finds a user by each name that signs the user in, in any
// case if the pool folds case. By an address it also finds those who have it verified and sign in by another name.
func (h *Handler) questions(e cognitoevent.PreSignUp) []question {
	var all []question
	asked := map[string]bool{}
	byName := func(by, name string) {
		if name != "" && !asked[name] {
			asked[name] = true
			all = append(all, question{by, func(ctx context.Context) migration.Answer { return h.old.Lookup(ctx, name) }})
		}
	}
	byName("username", e.Typed(h.config.TypedName))
	for _, address := range []migration.Address{migration.Email, migration.PhoneNumber} {
		value := e.Attributes[string(address)]
		byName(string(address), value)
		values := []string{value}
		if lower := strings.ToLower(value); lower != value {
			values = append(values, lower) // as pools that fold case keep it
		}
		for _, value := range values {
			if value != "" {
				all = append(all, question{string(address), func(ctx context.Context) migration.Answer {
					return h.old.LookupAddress(ctx, address, value)
				}})
			}
		}
	}
	return all
}

// answer asks a question, and whether the user who is found has moved.
func (h *Handler) answer(ctx context.Context, e cognitoevent.PreSignUp, q question) finding {
	within, cancel := context.WithTimeout(ctx, h.config.OldPoolBudget)
	defer cancel()
	found := q.ask(within)
	switch {
	case found.Account == nil && found.AccountReason == migration.UnknownUser:
		return finding{}
	case found.Account == nil:
		return finding{by: q.by, reason: found.AccountReason, exception: found.AccountException}
	}
	sub := found.Account.Sub
	within, cancel = context.WithTimeout(ctx, h.config.LedgerBudget)
	defer cancel()
	record, err := h.ledger.Record(within, sub)
	if err != nil {
		if h.linked(e, sub) {
			return finding{} // a migration that has gone to the spool
		}
		return finding{by: q.by, reason: migration.AuditUnavailable, fault: redact.Error(err)}
	}
	if h.moved(record) || record.Status == migration.StatusMigrated && h.linked(e, sub) {
		return finding{}
	}
	return finding{by: q.by, sub: sub}
}

// arrival is how long Cognito may take to make a user who was handed over: it waits 5 seconds for an answer, and may ask again.
const arrival = time.Minute

// moved tells whether the new pool has the user, as far as the ledger knows. A user who was handed over a moment ago may not be there yet,
// and a stranger who signs up in that moment would be first. But without a link that stranger can't be told from the migration itself.
func (h *Handler) moved(r migration.Record) bool {
	switch r.Status {
	case migration.StatusConfirmed:
		return true
	case migration.StatusMigrated:
		return h.config.Attributes.Link() == "" || h.now().Sub(r.LastAt) > arrival
	default:
		return false
	}
}

// linked tells whether the new user has the link to an old one, as those have who migrate.
func (h *Handler) linked(e cognitoevent.PreSignUp, sub string) bool {
	return e.Attributes[h.config.Attributes.Link()] == sub
}
