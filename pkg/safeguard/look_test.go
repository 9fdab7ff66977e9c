package safeguard

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// cloud answers with a snapshot's parts, a part of a list at a time, and denies what it is told to.
type cloud struct {
	Snapshot
	denied string // the operation
	none   bool   // the table has no policy
}

func (c cloud) answer(service, operation string) error {
	if operation != c.denied {
		return nil
	}
	return &smithy.OperationError{
		ServiceID: service, OperationName: operation,
		Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "arn:aws:iam::123456789012:role/maintain may not"},
	}
}

func (c cloud) of(table *string) Table {
	if strings.HasSuffix(*table, "audit") {
		return c.Audit
	}
	return c.Progress
}

func (c cloud) DescribeTable(
	_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeTableOutput, error) {
	description := *c.of(in.TableName).Description
	description.TableArn = aws.String("arn:aws:dynamodb:eu-west-1:123456789012:table/" + *in.TableName)
	return &dynamodb.DescribeTableOutput{Table: &description}, c.answer("DynamoDB", "DescribeTable")
}

func (c cloud) DescribeContinuousBackups(
	_ context.Context, in *dynamodb.DescribeContinuousBackupsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &dynamodbtypes.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: c.of(in.TableName).Recovery,
	}}, c.answer("DynamoDB", "DescribeContinuousBackups")
}

func (c cloud) ListTagsOfResource(
	_ context.Context, in *dynamodb.ListTagsOfResourceInput, _ ...func(*dynamodb.Options),
) (*dynamodb.ListTagsOfResourceOutput, error) {
	tags := c.of(in.ResourceArn).Tags
	if in.NextToken == nil {
		return &dynamodb.ListTagsOfResourceOutput{Tags: tags[:1], NextToken: aws.String("more")}, c.answer("DynamoDB", "ListTagsOfResource")
	}
	return &dynamodb.ListTagsOfResourceOutput{Tags: tags[1:]}, nil
}

func (c cloud) GetResourcePolicy(
	context.Context, *dynamodb.GetResourcePolicyInput, ...func(*dynamodb.Options),
) (*dynamodb.GetResourcePolicyOutput, error) {
	if c.none {
		err := &dynamodbtypes.PolicyNotFoundException{}
		return nil, &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "GetResourcePolicy", Err: err}
	}
	return &dynamodb.GetResourcePolicyOutput{Policy: c.Policy}, c.answer("DynamoDB", "GetResourcePolicy")
}

func (c cloud) ListEventSourceMappings(
	_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options),
) (*lambda.ListEventSourceMappingsOutput, error) {
	if in.Marker == nil {
		return &lambda.ListEventSourceMappingsOutput{
			EventSourceMappings: c.Mappings[:1], NextMarker: aws.String("more"),
		}, c.answer("Lambda", "ListEventSourceMappings")
	}
	return &lambda.ListEventSourceMappingsOutput{EventSourceMappings: c.Mappings[1:]}, nil
}

func (c cloud) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	attributes := c.DeadLetters
	if *in.QueueUrl == "spool" {
		attributes = c.Spool
	}
	return &sqs.GetQueueAttributesOutput{Attributes: attributes}, c.answer("SQS", "GetQueueAttributes")
}

func (c cloud) check(t *testing.T) Report {
	t.Helper()
	return Check(Look(t.Context(), Targets{
		DynamoDB: c, Lambda: c, SQS: c,
		AuditTable: "audit", ProgressTable: "progress", WatchFunction: "watch", Spool: "spool", DeadLetters: "dead-letters",
	}), "")
}

func TestLookSeesEverything(t *testing.T) {
	if got := (cloud{Snapshot: guarded()}).check(t); len(got.Findings) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestLookSeesThatThereIsNoPolicy(t *testing.T) {
	if got := kinds(cloud{Snapshot: guarded(), none: true}.check(t)); !cmp.Equal(got, []Kind{Policy}) {
		t.Errorf("found %q", got)
	}
}

// A call that is denied hides its part and no other, and is a finding: it names the call, and not what AWS's message quotes.
func TestLookDenied(t *testing.T) {
	for operation, want := range map[string][]string{
		"DescribeTable":             {"the audit table: ", "the progress table: "},
		"DescribeContinuousBackups": {"the audit table's recovery: ", "the progress table's recovery: "},
		"ListTagsOfResource":        {"the audit table's tags: ", "the progress table's tags: "},
		"GetResourcePolicy":         {"the audit table's policy: "},
		"ListEventSourceMappings":   {"what feeds the watch: "},
		"GetQueueAttributes":        {"the spool queue: ", "the dead-letter queue: "},
	} {
		t.Run(operation, func(t *testing.T) {
			var got []string
			for _, f := range (cloud{Snapshot: guarded(), denied: operation}).check(t).Findings {
				what, refused, _ := strings.Cut(f.What, ": ")
				if f.Kind != NotLooked || !strings.HasSuffix(refused, " refused "+operation+": AccessDeniedException") {
					t.Errorf("found %+v", f)
				}
				got = append(got, what+": ")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("not looked at (-want +got):\n%s", diff)
			}
		})
	}
}
