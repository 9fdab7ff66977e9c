package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/logging"
)

// patience is how long to wait for an answer: longer than the 15 minutes that a function may work.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
const patience = 16 * time.Minute

// stack is a deployed stack, with the Region and credentials from the command line, else from the AWS SDK.
type stack struct {
	name, region, profile string

	cfg *aws.Config // once connected
}

// connect finds the Region and the credentials for a stack that is named.
func (s *stack) connect(ctx context.Context) error {
	if s.name == "" {
		return usageError{errors.New("no stack is named: use --stack=NAME, or set STACK")}
	}
	return s.signIn(ctx)
}

// signIn finds the Region and the credentials.
func (s *stack) signIn(ctx context.Context) error {
	if s.cfg != nil {
		return nil
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithRegion(s.region), awsconfig.WithSharedConfigProfile(s.profile),
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(patience)), awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return fmt.Errorf("the AWS configuration can't be read: %w", err)
	}
	if cfg.Region == "" {
		return usageError{errors.New("no Region is named: use --region=REGION, or set AWS_REGION")}
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf("there are no AWS credentials: sign in (aws sso login), use --profile=NAME, or set AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY (%w)", err)
	}
	s.cfg = &cfg
	return nil
}

// resources returns the physical ids of the stack's resources. CloudFormation returns up to 100, and a migration has fewer.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
func (s *stack) resources(ctx context.Context) (map[string]string, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	client := cloudformation.NewFromConfig(*s.cfg)
	out, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &s.name})
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	ids := map[string]string{}
	for _, r := range out.StackResources {
		ids[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
	}
	return ids, nil
}

// resource returns the physical id of one of the stack's resources.
func (s *stack) resource(ctx context.Context, logicalID string) (string, error) {
	ids, err := s.resources(ctx)
	if err != nil {
		return "", err
	}
	if ids[logicalID] != "" {
		return ids[logicalID], nil
	}
	return "", fmt.Errorf("the stack %s in Region %s has no %s: name the stack of a migration, and check that its deployment is complete",
		s.name, s.cfg.Region, logicalID)
}

// logicalID is the logical id of a function's resource: MigrateLogGroup for migrate and LogGroup.
func logicalID(function, kind string) string {
	return strings.ToUpper(function[:1]) + function[1:] + kind
}

// function is one of the stack's functions.
type function struct {
	stack  *stack
	name   string
	id     string // physical
	client *lambda.Client
}

func (s *stack) function(ctx context.Context, name string) (*function, error) {
	id, err := s.resource(ctx, logicalID(name, "Function"))
	if err != nil {
		return nil, err
	}
	client := lambda.NewFromConfig(*s.cfg, func(o *lambda.Options) { o.Retryer = onlyThrottled() })
	return &function{stack: s, name: name, id: id, client: client}, nil
}

// onlyThrottled tries a call again only if it was throttled. After a lost answer it may have had its effect, or be at work still.
func onlyThrottled() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}

// question is a request to a function. Empty fields are left out.
type question struct {
	View      string `json:"view"`
	Username  string `json:"username,omitempty"`
	Sub       string `json:"sub,omitempty"`
	Day       string `json:"day,omitempty"`
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Challenge string `json:"challenge,omitempty"`
	Next      string `json:"next,omitempty"`
	Seconds   int    `json:"seconds,omitempty"`
	Anew      bool   `json:"anew,omitempty"`

	Subs []string `json:"subs,omitempty"`
}

// ask asks the function and returns its answer. A *functionError holds the function's own words.
func (f *function) ask(ctx context.Context, q question) (json.RawMessage, error) {
	payload, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	out, err := f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.id, Payload: payload})
	if err != nil {
		return nil, f.stack.explain(ctx, err)
	}
	if out.FunctionError != nil {
		return nil, newFunctionError(f.name, out.Payload)
	}
	return out.Payload, nil
}

// askInto asks the function and decodes its answer, which it returns as well.
func (f *function) askInto(ctx context.Context, q question, answer any) (json.RawMessage, error) {
	raw, err := f.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, fmt.Errorf("the answer of %s is not understood: does this tool have the version that is deployed? (%w)", f.name, err)
	}
	return raw, nil
}

// pages asks the function for page after page.
func (f *function) pages(ctx context.Context, q question) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for {
			var page struct{ Next string }
			raw, err := f.askInto(ctx, q, &page)
			if !yield(raw, err) || err != nil || page.Next == "" {
				return
			}
			q.Next = page.Next
		}
	}
}
