package table

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Item is an item of either table.
type Item = map[string]types.AttributeValue

// Text is a string as an attribute.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Number is a number as an attribute.
func Number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

// Stored attributes have the names that the values have in JSON.
func jsonTags(o *attributevalue.EncoderOptions) { o.TagKey = "json" }

func unmarshal(it Item, out any) error {
	return attributevalue.UnmarshalMapWithOptions(it, out, func(o *attributevalue.DecoderOptions) { o.TagKey = "json" })
}

// MarshalEvent makes an event the item that is stored. The generation is that of the tally that counts it.
func MarshalEvent(e migration.Event, generation int) (Item, error) {
	it, err := MarshalEntry(e)
	if err != nil {
		return nil, err
	}
	// The tally that counts the event, for a rebuild.
	it["tally"] = Text(TallySort(ledger.Day(e.RecordedAt), generation))
	return it, nil
}

// MarshalEntry makes an entry of the journal, which no tally counts, the item that is stored.
func MarshalEntry(e migration.Event) (Item, error) {
	it, err := attributevalue.MarshalMapWithOptions(e, jsonTags)
	if err != nil {
		return nil, err
	}
	it["pk"], it["sk"] = Text(e.Sub), Text(fmt.Sprintf("%010d", e.Seq))
	// For the index by_day: a period's events in the order of their recording, without a scan.
	it["day_shard"] = Text(fmt.Sprintf("%s#%d", ledger.Day(e.RecordedAt), Shard(e.Sub, DayShards)))
	it["day_sort"] = Text(DaySortOf(e))
	return it, nil
}

// UnmarshalEvent reads an event.
func UnmarshalEvent(it Item) (migration.Event, error) {
	var e migration.Event
	if err := unmarshal(it, &e); err != nil {
		return e, fmt.Errorf("read an event of stream %s: %w", Attribute(it, "pk"), err)
	}
	return e, nil
}

// MarshalRecord makes a record the item that is stored.
func MarshalRecord(r migration.Record) (Item, error) {
	it, err := attributevalue.MarshalMapWithOptions(r, jsonTags)
	if err != nil {
		return nil, err
	}
	it["pk"], it["sk"] = Text(UserKey(r.Sub)), Text("record")
	if r.Status == migration.StatusBlocked || r.Status == migration.StatusMigrated {
		// For the sparse index attention: who needs it, oldest first.
		it["attention"] = Text(AttentionKey(r.Standing(), Shard(r.Sub, AttentionShards)))
		it["attention_sort"] = Text(r.Since.Format(AttentionSort) + "#" + r.Sub)
	}
	return it, nil
}

// UnmarshalRecord reads a record. Without an item it returns the zero Record.
func UnmarshalRecord(it Item) (migration.Record, error) {
	var r migration.Record
	if err := unmarshal(it, &r); err != nil {
		return r, fmt.Errorf("read record %s: %w", Attribute(it, "pk"), err)
	}
	return r, nil
}

// MarshalJournal makes the state of the journal the item that is stored.
func MarshalJournal(s journal.State) (Item, error) {
	it, err := attributevalue.MarshalMapWithOptions(s, jsonTags)
	if err != nil {
		return nil, err
	}
	maps.Copy(it, JournalKey)
	return it, nil
}

// UnmarshalJournal reads the state of the journal. Without an item it returns the zero State.
func UnmarshalJournal(it Item) (journal.State, error) {
	var s journal.State
	if err := unmarshal(it, &s); err != nil {
		return s, fmt.Errorf("read the journal's state: %w", err)
	}
	return s, nil
}

// MarshalTally makes a tally the item of a partition.
func MarshalTally(pk string, t ledger.Tally) (Item, error) {
	it := Key(pk, t.Period)
	for name, n := range t.Counters {
		it[name] = Number(n)
	}
	if !t.RecordedAt.IsZero() {
		it["recorded_at"] = Text(t.RecordedAt.Format(time.RFC3339Nano))
	}
	if pk == ClosedMonths {
		days, err := attributevalue.MarshalWithOptions(t.Days, jsonTags)
		if err != nil {
			return nil, err
		}
		it["days"] = days
	}
	return it, nil
}

// UnmarshalTally reads a tally.
func UnmarshalTally(it Item) (ledger.Tally, error) {
	wrong := func(err error) (ledger.Tally, error) {
		return ledger.Tally{}, fmt.Errorf("read tally %s of %s: %w", Attribute(it, "pk"), Attribute(it, "sk"), err)
	}
	counters := migration.Counters{}
	for name, value := range it {
		if n, ok := value.(*types.AttributeValueMemberN); ok {
			count, err := strconv.Atoi(n.Value)
			if err != nil {
				return wrong(err)
			}
			counters[name] = count
		}
	}
	var rest struct {
		RecordedAt time.Time                `json:"recorded_at"`
		Days       map[string]ledger.Totals `json:"days"`
	}
	if err := unmarshal(it, &rest); err != nil {
		return wrong(err)
	}
	period, _, _ := strings.Cut(Attribute(it, "sk"), "#") // without its generation
	t := ledger.DayTally(period, counters, rest.RecordedAt)
	if rest.Days != nil {
		t.Days = rest.Days
	}
	// A month that was closed before it was counted who came says so only when it is closed again. Until then it counts the most who may
	// have come: a block takes a rejected attempt. Nobody there would look like a quiet month.
	for _, day := range DaysWithoutCame(it) {
		totals := t.Days[day]
		totals.Came = totals.FirstHandovers + totals.Rejected
		t.Days[day] = totals
	}
	return t, nil
}

// DaysWithoutCame returns the days of a closed month that lack the figure who came: a version closed it that did not count that.
func DaysWithoutCame(month Item) []string {
	days, _ := month["days"].(*types.AttributeValueMemberM)
	if days == nil {
		return nil
	}
	var lacking []string
	for name, day := range days.Value {
		if figures, ok := day.(*types.AttributeValueMemberM); ok && figures.Value["came"] == nil {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// Attribute returns an item's string by its name; empty if there is none.
func Attribute(it Item, name string) string {
	s, _ := it[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// Differing returns the sorted names of the attributes in which the two items differ.
func Differing(a, b Item) []string {
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
