package main

import (
	"strings"
	"testing"
)

// A mistake in the configuration is found at start, named by its variable, and told what is allowed.
func TestConfiguration(t *testing.T) {
	good := []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"USER_POOL_ID=eu-west-1_aB3dE5gH7", "APP_CLIENT_ID=1example23456789", "NEW_USER_POOL_ID=eu-west-1_nEwP00l02",
		"AUDIT_TABLE=audit", "PROGRESS_TABLE=progress", "ATTRIBUTES=custom:old_sub=sub",
	}
	for change, want := range map[string][]string{
		"":                                     nil,
		"TYPED_NAME=typed":                     nil,
		"NEW_USER_POOL_ID=":                    {"NEW_USER_POOL_ID"},
		"NEW_USER_POOL_ID=mine":                {"NEW_USER_POOL_ID", "eu-west-1_"},
		"NEW_USER_POOL_ID=eu-west-1_aB3dE5gH7": {"USER_POOL_ID", "not the same"},
		"ATTRIBUTES=old_sub":                   {"ATTRIBUTES", "new=old"},
		"LEDGER_BUDGET=1ms":                    {"LEDGER_BUDGET", "at least 100ms"},
		"BUDGET=5s":                            {"BUDGET", "4.5s"},
	} {
		_, err := run(t.Context(), append(good[:len(good):len(good)], change))
		if (err == nil) != (want == nil) {
			t.Errorf("%s: %v", change, err)
		}
		for _, text := range want {
			if err != nil && !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", change, err, text)
			}
		}
	}
}
