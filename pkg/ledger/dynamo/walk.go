package dynamo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const (
	segments  = 4   // of a table, walked at the same time; of each, a page of at most 1 MB is in memory
	batchSize = 100 // what BatchGetItem takes
)

// walk is a way through all streams, and then through the progress table. It may be taken in several goes.
type walk struct {
	StartedAt time.Time
	Open      string // the first day that was not over when the walk began: its tallies, and later ones, still change
	Streams   [segments]cursor
	Items     [segments]cursor
	Recount   recount
}

// cursor is how far a segment of a table has been walked: the key of the last item.
type cursor struct {
	PK, SK string
	Done   bool
}

func newWalk(now time.Time) walk {
	return walk{StartedAt: migration.Millis(now), Open: ledger.Day(now.Add(-closingDelay)), Recount: recount{}}
}

// visitor is told, by several goroutines at once, what a walk meets. What it was told and returned no error for it is not told
// again, also if the walk goes on later.
type visitor interface {
	visitStreams(ctx context.Context, streams []folded) error
	visitItems(ctx context.Context, items []item) error // of the progress table: records, and whatever else there is
}

// walk goes on with w until all is walked, or until the given time, if it is not zero. It returns whether all is.
func (s *Store) walk(ctx context.Context, w *walk, until time.Time, v visitor) (bool, error) {
	walking, cancel := context.WithCancel(ctx)
	if !until.IsZero() {
		walking, cancel = context.WithDeadline(ctx, until)
	}
	defer cancel()

	group, groupCtx := errgroup.WithContext(walking)
	for i := range segments {
		group.Go(func() error {
			streams := streams(s.scan(groupCtx, s.config.AuditTable, i, w.Streams[i]))
			return inBatches(groupCtx, &w.Streams[i], streams, v.visitStreams, func(f folded) cursor { return f.last })
		})
		group.Go(func() error {
			items := s.scan(groupCtx, s.config.ProgressTable, i, w.Items[i])
			return inBatches(groupCtx, &w.Items[i], items, v.visitItems, cursorAt)
		})
	}
	err := group.Wait()
	if err != nil && ctx.Err() == nil && errors.Is(walking.Err(), context.DeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// inBatches hands what comes to visit, and moves the cursor behind what was visited.
func inBatches[T any](
	ctx context.Context, c *cursor, all iter.Seq2[T, error], visit func(context.Context, []T) error, last func(T) cursor,
) error {
	if c.Done {
		return nil
	}
	var batch []T
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := visit(ctx, batch); err != nil {
			return err
		}
		*c = last(batch[len(batch)-1])
		clear(batch)
		batch = batch[:0]
		return nil
	}
	for one, err := range all {
		if err != nil {
			return err
		}
		if batch = append(batch, one); len(batch) == batchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	c.Done = true
	return nil
}

func cursorAt(it item) cursor { return cursor{PK: attribute(it, "pk"), SK: attribute(it, "sk")} }

// scan reads a segment of a table behind the cursor. Items of one partition key come together, in the order of their sort keys.
func (s *Store) scan(ctx context.Context, table string, segment int, after cursor) iter.Seq2[item, error] {
	input := &dynamodb.ScanInput{
		TableName: &table, Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(segments), ConsistentRead: aws.Bool(true),
	}
	if after.PK != "" {
		input.ExclusiveStartKey = key(after.PK, after.SK)
	}
	return func(yield func(item, error) bool) {
		for pages := dynamodb.NewScanPaginator(s.client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, wrap(err, "walk through %s", table))
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// query reads what a Query finds.
func (s *Store) query(ctx context.Context, input *dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for pages := dynamodb.NewQueryPaginator(s.client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, wrap(err, "read %s", *input.TableName))
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// batchGet reads at most batchSize items, consistently, and returns those that are there by their partition keys.
func (s *Store) batchGet(ctx context.Context, table string, keys []item) (map[string]item, error) {
	found := make(map[string]item, len(keys))
	request := map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: aws.Bool(true)}}
	for len(keys) > 0 && len(request) > 0 {
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return nil, wrap(err, "read %s", table)
		}
		for _, it := range out.Responses[table] {
			found[attribute(it, "pk")] = it
		}
		request = out.UnprocessedKeys
	}
	return found, nil
}

// folded is what a user's stream comes to.
type folded struct {
	sub      string
	events   int
	record   migration.Record
	counts   []count
	findings []ledger.Finding // none if the stream is whole; what it comes to has no meaning else
	last     cursor
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
		f.last = cursorAt(it)
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
	for {
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
		}})
		var canceled *types.TransactionCanceledException
		switch {
		case errors.As(err, &canceled) && transient(canceled.CancellationReasons) && ctx.Err() == nil:
		case err != nil:
			return folded{}, nil, wrap(err, "read user %s", sub)
		case len(out.Responses[1].Item) == 0:
			return fold(sub, stream), out.Responses[0].Item, nil
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

// recount is what tallies must hold, by their sort key.
type recount map[string]ledger.Tally

func (r recount) add(c count) {
	t, ok := r[c.tally]
	if !ok {
		t = ledger.Tally{Period: c.tally, Counters: migration.Counters{}}
	}
	t.Counters.Add(c.counters)
	if c.at.After(t.RecordedAt) {
		t.RecordedAt = c.at
	}
	r[c.tally] = t
}

// periods sums the recount up by day and by month.
func (r recount) periods() (days, months map[string]ledger.Tally) {
	byDay, byMonth := map[string][]ledger.Tally{}, map[string][]ledger.Tally{}
	for tally, t := range r {
		day := dayOf(tally)
		byDay[day] = append(byDay[day], t)
	}
	days, months = map[string]ledger.Tally{}, map[string]ledger.Tally{}
	for day, tallies := range byDay {
		days[day] = sum(day, tallies)
		month := day[:len("2006-01")]
		byMonth[month] = append(byMonth[month], days[day])
	}
	for month, tallies := range byMonth {
		t := sum(month, tallies)
		t.Days = map[string]ledger.Totals{}
		for _, day := range tallies {
			maps.Copy(t.Days, day.Days)
		}
		months[month] = t
	}
	return days, months
}

// union returns the keys of both, in order.
func union[A, B any](a map[string]A, b map[string]B) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// stored is what the shards of a tally add up to.
type stored struct {
	counters   migration.Counters
	unreadable bool // one of them, which is left out
}

// differs tells how two counts differ; it is empty if they don't.
func differs(got, recounted migration.Counters) string {
	var differences []string
	for _, name := range union(got, recounted) {
		if got[name] != recounted[name] {
			differences = append(differences, fmt.Sprintf("%s is %d, recounted %d", name, got[name], recounted[name]))
		}
	}
	return strings.Join(differences, "; ")
}

// differs tells how the shards differ from what was recounted; it is empty if they don't.
func (st stored) differs(recounted migration.Counters) string {
	if st.unreadable {
		return "a shard cannot be read"
	}
	return differs(st.counters, recounted)
}

// dayOf is the day of a tally's sort key.
func dayOf(tally string) string {
	day, _, _ := strings.Cut(tally, "#")
	return day
}

// The sort keys before and behind all others.
const lowest, highest = " ", "~"

// partition reads the items of a partition of the progress table whose sort keys are between two, those included.
func (s *Store) partition(ctx context.Context, pk, from, to string) iter.Seq2[item, error] {
	return s.query(ctx, &dynamodb.QueryInput{
		TableName:                 &s.config.ProgressTable,
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: item{":pk": text(pk), ":from": text(from), ":to": text(to)},
		ConsistentRead:            aws.Bool(true),
	})
}

// counted adds up what the shards hold, for each tally between two sort keys.
func (s *Store) counted(ctx context.Context, from, to string) (map[string]stored, error) {
	var shards [tallyShards]map[string]stored
	group, ctx := errgroup.WithContext(ctx)
	for i := range shards {
		group.Go(func() error {
			shards[i] = map[string]stored{}
			for it, err := range s.partition(ctx, tallyShard(i), from, to) {
				if err != nil {
					return err
				}
				tally, err := unmarshalTally(it)
				shards[i][attribute(it, "sk")] = stored{tally.Counters, err != nil}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	sum := map[string]stored{}
	for _, shard := range shards {
		for tally, st := range shard {
			total, ok := sum[tally]
			if !ok {
				total.counters = migration.Counters{}
			}
			total.counters.Add(st.counters)
			total.unreadable = total.unreadable || st.unreadable
			sum[tally] = total
		}
	}
	return sum, nil
}

// keep puts a value into the progress table.
func (s *Store) keep(ctx context.Context, k item, value any) error {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(zip).Encode(value), zip.Close()); err != nil {
		return wrap(err, "keep %s", attribute(k, "pk"))
	}
	it := maps.Clone(k)
	it["value"] = &types.AttributeValueMemberB{Value: b.Bytes()}
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.config.ProgressTable, Item: it})
	return wrap(err, "keep %s", attribute(k, "pk"))
}

// kept reads a value that was kept. It returns false if there is none, or none that this code can read.
func (s *Store) kept(ctx context.Context, k item, value any) (bool, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.config.ProgressTable, Key: k, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return false, wrap(err, "read %s", attribute(k, "pk"))
	}
	b, ok := out.Item["value"].(*types.AttributeValueMemberB)
	return ok && unzip(b.Value, value) == nil, nil
}

func unzip(b []byte, value any) error {
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return json.NewDecoder(zip).Decode(value)
}

func (s *Store) forget(ctx context.Context, k item) error {
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.config.ProgressTable, Key: k})
	return wrap(err, "forget %s", attribute(k, "pk"))
}
