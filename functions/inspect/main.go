// Inspect answers questions about single users, for support, and says whether the pools are set up for the migration.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

func main() { function.Main(run) }

const usage = `allowed is {"view":"user","sub":"…"} or {"view":"user","username":"…"} with "next", ` +
	`{"view":"trail","from":"2026-07-14"} with "to", "outcome", "reason", "challenge" and "next" as you like, ` +
	`{"view":"blocked","reason":"…"} with "challenge" and "next", {"view":"unconfirmed"} with "next", or {"view":"preflight"}`

type request struct {
	View     string `json:"view"`
	Sub      string `json:"sub"`
	Username string `json:"username"`

	From      string            `json:"from"`
	To        string            `json:"to"`
	Outcome   migration.Outcome `json:"outcome"`
	Reason    migration.Reason  `json:"reason"`
	Challenge string            `json:"challenge"`
	Next      string            `json:"next"`
}

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		OldPool   oldpool.Config
		Tables    dynamo.Config
		Preflight preflight.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(ctx)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(aws, cfg.Tables, 2*time.Second)
	old := oldpool.New(aws, cfg.OldPool, 2*time.Second)

	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var req request
		if err := json.Unmarshal(raw, &req); err != nil {
			return nil, errors.New("the request is not understood: " + usage)
		}
		switch req.View {
		case "user":
			return tellUser(ctx, store, old, req)
		case "trail":
			return listTrail(ctx, store, req, time.Now())
		case "blocked":
			where := migration.Record{Status: migration.StatusBlocked, Reason: req.Reason, Challenge: req.Challenge}
			return listWaiting(ctx, store, where, req.Next)
		case "unconfirmed":
			return listWaiting(ctx, store, migration.Record{Status: migration.StatusMigrated}, req.Next)
		case "preflight":
			return checkSetUp(ctx, aws, cfg.OldPool, cfg.Preflight)
		default:
			return nil, fmt.Errorf("view %q is unknown: %s", req.View, usage)
		}
	}, nil
}

// tellUser tells one user's history.
func tellUser(ctx context.Context, store *dynamo.Store, old *oldpool.Pool, req request) (any, error) {
	switch {
	case (req.Sub == "") == (req.Username == ""):
		return nil, errors.New("the user is named by sub or by username, not by both or neither: " + usage)
	case req.Username != "":
		answer := old.Lookup(ctx, req.Username)
		if answer.Account == nil {
			return nil, fmt.Errorf("the old pool does not tell the user's sub: %s", answer.AccountReason)
		}
		req.Sub = answer.Account.Sub
	}
	stream, err := store.Stream(ctx, req.Sub)
	if err != nil {
		return nil, err
	}
	answer := told{History: history.Tell(req.Sub, stream)}
	answer.Events, answer.Next, err = pageOf(answer.Events, req.Next)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// eventsOfUser is how many of a user's events an answer holds at most, the oldest first: less than Lambda's limit of 6 MB.
const eventsOfUser = 5000

// told is a user's history, with the events by pages.
type told struct {
	history.History
	Next string `json:"next"` // asks for the next page of events; empty after the last
}

// pageOf returns the page of events that next asks for, and what asks for the page after it.
func pageOf(events []migration.Event, next string) ([]migration.Event, string, error) {
	from := 0
	if next != "" {
		var err error
		if from, err = strconv.Atoi(next); err != nil || from < 0 || from > len(events) {
			return nil, "", dynamo.ErrCursor
		}
	}
	if to := from + eventsOfUser; to < len(events) {
		return events[from:to], strconv.Itoa(to), nil
	}
	return events[from:], "", nil
}
