package dynamo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

type item = map[string]types.AttributeValue

func userKey(sub string) string { return "user#" + sub }

// The partitions of the tallies: a shard's open and closed days, the closed days of all shards, and the closed months.
const (
	closedDays   = "tally#days"
	closedMonths = "tally#months"
)

func tallyShard(shard int) string { return fmt.Sprintf("tally#%02d", shard) }

// tallySort is the sort key of a shard's tally for a day. A tally that is sealed takes no more counts, and the day goes on in the
// next generation: so a rebuild can count again what is in it, exactly, while others write.
func tallySort(day string, generation int) string {
	if generation == 0 {
		return day
	}
	return fmt.Sprintf("%s#%d", day, generation)
}

// daySort is the time in the sort key of the index by_day.
const daySort = "15:04:05.000"

func daySortOf(e migration.Event) string { return e.RecordedAt.Format(daySort) + "#" + e.ID }

func attentionKey(standing string, shard int) string { return fmt.Sprintf("%s#%d", standing, shard) }

func key(pk, sk string) item { return item{"pk": text(pk), "sk": text(sk)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

// Stored attributes have the names that the values have in JSON.
func jsonTags(o *attributevalue.EncoderOptions) { o.TagKey = "json" }

func unmarshal(it item, out any) error {
	return attributevalue.UnmarshalMapWithOptions(it, out, func(o *attributevalue.DecoderOptions) { o.TagKey = "json" })
}

func marshalEvent(e migration.Event, generation int) (item, error) {
	it, err := attributevalue.MarshalMapWithOptions(e, jsonTags)
	if err != nil {
		return nil, err
	}
	it["pk"], it["sk"] = text(e.Sub), text(fmt.Sprintf("%010d", e.Seq))
	// For the index by_day: a period's events in the order of their recording, without a scan.
	it["day_shard"] = text(fmt.Sprintf("%s#%d", ledger.Day(e.RecordedAt), shard(e.Sub, dayShards)))
	it["day_sort"] = text(daySortOf(e))
	// The tally that counts the event, for a rebuild.
	it["tally"] = text(tallySort(ledger.Day(e.RecordedAt), generation))
	return it, nil
}

func unmarshalEvent(it item) (migration.Event, error) {
	var e migration.Event
	if err := unmarshal(it, &e); err != nil {
		return e, fmt.Errorf("read an event of stream %s: %w", attribute(it, "pk"), err)
	}
	return e, nil
}

func marshalRecord(r migration.Record) (item, error) {
	it, err := attributevalue.MarshalMapWithOptions(r, jsonTags)
	if err != nil {
		return nil, err
	}
	it["pk"], it["sk"] = text(userKey(r.Sub)), text("record")
	if r.Status == migration.StatusBlocked || r.Status == migration.StatusMigrated {
		// For the sparse index attention: who needs it, oldest first.
		it["attention"] = text(attentionKey(r.Standing(), shard(r.Sub, attentionShards)))
		it["attention_sort"] = text(r.Since.Format("2006-01-02T15:04:05.000Z") + "#" + r.Sub)
	}
	return it, nil
}

func unmarshalRecord(it item) (migration.Record, error) {
	var r migration.Record
	if err := unmarshal(it, &r); err != nil {
		return r, fmt.Errorf("read record %s: %w", attribute(it, "pk"), err)
	}
	return r, nil
}

func marshalTally(pk string, t ledger.Tally) (item, error) {
	it := key(pk, t.Period)
	for name, n := range t.Counters {
		it[name] = number(n)
	}
	if !t.RecordedAt.IsZero() {
		it["recorded_at"] = text(t.RecordedAt.Format(time.RFC3339Nano))
	}
	if pk == closedMonths {
		days, err := attributevalue.MarshalWithOptions(t.Days, jsonTags)
		if err != nil {
			return nil, err
		}
		it["days"] = days
	}
	return it, nil
}

func unmarshalTally(it item) (ledger.Tally, error) {
	wrong := func(err error) (ledger.Tally, error) {
		return ledger.Tally{}, fmt.Errorf("read tally %s of %s: %w", attribute(it, "pk"), attribute(it, "sk"), err)
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
	period, _, _ := strings.Cut(attribute(it, "sk"), "#") // without its generation
	t := ledger.DayTally(period, counters, rest.RecordedAt)
	if rest.Days != nil {
		t.Days = rest.Days
	}
	return t, nil
}

func attribute(it item, name string) string {
	s, _ := it[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
