// Inspect answers questions about single users, for support, and says whether the pools are set up for the migration.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/confirm"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/newpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

func main() { function.Main(run) }

func run(ctx context.Context, environ []string) (func(context.Context, json.RawMessage) (any, error), error) {
	var cfg struct {
		OldPool   oldpool.Config
		Tables    dynamo.Config
		Handover  confirm.Handover
		Preflight preflight.Config
	}
	if err := config.Parse(&cfg, environ); err != nil {
		return nil, err
	}
	aws, err := config.AWS(environ)
	if err != nil {
		return nil, err
	}
	connection := oldpool.Connect(ctx, aws, cfg.OldPool)
	i := inspector{
		store: dynamo.New(aws, cfg.Tables, 2*time.Second), old: oldpool.New(connection, cfg.OldPool, 2*time.Second),
		new: newpool.New(aws, newpool.Config{UserPoolID: cfg.Preflight.NewUserPoolID}, 2*time.Second), handover: cfg.Handover,
		aws: aws, oldConnection: connection, oldPool: cfg.OldPool, preflight: cfg.Preflight,
	}
	return request.Handler(slog.New(slog.NewJSONHandler(os.Stdout, nil)),
		request.NewView("user", i.user),
		request.NewView("records", i.records),
		request.NewView("trail", i.trail),
		request.NewView("journal", i.journal),
		request.NewView("blocked", i.blocked),
		request.NewView("unconfirmed", i.unconfirmed),
		request.NewView("preflight", i.checkSetUp),
	), nil
}

type inspector struct {
	store         *dynamo.Store
	old           *oldpool.Pool
	new           *newpool.Pool
	handover      confirm.Handover
	aws           aws.Config // in the new pool's Region and account
	oldConnection aws.Config // to the old pool
	oldPool       oldpool.Config
	preflight     preflight.Config
}

type userRequest struct {
	Sub      string `json:"sub"`
	Username string `json:"username"`
	Next     string `json:"next"`
}

// Validate implements what request.NewView asks for.
func (r userRequest) Validate() error {
	if (r.Sub == "") == (r.Username == "") {
		return errors.New(`the user is named by "sub" or by "username", not by both or neither`)
	}
	return nil
}

// user tells one user's history.
func (i inspector) user(ctx context.Context, r userRequest) (any, error) {
	if r.Username != "" {
		answer := i.old.Lookup(ctx, r.Username)
		if answer.Account == nil {
			return nil, redact.Safe("the old pool does not tell the user's sub: " + string(answer.AccountReason))
		}
		r.Sub = answer.Account.Sub
	}
	stream, err := i.store.Stream(ctx, r.Sub)
	if err != nil {
		return nil, err
	}
	answer := told{History: history.Tell(r.Sub, stream, i.newPoolSays(ctx, r.Sub, stream))}
	if answer.Events, answer.Next, err = pageOf(answer.Events, r.Next); err != nil {
		return nil, err
	}
	return answer, nil
}

// newPoolSays asks the new pool about a user who was handed over and is not confirmed; nobody else's case depends on it.
func (i inspector) newPoolSays(ctx context.Context, sub string, stream []migration.Event) string {
	if i.handover.Link() == "" || migration.Fold(stream).Status != migration.StatusMigrated {
		return ""
	}
	return cmp.Or(string(i.handover.Ask(ctx, i.old, i.new, sub)), history.Ready)
}

// maxRecords is how many users are asked for at once at most.
const maxRecords = 100

type recordsRequest struct {
	Subs []string `json:"subs" request:"required"`
}

// Validate implements what request.NewView asks for.
func (r recordsRequest) Validate() error {
	if len(r.Subs) > maxRecords {
		return fmt.Errorf(`"subs" has %d entries: allowed are %d`, len(r.Subs), maxRecords)
	}
	return nil
}

// records tells how far some users have come: the status of each who has a record, by sub.
func (i inspector) records(ctx context.Context, r recordsRequest) (any, error) {
	records, err := i.store.Records(ctx, r.Subs)
	if err != nil {
		return nil, err
	}
	statuses := map[string]migration.Status{}
	for sub, record := range records {
		statuses[sub] = record.Status
	}
	return map[string]any{"statuses": statuses}, nil
}

// answerSize is how many bytes of events an answer holds at most, roughly: less than Lambda's limit of 6 MB, also in JSON that is
// escaped. An event has some 700 bytes, and an entry of the journal its evidence besides.
const (
	answerSize = 3_500_000
	eventSize  = 700
)

// told is a user's history, with the events by pages.
type told struct {
	history.History
	Next string `json:"next"` // asks for the next page of events; empty after the last
}

// pageOf returns the page of events that next asks for, and the next of the page after it.
func pageOf(events []migration.Event, next string) ([]migration.Event, string, error) {
	from := 0
	if next != "" {
		var err error
		if from, err = strconv.Atoi(next); err != nil || from < 0 || from > len(events) {
			return nil, "", dynamo.ErrCursor
		}
	}
	to, size := from, 0
	for to < len(events) && (size < answerSize || to == from) {
		size += eventSize + len(events[to].Evidence)
		to++
	}
	if to < len(events) {
		return events[from:to], strconv.Itoa(to), nil
	}
	return events[from:], "", nil
}
