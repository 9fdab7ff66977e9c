package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// pageSize is how many events or users an answer holds at most: well below Lambda's limit of 6 MB.
const pageSize = 500

// settled is how old an event has to be to be listed: the index that lists events lags behind, and a list is to be complete.
const settled = 2 * time.Minute

type trail struct {
	Events []migration.Event `json:"events"`
	Until  time.Time         `json:"until"` // the list is complete up to this time
	Next   string            `json:"next"`  // asks for the next page; empty after the last
}

// listTrail lists a period's events in the order of their recording. A page may hold fewer events than there are left, even none,
// where a filter leaves them out or there were none for long.
func listTrail(ctx context.Context, store *dynamo.Store, req request, now time.Time) (trail, error) {
	from, err := moment("from", req.From)
	if err != nil {
		return trail{}, err
	}
	until := migration.Millis(now.Add(-settled))
	if req.To != "" {
		to, err := moment("to", req.To)
		if err != nil {
			return trail{}, err
		}
		if to.Before(until) {
			until = to
		}
	}
	events, next, err := store.Trail(ctx, from, until, req.Next, pageSize)
	if err != nil {
		return trail{}, err
	}
	answer := trail{Events: []migration.Event{}, Until: until, Next: next}
	for _, e := range events {
		if matches(req.Outcome, e.Outcome) && matches(req.Reason, e.Reason) && matches(req.Challenge, e.Challenge) {
			answer.Events = append(answer.Events, e)
		}
	}
	return answer, nil
}

func matches[T ~string](filter, value T) bool { return filter == "" || filter == value }

// moment reads a time, or a day, which stands for its beginning in UTC.
func moment(name, text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf(`%q is no time: allowed is "2026-07-14" or "2026-07-14T12:00:00Z"; %s`, name, usage)
}

type waiting struct {
	Users []waitingUser `json:"users"` // those first who have waited longest
	Next  string        `json:"next"`  // asks for the next page; empty after the last
}

type waitingUser struct {
	Sub       string           `json:"sub"`
	Since     time.Time        `json:"since"`
	Reason    migration.Reason `json:"reason,omitempty"`
	Challenge string           `json:"challenge,omitempty"`
	LastAt    time.Time        `json:"last_at"`
	Reoffered int              `json:"reoffered"`
}

// listWaiting lists who is blocked by one thing, or migrated and not confirmed.
func listWaiting(ctx context.Context, store *dynamo.Store, where migration.Record, next string) (waiting, error) {
	if where.Status == migration.StatusBlocked && where.Reason == "" {
		return waiting{}, errors.New(`"blocked" lists by reason, as "progress" of the report names them: ` + usage)
	}
	records, next, err := store.Standing(ctx, where.Standing(), next, pageSize)
	answer := waiting{Users: []waitingUser{}, Next: next}
	for _, r := range records {
		answer.Users = append(answer.Users, waitingUser{r.Sub, r.Since, r.Reason, r.Challenge, r.LastAt, r.Reoffered})
	}
	return answer, err
}
