package deploy_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/safeguard"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
)

// guard gives the tables what the template does, and moto leaves out: the policy and point-in-time recovery.
func (s stack) guard(t *testing.T) {
	t.Helper()
	client := dynamodb.NewFromConfig(s.config)
	for _, id := range []string{"AuditTable", "ProgressTable"} {
		if _, err := client.UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{
			TableName:                        aws.String(s.resources[id]),
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.PutResourcePolicy(t.Context(), &dynamodb.PutResourcePolicyInput{
		ResourceArn: s.auditTable(t).TableArn, Policy: aws.String(safeguard.AppendOnly),
	}); err != nil {
		t.Fatal(err)
	}
}

func (s stack) auditTable(t *testing.T) *types.TableDescription {
	t.Helper()
	out, err := dynamodb.NewFromConfig(s.config).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
		TableName: aws.String(s.resources["AuditTable"]),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Table
}

// deployMaintain runs maintain on this machine, for the stack's tables, queues and functions.
func (s stack) deployMaintain(t *testing.T, sb *sandbox.Sandbox) {
	t.Helper()
	s.deployLocally(t, sb, "maintain", "AWS_ENDPOINT_URL="+*s.config.BaseEndpoint)
}

// look asks maintain what is wrong with what guards the record.
func (s stack) look(t *testing.T, sb *sandbox.Sandbox) []safeguard.Finding {
	t.Helper()
	out, err := awslambda.NewFromConfig(sandbox.Config(sb.Lambda.Endpoint())).Invoke(t.Context(), &awslambda.InvokeInput{
		FunctionName: aws.String(s.resources["MaintainFunction"]), Payload: []byte(`{"view":"safeguards"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var report safeguard.Report
	if err := json.Unmarshal(out.Payload, &report); err != nil || out.FunctionError != nil || report.Findings == nil {
		t.Fatalf("%v: %s", err, out.Payload)
	}
	return report.Findings
}

// lookAround holds that a stack as it was deployed has nothing to find, and that what is taken from it is found, logged and measured.
func (s stack) lookAround(t *testing.T, sb *sandbox.Sandbox) {
	s.deployMaintain(t, sb)
	s.guard(t)
	if found := s.look(t, sb); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
	client := dynamodb.NewFromConfig(s.config)
	_, err := client.DeleteResourcePolicy(t.Context(), &dynamodb.DeleteResourcePolicyInput{ResourceArn: s.auditTable(t).TableArn})
	_, err2 := client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
		TableName: aws.String(s.resources["ProgressTable"]), DeletionProtectionEnabled: aws.Bool(false),
	})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]safeguard.Kind{safeguard.Policy, safeguard.Protection}, kinds(s.look(t, sb))); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	lines := strings.Split(strings.TrimSpace(sb.Lambda.Logs(s.resources["MaintainFunction"])), "\n")
	for i, want := range []struct{ level, metric string }{{"INFO", `"SafeguardFindings":0`}, {"ERROR", `"SafeguardFindings":2`}} {
		line := lines[len(lines)-2+i]
		if !strings.Contains(line, `"level":"`+want.level+`","msg":"safeguards"`) || !strings.Contains(line, want.metric+",") {
			t.Errorf("want %v in %s", want, line)
		}
	}
	if _, err := client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
		TableName: aws.String(s.resources["ProgressTable"]), DeletionProtectionEnabled: aws.Bool(true),
	}); err != nil {
		t.Fatal(err)
	}
}

func kinds(findings []safeguard.Finding) []safeguard.Kind {
	var all []safeguard.Kind
	for _, f := range findings {
		all = append(all, f.Kind)
	}
	return all
}

var (
	restoring = regexp.MustCompile("(?s)\n## Restoring a table\n(.*?)\n## |(?s)\n## Restoring a table\n(.*)$")
	shell     = regexp.MustCompile("(?ms)^ *```sh$\n(.*?)^ *```$")
)

// restore runs the commands by which docs/operating.md puts another table in the audit table's place, from a restore under another name
// on. What guards it is there again. Moto keeps a deleted table's policy, which is therefore taken away first.
func (s stack) restore(t *testing.T, sb *sandbox.Sandbox) {
	s.deployMaintain(t, sb)
	s.guard(t)
	before := s.auditTable(t)
	if _, err := dynamodb.NewFromConfig(s.config).DeleteResourcePolicy(t.Context(), &dynamodb.DeleteResourcePolicyInput{
		ResourceArn: before.TableArn,
	}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	section := restoring.FindStringSubmatch(string(page))
	if section == nil {
		t.Fatal("docs/operating.md does not say any more how to restore a table")
	}
	blocks := shell.FindAllStringSubmatch(section[1]+section[2], -1)
	if len(blocks) != 6 {
		t.Fatalf("docs/operating.md restores a table in %d blocks of commands, want 6", len(blocks))
	}
	script := "resource() { case $1 in\n" // moto can't describe a single function
	for _, id := range []string{"AuditTable", "WatchFunction", "WatchRole", "ConfirmFunction", "ConfirmRole"} {
		script += id + ") echo " + s.resources[id] + " ;;\n"
	}
	script += "esac; }\n"
	for _, i := range []int{0, 2, 3, 4} { // the other two are another way to a backup, and questions for the operator's tool
		script += blocks[i][1]
	}
	sh := s.command(t, "sh", "-euc", script)
	sh.Dir = t.TempDir()
	if err := os.WriteFile(sh.Dir+"/policy.json", []byte(safeguard.AppendOnly), 0o600); err != nil {
		t.Fatal(err)
	}
	sh.Env = append(sh.Env, "STACK="+stackName, "AWS_DEFAULT_REGION="+sandbox.Region)
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := s.auditTable(t)
	if *after.LatestStreamArn == *before.LatestStreamArn || *before.ItemCount == 0 || *after.ItemCount != *before.ItemCount {
		t.Errorf("not restored: stream %s with %d items, before %s with %d", *after.LatestStreamArn, *after.ItemCount,
			*before.LatestStreamArn, *before.ItemCount)
	}
	if found := s.look(t, sb); len(found) != 0 {
		t.Errorf("after the restore the look finds %+v", found)
	}
}

// The code looks for the policy that the template sets.
func TestTheLookKnowsTheAuditTablesPolicy(t *testing.T) {
	var table struct {
		ResourcePolicy struct{ PolicyDocument json.RawMessage }
	}
	decode(t, read(t, mainTemplate).Resources["AuditTable"].Properties, &table)
	var deployed, known any
	decode(t, table.ResourcePolicy.PolicyDocument, &deployed)
	decode(t, json.RawMessage(safeguard.AppendOnly), &known)
	if diff := cmp.Diff(deployed, known); diff != "" {
		t.Errorf("policy (-template +pkg/safeguard):\n%s", diff)
	}
}
