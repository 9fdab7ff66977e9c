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

// read folds a user's stream and returns the record of the same moment, even while others write.
func (c *Checker) read(ctx context.Context, sub string) (*folded, table.Item, error) {
	f := newFolded(sub)
	record, err := c.atOneMoment(ctx, sub, table.RecordKey(sub), f)
	return f, record, err
}

// stream folds the items of a stream one by one.
type stream interface {
	add(it table.Item)
	end() (last int, lastKey string) // the highest sequence number so far, and the last item's sort key
}

// atOneMoment folds a stream and returns the item of the progress table that belongs to it, as of the same moment.
//
// A query may see some items of a transaction before others. A transactional read sees all of another transaction or nothing: if it finds
// no event after the last one that was queried, then the item that it reads belongs to what was queried.
func (c *Checker) atOneMoment(ctx context.Context, key string, record table.Item, s stream) (table.Item, error) {
	for backoff := (table.Backoff{}); ; {
		_, lastKey := s.end()
		for it, err := range c.tables.StreamAfter(ctx, key, lastKey) {
			if err != nil {
				return nil, err
			}
			s.add(it)
		}
		last, _ := s.end()
		out, err := c.tables.Client.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: &c.tables.Progress, Key: record}},
			{Get: &types.Get{TableName: &c.tables.Audit, Key: table.EventKey(key, last+1)}},
		}}, table.Patient)
		var canceled *types.TransactionCanceledException
		switch {
		case errors.As(err, &canceled) && table.Transient(canceled.CancellationReasons):
		case err != nil:
			return nil, table.Wrap(err, "read stream %s", key)
		case len(out.Responses[1].Item) == 0:
			return out.Responses[0].Item, nil
		}
		if err := backoff.Pause(ctx); err != nil {
			return nil, table.Wrap(err, "read stream %s", key)
		}
	}
}

// judge compares a user's record with the fold of the stream, if the stream is whole.
func (f *folded) judge(record table.Item) ledger.Found {
	if f.found.FindingCount > 0 {
		return f.found
	}
	var found ledger.Found
	find := func(kind ledger.FindingKind, format string, args ...any) {
		found.Find(ledger.Finding{Kind: kind, Sub: f.sub, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case f.events == 0 && record == nil:
		return found
	case f.events == 0:
		find(ledger.StreamMissing, "there is a record, and no event")
		return found
	case record == nil:
		find(ledger.RecordMissing, "there are %d events, and no record", f.events)
		return found
	}
	want, err := table.MarshalRecord(f.record)
	if err != nil {
		find(ledger.RecordDiffers, "the events fold to no record")
		return found
	}
	var attention, others []string
	for _, name := range table.Differing(want, record) {
		if strings.HasPrefix(name, "attention") {
			attention = append(attention, name)
		} else {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		find(ledger.RecordDiffers, "not what the events fold to: %s", strings.Join(others, ", "))
	}
	if len(attention) > 0 {
		find(ledger.AttentionDiffers, "not what the events fold to: %s", strings.Join(attention, ", "))
	}
	return found
}

// recordsOf reads the records of some streams, by their partition keys.
func (c *Checker) recordsOf(ctx context.Context, streams []*folded, consistent bool) (map[string]table.Item, error) {
	keys := make([]table.Item, len(streams))
	for i, f := range streams {
		keys[i] = table.RecordKey(f.sub)
	}
	return c.tables.BatchGet(ctx, c.tables.Progress, keys, consistent)
}

// streamless returns the records among the items whose users have no event, by user, and how many records there are in all. The walk
// through the events meets the users who have events.
func (c *Checker) streamless(ctx context.Context, items []table.Item) (orphans map[string]table.Item, records int, err error) {
	var subs []string
	var keys []table.Item
	for _, it := range items {
		if sub, ok := table.RecordOf(it); ok {
			subs, keys = append(subs, sub), append(keys, table.EventKey(sub, 1))
		}
	}
	firsts, err := c.tables.BatchGet(ctx, c.tables.Audit, keys, false) // users who seem to have none are looked at again
	if err != nil {
		return nil, 0, err
	}
	orphans = map[string]table.Item{}
	for _, sub := range subs {
		if firsts[sub] != nil {
			continue
		}
		f, record, err := c.read(ctx, sub)
		if err != nil {
			return nil, 0, err
		}
		if f.events == 0 && record != nil {
			orphans[sub] = record
		}
	}
	return orphans, len(keys), nil
}

// stray tells whether an item is in the index attention without being a record.
func stray(it table.Item) bool {
	_, isRecord := table.RecordOf(it)
	return !isRecord && (it["attention"] != nil || it["attention_sort"] != nil)
}
