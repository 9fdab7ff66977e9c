package sts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/sts"
)

const role = "arn:aws:iam::210987654321:role/migration"

func TestAssumeRole(t *testing.T) {
	server, err := sts.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Trust(role, "agreed")
	client := awssts.New(awssts.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
	for name, tt := range map[string]struct {
		role, externalID string
		seconds          int32
		refusal          string
	}{
		"the right external id":   {role, "agreed", 900, ""},
		"another external id":     {role, "guessed", 900, "AccessDenied"},
		"no external id":          {role, "", 900, "AccessDenied"},
		"a role that is not here": {role + "2", "agreed", 900, "AccessDenied"},
		"too long for a role":     {role, "agreed", 7200, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			input := &awssts.AssumeRoleInput{
				RoleArn: &tt.role, RoleSessionName: aws.String("test"), DurationSeconds: &tt.seconds,
			}
			if tt.externalID != "" {
				input.ExternalId = &tt.externalID
			}
			out, err := client.AssumeRole(t.Context(), input)
			var refused smithy.APIError
			switch {
			case tt.refusal != "":
				if !errors.As(err, &refused) || refused.ErrorCode() != tt.refusal {
					t.Errorf("%v, want %s", err, tt.refusal)
				}
			case err != nil:
				t.Error(err)
			case !server.Good(*out.Credentials.AccessKeyId) || time.Until(*out.Credentials.Expiration) > 900*time.Second:
				t.Errorf("%+v", out.Credentials)
			}
		})
	}
	server.SetLifetime(time.Nanosecond)
	out, err := client.AssumeRole(t.Context(), &awssts.AssumeRoleInput{
		RoleArn: aws.String(role), RoleSessionName: aws.String("test"), DurationSeconds: aws.Int32(900), ExternalId: aws.String("agreed"),
	})
	if err != nil || server.Good(*out.Credentials.AccessKeyId) || server.Issued() != 2 {
		t.Errorf("%v: credentials are good after their end, or %d were issued, want 2", err, server.Issued())
	}
}
