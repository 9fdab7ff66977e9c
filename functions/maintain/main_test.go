package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// What is not understood is not done, and the answer says what is allowed.
func TestRequestsThatAreNotUnderstood(t *testing.T) {
	handler, err := run(t.Context(), []string{"AUDIT_TABLE=audit", "PROGRESS_TABLE=progress"})
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"", "null", "[]", "{}", `{"view":"delete"}`, `{"view":1}`, `{"view":"verify","day":"yesterday"}`, `{"view":"verify","seconds":-1}`,
		`{"view":"rebuild","seconds":"x"}`,
	} {
		answer, err := handler(t.Context(), []byte(request))
		if err == nil || !strings.Contains(err.Error(), `{"view":"rebuild"}`) {
			t.Errorf("%s: %v, %v", request, answer, err)
		}
	}
}

// A walk stops in time for what comes after it.
func TestUntil(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	for seconds, want := range map[int]time.Duration{0: 90 * time.Second, 30: 30 * time.Second, 300: 90 * time.Second} {
		if got := time.Until(until(ctx, seconds)); got > want || got < want-time.Second {
			t.Errorf("%d seconds of 100: %s, want %s", seconds, got, want)
		}
	}
}
