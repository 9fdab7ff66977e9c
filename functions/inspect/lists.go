package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// pageSize is how many events or users an answer holds at most: well below Lambda's limit of 6 MB.
const pageSize = 500

// settled is how old an event has to be to be listed: the index lags behind, and a list has to be complete.
const settled = 2 * time.Minute

type trail struct {
	Events []migration.Event `json:"events"`
	Until  time.Time         `json:"until"` // the list is complete up to this time
	Next   string            `json:"next"`  // asks for the next page; empty after the last
}

type trailRequest struct {
	From      string            `json:"from" request:"required"` // a day, or a time
	To        string            `json:"to"`
	Outcome   migration.Outcome `json:"outcome"`
	Reason    migration.Reason  `json:"reason"`
	Challenge string            `json:"challenge"`
	Next      string            `json:"next"`
}

// Validate implements what request.NewView asks for.
func (r trailRequest) Validate() error {
	_, fromErr := moment(r.From)
	toErr := error(nil)
	if r.To != "" {
		_, toErr = moment(r.To)
	}
	if r.Outcome != "" && !slices.Contains(migration.Outcomes, r.Outcome) {
		return fmt.Errorf(`"outcome" is none of %s`, list(migration.Outcomes))
	}
	return errors.Join(fromErr, toErr, knownReason(r.Reason))
}

// trail lists a period's events in the order of their recording. A page before the last may be short or empty, if a filter leaves events
// out or there were none for a long time.
func (i inspector) trail(ctx context.Context, r trailRequest) (any, error) {
	from, err := moment(r.From)
	if err != nil {
		return nil, err
	}
	until := migration.Millis(time.Now().Add(-settled))
	if r.To != "" {
		to, err := moment(r.To)
		if err != nil {
			return nil, err
		}
		if to.Before(until) {
			until = to
		}
	}
	events, next, err := i.store.Trail(ctx, from, until, r.Next, pageSize)
	if err != nil {
		return nil, err
	}
	answer := trail{Events: []migration.Event{}, Until: until, Next: next}
	for _, e := range events {
		if matches(r.Outcome, e.Outcome) && matches(r.Reason, e.Reason) && matches(r.Challenge, e.Challenge) {
			answer.Events = append(answer.Events, e)
		}
	}
	return answer, nil
}

func matches[T ~string](filter, value T) bool { return filter == "" || filter == value }

// moment reads a time, or a day, which means its beginning in UTC.
func moment(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: it reads like 2026-07-14 or 2026-07-14T12:00:00Z", text)
}

func knownReason(r migration.Reason) error {
	if r != "" && r.Outcome() == "" {
		return fmt.Errorf(`"reason" is none of %s`, list(migration.Reasons()))
	}
	return nil
}

func list[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
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

type blockedRequest struct {
	Reason    migration.Reason `json:"reason" request:"required"` // as "progress" of the report names them
	Challenge string           `json:"challenge"`
	Next      string           `json:"next"`
}

// Validate implements what request.NewView asks for.
func (r blockedRequest) Validate() error { return knownReason(r.Reason) }

// blocked lists the users blocked by one reason, or one challenge.
func (i inspector) blocked(ctx context.Context, r blockedRequest) (any, error) {
	return i.waiting(ctx, migration.Record{Status: migration.StatusBlocked, Reason: r.Reason, Challenge: r.Challenge}, r.Next)
}

type unconfirmedRequest struct {
	Next string `json:"next"`
}

// unconfirmed lists the users who are migrated and not confirmed.
func (i inspector) unconfirmed(ctx context.Context, r unconfirmedRequest) (any, error) {
	return i.waiting(ctx, migration.Record{Status: migration.StatusMigrated}, r.Next)
}

// waiting lists the users in the standing of a record.
func (i inspector) waiting(ctx context.Context, of migration.Record, next string) (any, error) {
	records, next, err := i.store.Standing(ctx, of.Standing(), next, pageSize)
	if err != nil {
		return nil, err
	}
	answer := waiting{Users: []waitingUser{}, Next: next}
	for _, r := range records {
		answer.Users = append(answer.Users, waitingUser{r.Sub, r.Since, r.Reason, r.Challenge, r.LastAt, r.Reoffered})
	}
	return answer, nil
}
