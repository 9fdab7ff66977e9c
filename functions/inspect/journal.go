package main

import (
	"context"
	"strconv"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// entriesOfPage is how many entries of the journal an answer holds at most. A verdict has some 10 KB of evidence.
const entriesOfPage = 100

type journalRequest struct {
	Next string `json:"next"`
}

// Validate implements what request.NewView asks for.
func (r journalRequest) Validate() error {
	_, err := r.before()
	return err
}

// before is the sequence number before which the page begins; zero for the first page.
func (r journalRequest) before() (int, error) {
	if r.Next == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(r.Next)
	if err != nil || n < 2 {
		return 0, dynamo.ErrCursor
	}
	return n, nil
}

type journalAnswer struct {
	Entries []migration.Event `json:"entries"` // the newest first
	Next    string            `json:"next"`    // asks for the next page; empty after the last
}

// journal lists the journal: what was declared, what censuses counted, and the verdicts, with their evidence.
func (i inspector) journal(ctx context.Context, r journalRequest) (any, error) {
	before, err := r.before()
	if err != nil {
		return nil, err
	}
	entries, err := i.store.Entries(ctx, before, entriesOfPage)
	if err != nil {
		return nil, err
	}
	answer := journalAnswer{Entries: append([]migration.Event{}, entries...)}
	if n := len(entries); n > 0 && entries[n-1].Seq > 1 {
		answer.Next = strconv.Itoa(entries[n-1].Seq)
	}
	return answer, nil
}
