package safeguard

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// Config names what Look looks at besides the tables and the queues.
type Config struct {
	WatchFunction string `env:"WATCH_FUNCTION"` // its name
	KMSKeyARN     string `env:"KMS_KEY_ARN"`    // of the key for the tables and the queues; empty means AWS's own
}

// DynamoDB reads how tables are set up.
type DynamoDB interface {
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeContinuousBackups(
		context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeContinuousBackupsOutput, error)
	ListTagsOfResource(
		context.Context, *dynamodb.ListTagsOfResourceInput, ...func(*dynamodb.Options),
	) (*dynamodb.ListTagsOfResourceOutput, error)
	GetResourcePolicy(context.Context, *dynamodb.GetResourcePolicyInput, ...func(*dynamodb.Options)) (*dynamodb.GetResourcePolicyOutput, error)
}

// SQS reads how queues are set up.
type SQS interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Targets are what to look at, and what to ask.
type Targets struct {
	DynamoDB      DynamoDB
	Lambda        lambda.ListEventSourceMappingsAPIClient
	SQS           SQS
	AuditTable    string
	ProgressTable string
	WatchFunction string
	Spool         string // the queue's URL
	DeadLetters   string // the queue's URL
}

// Look takes a snapshot. It returns no error: the snapshot says what could not be looked at.
func Look(ctx context.Context, t Targets) Snapshot {
	var s Snapshot
	unseen := func(what string, err error) {
		if err != nil {
			s.Unseen = append(s.Unseen, what+": "+redact.Error(err))
		}
	}
	s.Audit = t.table(ctx, t.AuditTable, "the audit table", unseen)
	s.Progress = t.table(ctx, t.ProgressTable, "the progress table", unseen)
	var err error
	if s.Audit.Description != nil {
		s.Policy, err = t.policy(ctx, s.Audit.Description.TableArn)
		unseen("the audit table's policy", err)
	}
	s.Mappings, err = t.mappings(ctx)
	unseen("what feeds the watch", err)
	s.Spool, err = t.queue(ctx, t.Spool)
	unseen("the spool queue", err)
	s.DeadLetters, err = t.queue(ctx, t.DeadLetters)
	unseen("the dead-letter queue", err)
	return s
}

// table looks at a table. Without its description its ARN is unknown, and nothing else can be read.
func (t Targets) table(ctx context.Context, table, name string, unseen func(string, error)) Table {
	described, err := t.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		unseen(name, err)
		return Table{}
	}
	seen := Table{Description: described.Table}
	backups, err := t.DynamoDB.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	unseen(name+"'s recovery", err)
	if err == nil {
		seen.Recovery = &dynamodbtypes.PointInTimeRecoveryDescription{}
		if d := backups.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil {
			seen.Recovery = d.PointInTimeRecoveryDescription
		}
	}
	seen.Tags, err = t.tags(ctx, described.Table.TableArn)
	unseen(name+"'s tags", err)
	return seen
}

func (t Targets) tags(ctx context.Context, table *string) ([]dynamodbtypes.Tag, error) {
	all := []dynamodbtypes.Tag{}
	for next := (*string)(nil); ; {
		page, err := t.DynamoDB.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: table, NextToken: next})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Tags...)
		if next = page.NextToken; aws.ToString(next) == "" {
			return all, nil
		}
	}
}

// policy is a table's policy, or empty if it has none.
func (t Targets) policy(ctx context.Context, table *string) (*string, error) {
	out, err := t.DynamoDB.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: table})
	var none *dynamodbtypes.PolicyNotFoundException
	switch {
	case errors.As(err, &none):
		return aws.String(""), nil
	case err != nil:
		return nil, err
	}
	return aws.String(aws.ToString(out.Policy)), nil
}

func (t Targets) mappings(ctx context.Context) ([]lambdatypes.EventSourceMappingConfiguration, error) {
	all := []lambdatypes.EventSourceMappingConfiguration{}
	pages := lambda.NewListEventSourceMappingsPaginator(t.Lambda, &lambda.ListEventSourceMappingsInput{FunctionName: &t.WatchFunction})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.EventSourceMappings...)
	}
	return all, nil
}

func (t Targets) queue(ctx context.Context, url string) (map[string]string, error) {
	out, err := t.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	attributes := map[string]string{} // a queue that shows none has been looked at all the same
	maps.Copy(attributes, out.Attributes)
	return attributes, nil
}
