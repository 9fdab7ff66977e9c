package main

import (
	"strings"
	"testing"
)

// A mistake in the configuration is found at start, named by its variable, and told what is allowed.
func TestConfiguration(t *testing.T) {
	good := []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "NEW_USER_POOL_ID=eu-west-1_nEwP00l02",
		"AUDIT_TABLE=audit", "PROGRESS_TABLE=progress", "PROBE_APP_CLIENT_ID=1example23456789",
	}
	for change, want := range map[string]string{
		"": "", "PROBE_APP_CLIENT_ID=": "", "PROBE_APP_CLIENT_ID=my client": "letters and digits",
		"NEW_USER_POOL_ID=": "NEW_USER_POOL_ID", "PROGRESS_TABLE=audit": "not the same",
	} {
		_, err := run(t.Context(), append(good[:len(good):len(good)], change))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}
