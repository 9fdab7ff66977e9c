package emf_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
)

// A line carries CloudWatch's metadata, and each metric's value and each dimension as a field at its top level.
func TestAttrs(t *testing.T) {
	var line bytes.Buffer
	attrs := emf.Attrs(time.UnixMilli(1_700_000_000_123), "Migration",
		emf.Directive{
			Dimensions: [][]string{{"Outcome"}, {}},
			Metrics:    []emf.Metric{{Name: "Attempts", Unit: emf.Count, Value: 1}},
		},
		emf.Directive{Dimensions: [][]string{{}}}, // without metrics: not named
		emf.Directive{Dimensions: [][]string{{}}, Metrics: []emf.Metric{{Name: "Latency", Unit: emf.Milliseconds, Value: 28.5}}},
	)
	slog.New(slog.NewJSONHandler(&line, nil)).LogAttrs(t.Context(), slog.LevelInfo, "attempt", append(attrs, slog.String("Outcome", "migrated"))...)

	var got map[string]any
	if err := json.Unmarshal(line.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "attempt", "Outcome": "migrated", "Attempts": 1.0, "Latency": 28.5,
		"_aws": map[string]any{
			"Timestamp": 1_700_000_000_123.0,
			"CloudWatchMetrics": []any{
				map[string]any{
					"Namespace": "Migration", "Dimensions": []any{[]any{"Outcome"}, []any{}},
					"Metrics": []any{map[string]any{"Name": "Attempts", "Unit": "Count"}},
				},
				map[string]any{
					"Namespace": "Migration", "Dimensions": []any{[]any{}},
					"Metrics": []any{map[string]any{"Name": "Latency", "Unit": "Milliseconds"}},
				},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}
