package main

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
)

var environ = []string{
	"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
	"AUDIT_TABLE=audit", "PROGRESS_TABLE=progress",
	"SPOOL_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/spool",
	"DEAD_LETTER_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
}

// What is not understood is not done, and the answer says what is allowed.
func TestRequestsThatAreNotUnderstood(t *testing.T) {
	handler, err := run(t.Context(), environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"", "null", "[]", "{}", `{"view":"delete"}`, `{"view":1}`, `{"view":"verify","day":"yesterday"}`, `{"view":"verify","seconds":-1}`,
		`{"view":"verify","every_hours":-1}`, `{"view":"verify","username":"ada"}`, `{"view":"verify","sub":"x","day":"2026-07-14"}`,
	} {
		answer, err := handler(t.Context(), []byte(request))
		if err == nil || !strings.Contains(err.Error(), `allowed is {"view":"verify"}`) {
			t.Errorf("%s: %v, %v", request, answer, err)
		}
	}
}

// A view of another form names its own fields.
func TestRebuildsThatAreNotUnderstood(t *testing.T) {
	handler, err := run(t.Context(), environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{`{"view":"rebuild","seconds":"x"}`, `{"view":"rebuild","day":"2026-07-14"}`} {
		answer, err := handler(t.Context(), []byte(request))
		if err == nil || !strings.Contains(err.Error(), `allowed is {"view":"rebuild"} with "anew", "seconds"`) {
			t.Errorf("%s: %v, %v", request, answer, err)
		}
	}
}

// The alarm rings from the first finding until all was verified and nothing found.
func TestFindingsAreMeasured(t *testing.T) {
	for name, tt := range map[string]struct {
		request  verifyRequest
		verified ledger.Verification
		want     bool
	}{
		"everything, and nothing found":   {verifyRequest{}, ledger.Verification{Complete: true}, true},
		"everything, and something found": {verifyRequest{}, ledger.Verification{Complete: true, Found: ledger.Found{FindingCount: 2}}, true},
		"nothing found so far":            {verifyRequest{}, ledger.Verification{}, false},
		"something found so far":          {verifyRequest{}, ledger.Verification{Found: ledger.Found{FindingCount: 2}}, true},
		"one user is clean":               {verifyRequest{Sub: "x"}, ledger.Verification{Complete: true}, false},
		"one user is not":                 {verifyRequest{Sub: "x"}, ledger.Verification{Complete: true, Found: ledger.Found{FindingCount: 2}}, true},
		"one day is clean":                {verifyRequest{Day: "x"}, ledger.Verification{Complete: true}, false},
	} {
		found := func(a slog.Attr) bool {
			return a.Key == metricVerifyFindings && a.Value.Float64() == float64(tt.verified.FindingCount)
		}
		if got := slices.ContainsFunc(measured(tt.request, tt.verified, "x"), found); got != tt.want {
			t.Errorf("%s: measured %t, want %t", name, got, tt.want)
		}
	}
}
