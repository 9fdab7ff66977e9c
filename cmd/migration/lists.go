package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// limit is how many items of a list are printed at most; 0 is all.
type limit int

func (l limit) Validate() error {
	if l < 0 {
		return errors.New("allowed is a number from 0")
	}
	return nil
}

// tell says on stderr that a list is cut off.
func (l limit) tell(out *output, more bool) {
	if more {
		out.sayf("only the first %v are printed: --limit=0 prints all", int(l))
	}
}

type unconfirmedCommand struct {
	JSON  bool  `name:"json" help:"Print the answer as JSON."`
	Limit limit `default:"100" placeholder:"N" help:"How many to print at most; 0 is all (default: ${default})."`
}

func (unconfirmedCommand) Help() string { return example("migration unconfirmed --stack=my-migration") }

func (c unconfirmedCommand) Run(ctx context.Context, s *stack, out *output) error {
	return printWaiting(ctx, s, out, question{View: "unconfirmed"}, c.Limit, c.JSON, "is migrated and not confirmed")
}

// printWaiting prints the users of a list. If there are none, it says "Nobody" and what such a user does.
func printWaiting(ctx context.Context, s *stack, out *output, q question, l limit, asJSON bool, does string) error {
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return err
	}
	users := []json.RawMessage{}
	var rows [][]any
	more, err := inspect.list(ctx, q, "users", l, func(item json.RawMessage) error {
		var user struct {
			Sub       string    `json:"sub"`
			Since     time.Time `json:"since"`
			LastAt    time.Time `json:"last_at"`
			Reoffered int       `json:"reoffered"`
		}
		users = append(users, item)
		err := json.Unmarshal(item, &user)
		rows = append(rows, []any{user.Sub, user.Since, user.LastAt, user.Reoffered})
		return err
	})
	if err != nil {
		return err
	}
	defer l.tell(out, more)
	switch {
	case asJSON:
		answer, err := json.Marshal(map[string]any{"users": users, "more": more})
		if err != nil {
			return err
		}
		return out.json(answer)
	case len(rows) == 0:
		out.printf("Nobody %s.\n", does)
	default:
		out.table([]string{"sub", "since", "last seen", "reoffered"}, rows)
	}
	return nil
}

// moment is a day, or a time.
type moment string

func (m moment) Validate() error {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if _, err := time.Parse(layout, string(m)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is neither a day, such as 2026-07-14, nor a time, such as 2026-07-14T12:00:00Z", string(m))
}

type trailCommand struct {
	From      moment `required:"" placeholder:"DAY" help:"The first day or time of the period, UTC: 2026-07-14 or 2026-07-14T12:00:00Z."`
	To        moment `placeholder:"DAY" help:"The end of the period, not in it; without it, two minutes ago."`
	Outcome   string `placeholder:"OUTCOME" help:"Only events of this outcome: migrated, rejected or failed."`
	Reason    string `placeholder:"REASON" help:"Only events of this reason."`
	Challenge string `placeholder:"NAME" help:"Only events of this challenge."`
	JSON      bool   `name:"json" help:"Print one event a line as JSON."`
	Limit     limit  `default:"100" placeholder:"N" help:"How many to print at most; 0 is all (default: ${default})."`
}

func (trailCommand) Help() string {
	return example("migration trail --from=2026-07-14 --outcome=failed --stack=my-migration")
}

func (c trailCommand) Run(ctx context.Context, s *stack, out *output) error {
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return err
	}
	q := question{
		View: "trail", From: string(c.From), To: string(c.To), Outcome: c.Outcome, Reason: c.Reason, Challenge: c.Challenge,
	}
	var rows [][]any
	more, err := inspect.list(ctx, q, "events", c.Limit, func(item json.RawMessage) error {
		if c.JSON {
			return out.raw(string(item) + "\n")
		}
		var e migration.Event
		err := json.Unmarshal(item, &e)
		rows = append(rows, append([]any{e.Sub}, eventColumns(e)...))
		return err
	})
	if err != nil {
		return err
	}
	defer c.Limit.tell(out, more)
	switch {
	case c.JSON:
	case len(rows) == 0:
		out.printf("There is no such event.\n")
	default:
		out.table(append([]string{"sub"}, eventHeaders...), rows)
	}
	return nil
}

// list passes on the items of a paged list, up to the limit. It returns whether there are more.
func (f *function) list(ctx context.Context, q question, of string, l limit, take func(json.RawMessage) error) (more bool, err error) {
	taken := 0
	for raw, err := range f.pages(ctx, q) {
		var page map[string]json.RawMessage
		var items []json.RawMessage
		if err == nil {
			err = json.Unmarshal(raw, &page)
		}
		if err == nil {
			err = json.Unmarshal(page[of], &items)
		}
		if err != nil {
			return false, err
		}
		for _, item := range items {
			if l > 0 && taken == int(l) {
				return true, nil
			}
			if err := take(item); err != nil {
				return false, err
			}
			taken++
		}
	}
	return false, nil
}
