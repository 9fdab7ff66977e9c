package fsck

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// snapshot returns what a user's stream came to, and the record, at one and the same moment, whoever writes meanwhile.
//
// Items of a transaction that is being written may show one after the other. But a read in a transaction shows all or nothing of
// another: if the event after the last that was queried is not there, then the record beside it belongs to what was queried.
func (c *Checker) snapshot(ctx context.Context, sub string) (folded, table.Item, error) {
	for backoff := (table.Backoff{}); ; {
		var stream []table.Item
		last := 0
		for it, err := range c.tables.Stream(ctx, sub) {
			if err != nil {
				return folded{}, nil, err
			}
			stream = append(stream, it)
			last = max(last, table.Sequence(it))
		}
		out, err := c.tables.Client.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: &c.tables.Progress, Key: table.RecordKey(sub)}},
			{Get: &types.Get{TableName: &c.tables.Audit, Key: table.EventKey(sub, last+1)}},
		}}, table.Patient)
		var canceled *types.TransactionCanceledException
		switch {
		case errors.As(err, &canceled) && table.Transient(canceled.CancellationReasons):
		case err != nil:
			return folded{}, nil, table.Wrap(err, "read user %s", sub)
		case len(out.Responses[1].Item) == 0:
			return fold(sub, stream), out.Responses[0].Item, nil
		}
		if err := backoff.Pause(ctx); err != nil {
			return folded{}, nil, table.Wrap(err, "read user %s", sub)
		}
	}
}

// judge holds a user's record to the fold of the stream, if that is whole.
func judge(f folded, record table.Item) []ledger.Finding {
	finding := func(kind ledger.FindingKind, format string, args ...any) []ledger.Finding {
		return []ledger.Finding{{Kind: kind, Sub: f.sub, Detail: fmt.Sprintf(format, args...)}}
	}
	switch {
	case len(f.findings) > 0:
		return f.findings
	case f.events == 0 && record == nil:
		return nil
	case f.events == 0:
		return finding(ledger.StreamMissing, "there is a record, and no event")
	case record == nil:
		return finding(ledger.RecordMissing, "there are %d events, and no record", f.events)
	}
	want, err := table.MarshalRecord(f.record)
	if err != nil {
		return finding(ledger.RecordDiffers, "the events fold to no record")
	}
	var attention, others []string
	for _, name := range table.Differing(want, record) {
		if strings.HasPrefix(name, "attention") {
			attention = append(attention, name)
		} else {
			others = append(others, name)
		}
	}
	var findings []ledger.Finding
	if len(others) > 0 {
		findings = finding(ledger.RecordDiffers, "not what the events fold to: %s", strings.Join(others, ", "))
	}
	if len(attention) > 0 {
		findings = append(findings, finding(ledger.AttentionDiffers, "not what the events fold to: %s", strings.Join(attention, ", "))...)
	}
	return findings
}

// streamless returns those of the items that are records of users without any event, by user, and how many records there are.
// Whoever has events is met in the walk through the streams.
func (c *Checker) streamless(ctx context.Context, items []table.Item) (orphans map[string]table.Item, records int, err error) {
	var subs []string
	var keys []table.Item
	for _, it := range items {
		if sub, ok := table.RecordOf(it); ok {
			subs, keys = append(subs, sub), append(keys, table.EventKey(sub, 1))
		}
	}
	firsts, err := c.tables.BatchGet(ctx, c.tables.Audit, keys, false) // whoever seems to have none is looked at again
	if err != nil {
		return nil, 0, err
	}
	orphans = map[string]table.Item{}
	for _, sub := range subs {
		if firsts[sub] != nil {
			continue
		}
		f, record, err := c.snapshot(ctx, sub)
		if err != nil {
			return nil, 0, err
		}
		if f.events == 0 && record != nil {
			orphans[sub] = record
		}
	}
	return orphans, len(keys), nil
}

// stray tells whether an item stands in the index attention and is no record.
func stray(it table.Item) bool {
	_, isRecord := table.RecordOf(it)
	return !isRecord && (it["attention"] != nil || it["attention_sort"] != nil)
}
