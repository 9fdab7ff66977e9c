package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"go.yaml.in/yaml/v3"
)

// leftover is something that a trial made.
type leftover struct {
	what, name string
	remove     func(context.Context) error
}

// cleanEarlier removes what earlier trials left, if the operator agrees.
func (m *smoke) cleanEarlier(ctx context.Context, c consent) error {
	found, err := m.leftovers(ctx, func(string) bool { return true })
	if err != nil {
		return err
	}
	if len(found) == 0 {
		m.out.printf("Nothing in account %s, Region %s has the tag %s.\n", m.account, m.stack.cfg.Region, smokeTag)
		return nil
	}
	var rows [][]any
	for _, l := range found {
		rows = append(rows, []any{l.what, l.name})
	}
	m.out.table([]string{"left by a trial", "name"}, rows)
	if err := c.ask(ctx, m.out, "Remove them?"); err != nil {
		return err
	}
	return m.remove(ctx, found)
}

// clean removes what this trial made.
func (m *smoke) clean(ctx context.Context) error {
	found, err := m.leftovers(ctx, func(trial string) bool { return trial == m.run })
	if err != nil {
		return err
	}
	return m.remove(ctx, found)
}

func (m *smoke) remove(ctx context.Context, found []leftover) error {
	var errs []error
	for _, l := range found {
		errs = append(errs, m.step(ctx, "removes "+l.what+" "+l.name, l.remove))
	}
	return errors.Join(errs...)
}

// leftovers finds what trials made, by the tag: stacks first, since these name what is in them, then pools. The stage comes last: another
// stack's code is in its bucket.
func (m *smoke) leftovers(ctx context.Context, of func(trial string) bool) ([]leftover, error) {
	var stacks, stages []leftover
	client := cloudformation.NewFromConfig(*m.stack.cfg)
	pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, m.stack.explain(ctx, err)
		}
		for _, s := range page.Stacks {
			name, trial := aws.ToString(s.StackName), trialOf(s)
			if trial == "" || !of(trial) || s.RootId != nil || s.StackStatus == cfntypes.StackStatusDeleteComplete {
				continue
			}
			found := leftover{"the stack", name, func(ctx context.Context) error { return m.removeStack(ctx, name) }}
			if strings.HasSuffix(name, "-stage") {
				stages = append(stages, found)
			} else {
				stacks = append(stacks, found)
			}
		}
	}
	pools, err := m.leftoverPools(ctx, of)
	return append(append(stacks, pools...), stages...), err
}

// trialOf is the trial that made a stack, or "". A stack that has a change set and nothing else is known by its name: it has no tags yet.
func trialOf(s cfntypes.Stack) string {
	for _, tag := range s.Tags {
		if aws.ToString(tag.Key) == smokeTag {
			return aws.ToString(tag.Value)
		}
	}
	if name := aws.ToString(s.StackName); s.StackStatus == cfntypes.StackStatusReviewInProgress && strings.HasPrefix(name, smokePrefix) {
		return name
	}
	return ""
}

// leftoverPools finds the pools. Only those that have a trial's name are asked for their tags: there may be a thousand others.
func (m *smoke) leftoverPools(ctx context.Context, of func(string) bool) ([]leftover, error) {
	var found []leftover
	pages := cognitoidentityprovider.NewListUserPoolsPaginator(m.cognito, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(60)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, m.stack.explain(ctx, err)
		}
		for _, pool := range page.UserPools {
			if !strings.HasPrefix(aws.ToString(pool.Name), smokePrefix) {
				continue
			}
			described, err := m.cognito.DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: pool.Id})
			if err != nil {
				return nil, m.stack.explain(ctx, err)
			}
			if trial := described.UserPool.UserPoolTags[smokeTag]; trial != "" && of(trial) {
				found = append(found, leftover{"the pool", aws.ToString(pool.Name), func(ctx context.Context) error {
					_, err := m.cognito.DeleteUserPool(ctx, &cognitoidentityprovider.DeleteUserPoolInput{UserPoolId: pool.Id})
					return err
				}})
			}
		}
	}
	return found, nil
}

// removeStack removes a stack, and before it what the stack would leave: as long as the stack is there, it says what is in it.
func (m *smoke) removeStack(ctx context.Context, name string) error {
	if err := m.settled(ctx, name); err != nil {
		return err
	}
	client := cloudformation.NewFromConfig(*m.stack.cfg)
	listed, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &name})
	if err != nil {
		return m.stack.explain(ctx, err)
	}
	retained, err := m.retained(ctx, name)
	if err != nil {
		return err
	}
	for _, r := range listed.StackResources {
		id, kind := aws.ToString(r.PhysicalResourceId), aws.ToString(r.ResourceType)
		if id == "" || kind != bucket && !retained[aws.ToString(r.LogicalResourceId)] {
			continue
		}
		if err := m.removeRetained(ctx, kind, id); err != nil {
			return fmt.Errorf("%s %s: %w", aws.ToString(r.LogicalResourceId), id, err)
		}
	}
	if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
		return m.stack.explain(ctx, err)
	}
	return m.gone(ctx, name)
}

// retained returns the logical ids of what a stack leaves behind when it is deleted. A stack that was never made has no template.
func (m *smoke) retained(ctx context.Context, name string) (map[string]bool, error) {
	out, err := cloudformation.NewFromConfig(*m.stack.cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{
		StackName: &name, TemplateStage: cfntypes.TemplateStageProcessed,
	})
	if status, _ := m.status(ctx, name); status == cfntypes.StackStatusReviewInProgress {
		return nil, nil
	}
	if err != nil {
		return nil, m.stack.explain(ctx, err)
	}
	var template struct {
		Resources map[string]struct {
			DeletionPolicy string `yaml:"DeletionPolicy"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &template); err != nil { // JSON is YAML
		return nil, fmt.Errorf("the template of the stack %s: %w", name, err)
	}
	retained := map[string]bool{}
	for id, resource := range template.Resources {
		retained[id] = strings.HasPrefix(resource.DeletionPolicy, "Retain")
	}
	return retained, nil
}

// settled waits until CloudFormation is at rest with a stack: what it is making now would be left.
func (m *smoke) settled(ctx context.Context, name string) error {
	return m.until(ctx, 30*time.Minute, func(ctx context.Context) (bool, error) {
		status, err := m.status(ctx, name)
		return !strings.HasSuffix(string(status), "_IN_PROGRESS") || status == cfntypes.StackStatusReviewInProgress, err
	})
}

// gone waits until a stack is gone.
func (m *smoke) gone(ctx context.Context, name string) error {
	return m.until(ctx, 30*time.Minute, func(ctx context.Context) (bool, error) {
		status, err := m.status(ctx, name)
		if status == cfntypes.StackStatusDeleteFailed {
			return false, fmt.Errorf("the stack %s could not be deleted: its events in the console say why", name)
		}
		return status == "" || status == cfntypes.StackStatusDeleteComplete, err
	})
}

// status is that of a stack; of none, "".
func (m *smoke) status(ctx context.Context, name string) (cfntypes.StackStatus, error) {
	out, err := cloudformation.NewFromConfig(*m.stack.cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		if isMissing(err) {
			return "", nil
		}
		return "", m.stack.explain(ctx, err)
	}
	return out.Stacks[0].StackStatus, nil
}

// bucket is what a stack can't remove as long as something is in it.
const bucket = "AWS::S3::Bucket"

// removeRetained removes a resource that its stack would leave, or empties a bucket.
func (m *smoke) removeRetained(ctx context.Context, kind, id string) (err error) {
	switch kind {
	case "AWS::DynamoDB::Table":
		err = m.removeTable(ctx, id)
	case "AWS::SQS::Queue":
		_, err = sqs.NewFromConfig(*m.stack.cfg).DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &id})
	case "AWS::Logs::LogGroup":
		_, err = cloudwatchlogs.NewFromConfig(*m.stack.cfg).DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &id})
	case bucket:
		_, err = m.cli(ctx, "s3", "rm", "s3://"+id, "--recursive")
		if err != nil && strings.Contains(err.Error(), "NoSuchBucket") {
			err = nil
		}
	}
	if isMissing(err) {
		return nil
	}
	return err
}

// removeTable removes a table. One that is protected is refused; then its protection comes off first.
func (m *smoke) removeTable(ctx context.Context, name string) error {
	client := dynamodb.NewFromConfig(*m.stack.cfg)
	return m.until(ctx, 5*time.Minute, func(ctx context.Context) (bool, error) {
		_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		var busy *dynamodbtypes.ResourceInUseException
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == "ValidationException" {
			_, err = client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &name, DeletionProtectionEnabled: aws.Bool(false)})
			if err == nil {
				return false, nil
			}
		}
		if errors.As(err, &busy) {
			return false, nil // it is being updated, or removed
		}
		return err == nil, err
	})
}

// isMissing tells that what an error is about does not exist.
func isMissing(err error) bool {
	var table *dynamodbtypes.ResourceNotFoundException
	var queue *sqstypes.QueueDoesNotExist
	var group *logstypes.ResourceNotFoundException
	return errors.As(err, &table) || errors.As(err, &queue) || errors.As(err, &group) || isUnknownStackError(err)
}
