package cloudformation_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudformation "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cloudformation"
)

// AWS's own client gets the resources, and AWS's words for what is not there.
func TestDescribeStackResources(t *testing.T) {
	t.Parallel()
	server, err := cloudformation.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Put("live", map[string]string{"One": "live-one", "Two": "live-two"})
	server.Put("live", map[string]string{"Two": "live-2", "Three": "<three>"})
	client := awscloudformation.New(awscloudformation.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	out, err := client.DescribeStackResources(t.Context(), &awscloudformation.DescribeStackResourcesInput{StackName: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range out.StackResources {
		got[*r.LogicalResourceId] = *r.PhysicalResourceId
	}
	if diff := cmp.Diff(map[string]string{"One": "live-one", "Two": "live-2", "Three": "<three>"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var api smithy.APIError
	const dead = "dead & gone"
	_, err = client.DescribeStackResources(t.Context(), &awscloudformation.DescribeStackResourcesInput{StackName: aws.String(dead)})
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationError" || api.ErrorMessage() != "Stack with id "+dead+" does not exist" {
		t.Errorf("a stack that is not there: %v", err)
	}
	server.SetParameters("live", map[string]string{"Mode": "<shadow>"})
	stacks, err := client.DescribeStacks(t.Context(), &awscloudformation.DescribeStacksInput{StackName: aws.String("live")})
	if err != nil || len(stacks.Stacks) != 1 || len(stacks.Stacks[0].Parameters) != 1 || *stacks.Stacks[0].Parameters[0].ParameterValue != "<shadow>" {
		t.Errorf("parameters: %+v, %v", stacks, err)
	}
	if _, err := client.ListStacks(t.Context(), &awscloudformation.ListStacksInput{}); err == nil || !strings.Contains(err.Error(), "InvalidAction") {
		t.Errorf("an action that is not known: %v", err)
	}
}
