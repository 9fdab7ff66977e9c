package table

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// The stored form, as docs/record-format.md has it. Events that are written can't be mended: it never changes, but for a new schema.
func TestStoredFormIsPinned(t *testing.T) {
	at := time.Date(2026, 7, 14, 23, 59, 59, 120e6, time.UTC)
	event := migration.Event{
		Schema: 1, Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", Seq: 1, ID: "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", Kind: migration.Attempt,
		At: at, RecordedAt: at.Add(time.Second), Trigger: migration.SignIn, Outcome: migration.Rejected,
		Reason: migration.ChallengeRequired, Challenge: "SMS_MFA", Factors: []string{"SMS_MFA"},
		RequestID: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", FunctionVersion: "7", Hash: "5eed",
	}
	eventItem, err := MarshalEvent(event, 1)
	if err != nil {
		t.Fatal(err)
	}
	recordItem, err := MarshalRecord(migration.Fold([]migration.Event{event}))
	if err != nil {
		t.Fatal(err)
	}
	month := ledger.DayTally("2026-07", migration.Counters{"Authentication.migrated": 2}, at)
	month.Days = map[string]ledger.Totals{"2026-07-14": {Migrated: 2, FirstHandovers: 1, Came: 3, Blocked: 4, Released: 2}}
	monthItem, err := MarshalTally(ClosedMonths, month)
	if err != nil {
		t.Fatal(err)
	}
	entry := migration.Event{
		Schema: 1, Sub: journal.Stream, Seq: 1, ID: event.ID, Kind: journal.Census, At: at, RecordedAt: at, Factors: []string{},
		FunctionVersion: "7", Hash: "5eed", Evidence: `{"started_at":"2026-07-14T22:00:00Z","old":{"users":9,"remaining":4}}`,
	}
	entryItem, err := MarshalEntry(entry)
	if err != nil {
		t.Fatal(err)
	}
	journalItem, err := MarshalJournal(journal.Fold([]migration.Event{entry}))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		item Item
		want string
	}{
		"event": {eventItem, `{
			"pk": "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", "sk": "0000000001",
			"schema": 1, "sub": "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", "seq": 1, "id": "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", "type": "attempt",
			"at": "2026-07-14T23:59:59.12Z", "recorded_at": "2026-07-15T00:00:00.12Z", "trigger": "UserMigration_Authentication",
			"outcome": "rejected", "reason": "challenge", "challenge": "SMS_MFA", "factors": ["SMS_MFA"],
			"request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "function_version": "7", "prev": "", "hash": "5eed",
			"day_shard": "2026-07-15#2", "day_sort": "00:00:00.120#01K0FZQ4T4Z3M6Y0S2J8H5V7XN", "tally": "2026-07-15#1"}`},
		"record": {recordItem, `{
			"pk": "user#0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", "sk": "record",
			"sub": "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", "version": 1, "id": "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", "hash": "5eed",
			"status": "blocked", "reason": "challenge", "challenge": "SMS_MFA", "since": "2026-07-14T23:59:59.12Z",
			"first_at": "2026-07-14T23:59:59.12Z", "last_at": "2026-07-14T23:59:59.12Z", "reoffered": 0,
			"seen": {"Authentication.rejected.challenge.SMS_MFA": "2026-07-14T23:59:59.12Z"},
			"attention": "blocked.challenge.SMS_MFA#2",
			"attention_sort": "2026-07-14T23:59:59.120Z#0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10"}`},
		"closed month": {monthItem, `{
			"pk": "tally#months", "sk": "2026-07", "Authentication.migrated": 2, "recorded_at": "2026-07-14T23:59:59.12Z",
			"days": {"2026-07-14": {"migrated": 2, "rejected": 0, "failed": 0, "arrived": 1, "came": 3, "blocked": 4, "released": 2}}}`},
		"entry": {entryItem, `{
			"pk": "journal", "sk": "0000000001", "schema": 1, "sub": "journal", "seq": 1, "id": "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", "type": "census",
			"at": "2026-07-14T23:59:59.12Z", "recorded_at": "2026-07-14T23:59:59.12Z", "trigger": "", "outcome": "", "reason": "", "challenge": "",
			"factors": [], "request_id": "", "function_version": "7", "prev": "", "hash": "5eed",
			"evidence": "{\"started_at\":\"2026-07-14T22:00:00Z\",\"old\":{\"users\":9,\"remaining\":4}}",
			"day_shard": "2026-07-14#0", "day_sort": "23:59:59.120#01K0FZQ4T4Z3M6Y0S2J8H5V7XN"}`},
		"journal": {journalItem, `{
			"pk": "journal", "sk": "record", "version": 1, "id": "01K0FZQ4T4Z3M6Y0S2J8H5V7XN", "hash": "5eed",
			"declaration": "", "census_at": "2026-07-14T22:00:00Z", "verdict": "", "verdict_at": "0001-01-01T00:00:00Z",
			"ready_at": "0001-01-01T00:00:00Z", "counts": [{"day": "2026-07-14", "users": 9, "remaining": 4}]}`},
	} {
		var got, want map[string]any
		if err := attributevalue.UnmarshalMap(tt.item, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// The number of tally shards is part of the form as well: a user's counts stay in one shard.
	if key := TallyShard(Shard(event.Sub, TallyShards)); key != "tally#02" {
		t.Errorf("the user's tally is %s", key)
	}
}

// A month that an earlier version closed does not have who came. Until it is closed again it counts the most who may have come, not nobody.
func TestAMonthWithoutWhoCameIsNotQuiet(t *testing.T) {
	month := ledger.DayTally("2026-07", migration.Counters{}, time.Time{})
	month.Days = map[string]ledger.Totals{"2026-07-14": {Migrated: 7, Rejected: 3, FirstHandovers: 5, Came: 6}, "2026-07-15": {Migrated: 2, Came: 1}}
	item, err := MarshalTally(ClosedMonths, month)
	if err != nil {
		t.Fatal(err)
	}
	day := item["days"].(*types.AttributeValueMemberM).Value["2026-07-14"].(*types.AttributeValueMemberM).Value
	for _, figure := range []string{"came", "blocked", "released"} {
		delete(day, figure)
	}
	got, err := UnmarshalTally(item)
	if err != nil {
		t.Fatal(err)
	}
	if first, second := got.Days["2026-07-14"].Came, got.Days["2026-07-15"].Came; first != 5+3 || second != 1 {
		t.Errorf("%d came on the day that lacks it, and %d on the other", first, second)
	}
}
