package dynamo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

type item = map[string]types.AttributeValue

func userKey(sub string) string { return "user#" + sub }

func tallyKey(shard int) string { return fmt.Sprintf("tally#%02d", shard) }

func key(pk, sk string) item { return item{"pk": text(pk), "sk": text(sk)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

// Stored attributes have the names that the values have in JSON.
func jsonTags(o *attributevalue.EncoderOptions) { o.TagKey = "json" }

func unmarshal(it item, out any) error {
	return attributevalue.UnmarshalMapWithOptions(it, out, func(o *attributevalue.DecoderOptions) { o.TagKey = "json" })
}

func marshalEvent(e migration.Event) (item, error) {
	it, err := attributevalue.MarshalMapWithOptions(e, jsonTags)
	if err != nil {
		return nil, err
	}
	it["pk"], it["sk"] = text(e.Sub), text(fmt.Sprintf("%010d", e.Seq))
	// For the index by_day: a period's events in the order of their recording, without a scan.
	it["day_shard"] = text(fmt.Sprintf("%s#%d", ledger.Day(e.RecordedAt), shard(e.Sub, dayShards)))
	it["day_sort"] = text(e.RecordedAt.Format("15:04:05.000") + "#" + e.ID)
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
	if r.Status == migration.Blocked || r.Status == migration.Arrived {
		// For the sparse index attention: who needs it, oldest first.
		it["attention"] = text(fmt.Sprintf("%s#%d", r.Standing(), shard(r.Sub, attentionShards)))
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

func unmarshalTally(it item) (ledger.Tally, error) {
	tally := ledger.Tally{Day: attribute(it, "sk"), Counters: migration.Counters{}}
	var err error
	if tally.RecordedAt, err = time.Parse(time.RFC3339Nano, attribute(it, "recorded_at")); err != nil {
		return tally, fmt.Errorf("read tally %s of %s: %w", attribute(it, "pk"), tally.Day, err)
	}
	for name, value := range it {
		n, ok := value.(*types.AttributeValueMemberN)
		if !ok {
			continue // the keys, and the time
		}
		if tally.Counters[name], err = strconv.Atoi(n.Value); err != nil {
			return tally, fmt.Errorf("read tally %s of %s, counter %s: %w", attribute(it, "pk"), tally.Day, name, err)
		}
	}
	return tally, nil
}

func attribute(it item, name string) string {
	s, _ := it[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
