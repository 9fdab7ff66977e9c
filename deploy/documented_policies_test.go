package deploy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// neededFor is what CloudFormation does, in a deployer's name, to make, change and remove a resource; and what it looks at.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-template.html
var neededFor = map[string][]string{
	"AWS::CloudFormation::Stack":  {"cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:DeleteStack"},
	"AWS::CloudWatch::Alarm":      {"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"},
	"AWS::CloudWatch::Dashboard":  {"cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"},
	"AWS::DynamoDB::Table":        {"dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:DescribeTable", "dynamodb:PutResourcePolicy", "dynamodb:UpdateContinuousBackups"},
	"AWS::IAM::Policy":            {"iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"},
	"AWS::IAM::Role":              {"iam:CreateRole", "iam:GetRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:DeleteRole"},
	"AWS::Lambda::Permission":     {"lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"},
	"AWS::Logs::LogGroup":         {"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DescribeLogGroups", "logs:DeleteLogGroup"},
	"AWS::Logs::MetricFilter":     {"logs:PutMetricFilter", "logs:DescribeMetricFilters", "logs:DeleteMetricFilter"},
	"AWS::SQS::Queue":             {"sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:GetQueueAttributes"},
	"AWS::Serverless::Function":   {"lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:GetFunction", "lambda:DeleteFunction", "lambda:PutFunctionConcurrency", "iam:PassRole"},
	"event of type DynamoDB, SQS": {"lambda:CreateEventSourceMapping", "lambda:GetEventSourceMapping", "lambda:DeleteEventSourceMapping"},
	"event of type Schedule":      {"events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule", "lambda:AddPermission"},
}

// documentedPolicies returns the policies of docs/deploying.md: the deployer's, and the operator's.
func documentedPolicies(t *testing.T) (deployer, operator policy) {
	t.Helper()
	page, err := os.ReadFile("../docs/deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```json\n(\\{\n  \"Version\".*?)```").FindAllSubmatch(page, -1)
	if len(found) != 2 {
		t.Fatalf("docs/deploying.md has %d policies, want 2", len(found))
	}
	for i, into := range []*policy{&deployer, &operator} {
		if err := json.Unmarshal(found[i][1], into); err != nil {
			t.Fatal(err)
		}
	}
	return deployer, operator
}

func (p policy) actions() []string {
	var all []string
	for _, s := range p.Statement {
		all = append(all, s.Action...)
	}
	return all
}

func TestADeployersPolicyCoversWhatTheTemplatesMake(t *testing.T) {
	deployer, _ := documentedPolicies(t)
	made := map[string]bool{"event of type DynamoDB, SQS": true, "event of type Schedule": true}
	for _, path := range []string{mainTemplate, dashboardTemplate} {
		for _, r := range read(t, path).Resources {
			made[r.Type] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(made)), slices.Sorted(maps.Keys(neededFor))); diff != "" {
		t.Errorf("what the templates make, and what is known to need rights (-templates +known):\n%s", diff)
	}
	for kind, actions := range neededFor {
		for _, action := range actions {
			if !slices.Contains(deployer.actions(), action) {
				t.Errorf("%s needs %s", kind, action)
			}
		}
	}
}

func TestTheDocumentedPoliciesAreNarrow(t *testing.T) {
	deployer, operator := documentedPolicies(t)
	for _, s := range slices.Concat(deployer.Statement, operator.Statement) {
		for _, action := range s.Action {
			if strings.Contains(action, "*") {
				t.Errorf("%s: name the actions", action)
			}
		}
		if slices.Contains(s.Resource, "*") && s.Condition == nil {
			t.Errorf("%v on everything, without a condition", s.Action)
		}
	}
}

func TestAnOperatorAsksFunctionsAndNothingElse(t *testing.T) {
	_, operator := documentedPolicies(t)
	want := []string{"cloudformation:DescribeStackResources", "lambda:InvokeFunction", "logs:FilterLogEvents"}
	if diff := cmp.Diff(want, operator.actions()); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	var functions []string
	for _, r := range operator.Statement[1].Resource {
		functions = append(functions, strings.TrimSuffix(strings.TrimPrefix(string(r), "arn:aws:lambda:REGION:ACCOUNT:function:STACK-"), "Function-*"))
	}
	if diff := cmp.Diff(askedByTheTool(t), slices.Sorted(slices.Values(functions))); diff != "" {
		t.Errorf("functions (-what the tool asks +what an operator may invoke):\n%s", diff)
	}
	if slices.Contains(functions, "Migrate") {
		t.Error("an operator may invoke the trigger, and so try passwords")
	}
}

// askedByTheTool returns the functions that the tool's sources ask, as the stack names them.
func askedByTheTool(t *testing.T) []string {
	t.Helper()
	sources, err := filepath.Glob("../cmd/migration/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	asked := map[string]bool{}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`\.function\(ctx, "(\w)(\w+)"\)`).FindAllSubmatch(text, -1) {
			asked[strings.ToUpper(string(call[1]))+string(call[2])] = true
		}
	}
	return slices.Sorted(maps.Keys(asked))
}

// An operator who has to put the audit table's policy back takes it from docs/operating.md.
func TestTheDocumentedPolicyIsTheAuditTables(t *testing.T) {
	page, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/operating.md does not have the policy any more")
	}
	var documented, deployed any
	if err := json.Unmarshal(block[1], &documented); err != nil {
		t.Fatal(err)
	}
	var table struct {
		ResourcePolicy struct{ PolicyDocument json.RawMessage }
	}
	decode(t, read(t, mainTemplate).Resources["AuditTable"].Properties, &table)
	decode(t, table.ResourcePolicy.PolicyDocument, &deployed)
	if diff := cmp.Diff(deployed, documented); diff != "" {
		t.Errorf("policy (-template +docs/operating.md):\n%s", diff)
	}
}

// What the script asks of AWS beside deploying needs rights as well.
func TestADeployersPolicyCoversWhatTheScriptAsks(t *testing.T) {
	deployer, _ := documentedPolicies(t)
	if !slices.Contains(deployer.actions(), "cognito-idp:DescribeUserPool") {
		t.Error("deploy/deploy describes the new pool, and the policy does not allow it")
	}
}
