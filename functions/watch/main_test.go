package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

func TestEveryChangeIsReportedByItsKeysAlone(t *testing.T) {
	// As a stream of KEYS_ONLY records it.
	const batch = `{"Records":[
		{"eventName":"MODIFY","dynamodb":{"ApproximateCreationDateTime":1767225600,
			"Keys":{"pk":{"S":"11111111-2222-4333-8444-555555555555"},"sk":{"S":"0000000001"}}}},
		{"eventName":"REMOVE","dynamodb":{"ApproximateCreationDateTime":1767225601,
			"Keys":{"pk":{"S":"11111111-2222-4333-8444-555555555555"},"sk":{"S":"0000000002"}}}}
	]}`
	var event events.DynamoDBEvent
	if err := json.Unmarshal([]byte(batch), &event); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	handle, err := run([]string{"METRICS_NAMESPACE=Test"}, slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time {
		return time.UnixMilli(1767225602000)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := handle(t.Context(), event); err != nil {
		t.Fatal(err)
	}

	type line = map[string]any
	reported := func(change, seq, at string) line {
		return line{
			"level": "ERROR", "msg": "audit table touched", "change": change,
			"sub": "11111111-2222-4333-8444-555555555555", "seq": seq, "at": at,
			"AuditTableTouched": 1.0,
			"_aws": line{"Timestamp": 1767225602000.0, "CloudWatchMetrics": []any{line{
				"Namespace": "Test", "Dimensions": []any{[]any{}},
				"Metrics": []any{line{"Name": "AuditTableTouched", "Unit": "Count"}},
			}}},
		}
	}
	want := []line{
		reported("MODIFY", "0000000001", "2026-01-01T00:00:00Z"),
		reported("REMOVE", "0000000002", "2026-01-01T00:00:01Z"),
	}
	var got []line
	for decoder := json.NewDecoder(&log); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		delete(l, "time")
		got = append(got, l)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log lines (-want +got):\n%s", diff)
	}
}
