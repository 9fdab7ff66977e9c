package main

import (
	"strings"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
)

// Every mistake in the configuration is found at start, named by its variable, and told what is allowed.
func TestConfiguration(t *testing.T) {
	good := []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"USER_POOL_ID=eu-west-1_aB3dE5gH7", "APP_CLIENT_ID=1example23456789", "AUDIT_TABLE=audit", "PROGRESS_TABLE=progress",
		"SPOOL_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/spool",
	}
	tests := []struct {
		change string // one more variable, or over one of the good ones
		want   []string
	}{
		{"", nil},
		{"ASSUME_VERIFIED=", nil},
		{"ASSUME_VERIFIED=email, phone_number", nil},
		{"FORGOT_PASSWORD=", nil},
		{"REGION=eu-west-1", nil},
		{"AUDIT_POLICY=required", nil},
		{"AWS_REGION=", []string{"AWS_REGION"}},
		{"USER_POOL_ID=", []string{"USER_POOL_ID"}},
		{"USER_POOL_ID=my pool", []string{"USER_POOL_ID", "eu-west-1_"}},
		{"APP_CLIENT_ID=-", []string{"APP_CLIENT_ID", "letters and digits"}},
		{"APP_CLIENT_HAS_SECRET=maybe", []string{"APP_CLIENT_HAS_SECRET", "maybe", "yes, no"}},
		{"FORWARD_METADATA=true", []string{"FORWARD_METADATA", "true", "yes, no"}},
		{"FORWARD_METADATA=yes", nil},
		{"OLD_POOL_ROLE_ARN=old-pool", []string{"OLD_POOL_ROLE_ARN", "old-pool", "arn:aws:iam::"}},
		{"OLD_POOL_ROLE_ARN=arn:aws:iam::123456789012:user/ada", []string{"OLD_POOL_ROLE_ARN", "a role's ARN"}},
		{"OLD_POOL_EXTERNAL_ID=agreed", []string{"OLD_POOL_EXTERNAL_ID", "OLD_POOL_ROLE_ARN"}},
		{"REGION=us-east-1", []string{"REGION", "eu-west-1"}},
		{"AUDIT_TABLE=", []string{"AUDIT_TABLE"}},
		{"PROGRESS_TABLE=", []string{"PROGRESS_TABLE"}},
		{"SPOOL_QUEUE_URL=", []string{"SPOOL_QUEUE_URL"}},
		{"ASSUME_VERIFIED=fax", []string{"ASSUME_VERIFIED", "fax", "email, phone_number"}},
		{"FORGOT_PASSWORD=sometimes", []string{"FORGOT_PASSWORD", "sometimes", "migrate, refuse_mfa, refuse"}},
		{"REMIGRATE=yes", []string{"REMIGRATE", "refuse, allow"}},
		{"AUDIT_POLICY=none", []string{"AUDIT_POLICY", "spool, required"}},
		{"MODE=on", []string{"MODE", "live, shadow, off"}},
		{"RETRY_WINDOW=20", []string{"RETRY_WINDOW", "duration"}},
		{"RETRY_WINDOW=5s", []string{"RETRY_WINDOW", "15s to 1h"}},
		{"REPEAT_WINDOW=48h", []string{"REPEAT_WINDOW", "0s to 24h"}},
		{"BUDGET=6s", []string{"BUDGET", "4.5s"}},
		{"BUDGET=3s", []string{"BUDGET", "3.9s"}},
		{"LEDGER_BUDGET=0s", []string{"LEDGER_BUDGET", "at least 100ms"}},
		{"NEW_USER_POOL_ID=my pool", []string{"NEW_USER_POOL_ID", "eu-west-1_"}},
		{"NEW_USER_POOL_ID=eu-west-1_aB3dE5gH7", []string{"NEW_USER_POOL_ID", "USER_POOL_ID", "not the same"}},
		{"PROGRESS_TABLE=audit", []string{"PROGRESS_TABLE", "AUDIT_TABLE", "not the same"}},
		{"SPOOL_QUEUE_URL=nowhere", []string{"SPOOL_QUEUE_URL", "https://sqs."}},
		{"OLD_POOL_BUDGET=soon", []string{"OLD_POOL_BUDGET", "duration"}},
	}
	for _, tt := range tests {
		t.Run(tt.change, func(t *testing.T) {
			_, err := run(t.Context(), append(good[:len(good):len(good)], tt.change))
			if tt.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// What an external id may look like is only asked for a role.
func TestExternalIDs(t *testing.T) {
	for id, want := range map[string]bool{"": true, "agreed-1": true, "a": false, "two words": false, strings.Repeat("x", 1225): false} {
		c := oldpool.Config{
			UserPoolID: "eu-west-1_aB3dE5gH7", AppClientID: "1example23456789", RoleARN: "arn:aws:iam::123456789012:role/path/old", ExternalID: id,
		}
		err := c.Validate()
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "OLD_POOL_EXTERNAL_ID") {
			t.Errorf("%.20q: %v", id, err)
		}
	}
}

// All mistakes are told at once.
func TestConfigurationNamesEveryMistake(t *testing.T) {
	_, err := run(t.Context(), []string{"USER_POOL_ID=x", "FORGOT_PASSWORD=x", "BUDGET=x"})
	for _, want := range []string{"APP_CLIENT_ID", "AUDIT_TABLE", "PROGRESS_TABLE", "FORGOT_PASSWORD", "BUDGET"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
