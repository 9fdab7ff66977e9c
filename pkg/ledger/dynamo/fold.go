package dynamo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// folded is what a user's stream comes to.
type folded struct {
	sub      string
	events   int
	record   migration.Record
	counts   []count
	findings []ledger.Finding // none if the stream is whole; what it comes to has no meaning else
}

// count is what an event adds to the tally that counts it, by that tally's sort key.
type count struct {
	seq      int
	tally    string
	counters migration.Counters
	at       time.Time
}

// streams groups items by their streams and folds each.
func streams(items iter.Seq2[item, error]) iter.Seq2[folded, error] {
	return func(yield func(folded, error) bool) {
		var stream []item
		for it, err := range items {
			if err != nil {
				yield(folded{}, err)
				return
			}
			if len(stream) > 0 && attribute(it, "pk") != attribute(stream[0], "pk") {
				if !yield(fold(attribute(stream[0], "pk"), stream), nil) {
					return
				}
				stream = stream[:0]
			}
			stream = append(stream, it)
		}
		if len(stream) > 0 {
			yield(fold(attribute(stream[0], "pk"), stream), nil)
		}
	}
}

// fold folds a stream's items, and holds each to what was written and the whole to its chain.
func fold(sub string, items []item) folded {
	f := folded{sub: sub, events: len(items)}
	var stream []migration.Event
	for _, it := range items {
		altered := func(format string, args ...any) {
			f.findings = append(f.findings, ledger.Finding{
				Kind: ledger.AlteredEvent, Sub: sub, Seq: sequence(it), Detail: fmt.Sprintf(format, args...),
			})
		}
		e, err := unmarshalEvent(it)
		if err != nil {
			altered("the event cannot be read")
			continue
		}
		stream = append(stream, e)
		written, err := marshalEvent(e, generation(it))
		if names := differing(written, it); err != nil || e.Sub == sub && len(names) > 0 {
			altered("not as it was written: %s", strings.Join(names, ", "))
		}
		next := f.record.Apply(e)
		f.counts = append(f.counts, count{
			seq: e.Seq, tally: tallySort(ledger.Day(e.RecordedAt), generation(it)),
			counters: migration.Count(f.record, e, next), at: e.RecordedAt,
		})
		f.record = next
	}
	if len(stream) == len(items) {
		f.findings = append(f.findings, ledger.CheckStream(sub, stream)...)
	}
	return f
}

// sequence is an event's sequence number by its key; zero if that is none.
func sequence(it item) int {
	n, _ := strconv.Atoi(attribute(it, "sk"))
	return n
}

// generation is that of the tally which an event names.
func generation(it item) int {
	_, generation, _ := strings.Cut(attribute(it, "tally"), "#")
	n, _ := strconv.Atoi(generation)
	return n
}

// differing returns the names of the attributes that the two items do not have in common, in order.
func differing(a, b item) []string {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	var names []string
	for name := range a {
		if !reflect.DeepEqual(a[name], b[name]) {
			names = append(names, name)
		}
	}
	for name := range b {
		if a[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// snapshot returns what a user's stream came to, and the record, at one and the same moment, whoever writes meanwhile.
//
// Items of a transaction that is being written may show one after the other. But a read in a transaction shows all or nothing of
// another: if the event after the last that was queried is not there, then the record beside it belongs to what was queried.
func (s *Store) snapshot(ctx context.Context, sub string) (folded, item, error) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		var stream []item
		last := 0
		for it, err := range s.query(ctx, &dynamodb.QueryInput{
			TableName:                 &s.config.AuditTable,
			KeyConditionExpression:    aws.String("pk = :pk"),
			ExpressionAttributeValues: item{":pk": text(sub)},
			ConsistentRead:            aws.Bool(true),
		}) {
			if err != nil {
				return folded{}, nil, err
			}
			stream = append(stream, it)
			last = max(last, sequence(it))
		}
		out, err := s.client.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: &s.config.ProgressTable, Key: recordKey(sub)}},
			{Get: &types.Get{TableName: &s.config.AuditTable, Key: eventKey(sub, last+1)}},
		}}, patient)
		var canceled *types.TransactionCanceledException
		switch {
		case errors.As(err, &canceled) && transient(canceled.CancellationReasons):
		case err != nil:
			return folded{}, nil, wrap(err, "read user %s", sub)
		case len(out.Responses[1].Item) == 0:
			return fold(sub, stream), out.Responses[0].Item, nil
		}
		if err := pause(ctx, wait); err != nil {
			return folded{}, nil, wrap(err, "read user %s", sub)
		}
	}
}

func recordKey(sub string) item { return key(userKey(sub), "record") }

func eventKey(sub string, seq int) item { return key(sub, fmt.Sprintf("%010d", seq)) }

// recordOf returns whose record an item of the progress table is; false if it is none.
func recordOf(it item) (string, bool) {
	sub, ok := strings.CutPrefix(attribute(it, "pk"), userKey(""))
	return sub, ok && sub != "" && attribute(it, "sk") == "record"
}

// judge holds a user's record to the fold of the stream, if that is whole.
func judge(f folded, record item) []ledger.Finding {
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
	want, err := marshalRecord(f.record)
	if err != nil {
		return finding(ledger.RecordDiffers, "the events fold to no record")
	}
	var attention, others []string
	for _, name := range differing(want, record) {
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
