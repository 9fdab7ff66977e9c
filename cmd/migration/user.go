package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

type userCommand struct {
	Name     string `arg:"" optional:"" name:"username" help:"The name in the old pool; after -- it may begin with a hyphen."`
	Username string `placeholder:"NAME" help:"The same."`
	Sub      string `placeholder:"SUB" help:"The user's sub in the old pool, instead of the name."`
	JSON     bool   `name:"json" help:"Print the answer as JSON."`
}

func (userCommand) Help() string { return example("migration user ada --stack=my-migration") }

func (c userCommand) Validate() error {
	named := 0
	for _, name := range []string{c.Name, c.Username, c.Sub} {
		if name != "" {
			named++
		}
	}
	if named != 1 {
		return errors.New("name one user: USERNAME, --username=USERNAME or --sub=SUB")
	}
	return nil
}

// told is a page of a user's history.
type told struct {
	history.History
	Next string `json:"next"`
}

func (c userCommand) Run(ctx context.Context, s *stack, out *output) error {
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return err
	}
	var user told
	var answers []json.RawMessage
	for answer, err := range inspect.pages(ctx, question{View: "user", Username: c.Name + c.Username, Sub: c.Sub}) {
		if err != nil {
			return err
		}
		var page told
		if err := json.Unmarshal(answer, &page); err != nil {
			return err
		}
		page.Events = append(user.Events, page.Events...)
		user, answers = page, append(answers, answer)
	}
	switch {
	case !c.JSON:
		printUser(out, user.History)
		return nil
	case len(answers) == 1:
		return out.json(answers[0])
	}
	all, err := json.Marshal(user)
	if err != nil {
		return err
	}
	return out.json(all)
}

func printUser(out *output, h history.History) {
	out.printf("Sub         %s\n", h.Sub)
	if r := h.Record; r != nil {
		out.printf("Status      %s since %s\n", r.Status, r.Since)
		if r.Reason != "" {
			out.printf("Blocked by  %s\n", strings.TrimSpace(string(r.Reason)+" "+r.Challenge))
		}
		if r.Reoffered > 0 {
			out.printf("Reoffered   %v\n", r.Reoffered)
		}
	}
	if len(h.Events) > 0 {
		out.printf("\n")
		var rows [][]any
		for _, e := range h.Events {
			rows = append(rows, append([]any{e.Seq}, eventColumns(e)...))
		}
		out.table(append([]string{"#"}, eventHeaders...), rows)
	}
	out.printf("\n")
	out.wrapped("", h.Summary)
}

// eventHeaders are the columns in which an event is shown.
var eventHeaders = []string{"at", "trigger", "outcome", "reason", "challenge"}

func eventColumns(e migration.Event) []any {
	at := e.At.UTC().Format("2006-01-02 15:04:05 UTC")
	if e.Kind != migration.Attempt {
		return []any{at, "", e.Kind, "", ""}
	}
	return []any{at, strings.TrimPrefix(string(e.Trigger), "UserMigration_"), e.Outcome, e.Reason, e.Challenge}
}
