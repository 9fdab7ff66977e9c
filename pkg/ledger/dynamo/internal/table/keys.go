package table

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// How items are spread, so that no partition takes all the writes. The numbers are part of the stored format.
const (
	TallyShards     = 32 // tally items a day
	DayShards       = 8  // partitions of the index by_day, a day
	AttentionShards = 4  // partitions of the index attention, a standing
)

// Shard returns which of n shards holds a user's items.
func Shard(sub string, n uint32) int {
	h := fnv.New32a()
	h.Write([]byte(sub))
	return int(h.Sum32() % n)
}

// UserKey is the partition of a user's record in the progress table.
func UserKey(sub string) string { return "user#" + sub }

// The partitions of the tallies: a shard's open and closed days, the closed days of all shards, and the closed months.
const (
	ClosedDays   = "tally#days"
	ClosedMonths = "tally#months"
)

// TallyShard is the partition of a shard's tallies.
func TallyShard(shard int) string { return fmt.Sprintf("tally#%02d", shard) }

// TallySort is the sort key of a shard's tally for a day. A tally that is sealed takes no more counts, and the day goes on in the
// next generation: so a rebuild can count again what is in it, exactly, while others write.
func TallySort(day string, generation int) string {
	if generation == 0 {
		return day
	}
	return fmt.Sprintf("%s#%d", day, generation)
}

// DaySort is the time in the sort key of the index by_day.
const DaySort = "15:04:05.000"

// DaySortOf is an event's sort key in the index by_day.
func DaySortOf(e migration.Event) string { return e.RecordedAt.Format(DaySort) + "#" + e.ID }

// AttentionSort is the time in the sort key of the index attention.
const AttentionSort = "2006-01-02T15:04:05.000Z"

// AttentionKey is a partition of the index attention.
func AttentionKey(standing string, shard int) string { return fmt.Sprintf("%s#%d", standing, shard) }

// Key is the primary key of an item in either table.
func Key(pk, sk string) Item { return Item{"pk": Text(pk), "sk": Text(sk)} }

// Beginning sorts before every day.
const Beginning = "0000-00-00"

// AddDays moves a day by n days.
func AddDays(day string, n int) (string, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "", fmt.Errorf("%q is no day: %w", day, err)
	}
	return t.AddDate(0, 0, n).Format(time.DateOnly), nil
}

// Sequence reads an event's sequence number from its key; zero if the key has none.
func Sequence(it Item) int {
	n, _ := strconv.Atoi(Attribute(it, "sk"))
	return n
}

// Generation returns the generation of the tally that an event names.
func Generation(it Item) int {
	_, generation, _ := strings.Cut(Attribute(it, "tally"), "#")
	n, _ := strconv.Atoi(generation)
	return n
}

// RecordKey is the key of a user's record.
func RecordKey(sub string) Item { return Key(UserKey(sub), "record") }

// JournalKey is the key of the journal's state in the progress table.
var JournalKey = Key("journal", "record")

// EventKey is the key of a user's event.
func EventKey(sub string, seq int) Item { return Key(sub, fmt.Sprintf("%010d", seq)) }

// RecordOf returns the user of a record in the progress table; false if the item is not a record.
func RecordOf(it Item) (string, bool) {
	sub, ok := strings.CutPrefix(Attribute(it, "pk"), UserKey(""))
	return sub, ok && sub != "" && Attribute(it, "sk") == "record"
}

// DayOf is the day of a tally's sort key.
func DayOf(tally string) string {
	day, _, _ := strings.Cut(tally, "#")
	return day
}

// The sort keys before and behind all others.
const Lowest, Highest = " ", "\U0010FFFF"
