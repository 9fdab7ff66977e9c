package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	cognitotypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/fsck"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/lambda"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

const stackName = "migration"

// TestDeployed deploys the stack, as a release packages it, with "make deploy" to moto, an emulator of CloudFormation and of what the stack is made of,
// and moves a user with the functions as the stack configures them.
//
// Moto enforces no rights and knows no alarms and no outputs of a stack that a change set
// made; it does not expand SAM, which testdata/expand.py does with AWS's own translator. The functions run in the sandbox.
func TestDeployed(t *testing.T) {
	needs(t, "python3", "-c", "import moto.server, samtranslator, cfnlint, awscli")
	sb, err := sandbox.Start(t.Context(), 1, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	s := deploy(t, sb)

	t.Run("a deployment says which parameters are missing", func(t *testing.T) {
		_, stderr, err := s.make(t, "deploy", "STACK="+stackName, "USER_POOL_ID="+sandbox.OldPoolID)
		if err == nil || !strings.Contains(stderr, "deploy: missing: APP_CLIENT_ID=… NEW_USER_POOL_ID=…\n") {
			t.Errorf("%v, said %s", err, stderr)
		}
	})
	t.Run("the tables are those that the tests run on", func(t *testing.T) {
		plain := cmpopts.IgnoreUnexported(dynamodb.CreateTableInput{}, types.AttributeDefinition{}, types.GlobalSecondaryIndex{},
			types.KeySchemaElement{}, types.Projection{})
		local, err := sb.Deploy(t.Context(), "local", nil)
		if err != nil {
			t.Fatal(err)
		}
		for id, name := range map[string]string{"AuditTable": local.Tables.AuditTable, "ProgressTable": local.Tables.ProgressTable} {
			want := schema(t, sb.DynamoDBClient(), name)
			got := schema(t, dynamodb.NewFromConfig(s.config), s.resources[id])
			if diff := cmp.Diff(want, got, plain); diff != "" {
				t.Errorf("%s (-sandbox +stack):\n%s", id, diff)
			}
		}
	})
	t.Run("the queue keeps an event for two weeks, and gives up after a hundred tries", func(t *testing.T) {
		out, err := sqs.NewFromConfig(s.config).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(s.resources["SpoolQueue"]), AttributeNames: []sqstypes.QueueAttributeName{"All"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var redrive struct {
			DeadLetterTargetArn string
			MaxReceiveCount     int
		}
		if err := json.Unmarshal([]byte(out.Attributes["RedrivePolicy"]), &redrive); err != nil {
			t.Fatal(err)
		}
		deadLetters := filepath.Base(s.resources["SpoolDeadLetterQueue"])
		if out.Attributes["MessageRetentionPeriod"] != "1209600" || redrive.MaxReceiveCount != 100 ||
			!strings.HasSuffix(redrive.DeadLetterTargetArn, ":"+deadLetters) {
			t.Errorf("got %v", out.Attributes)
		}
	})
	t.Run("the queue feeds replay, and the audit table feeds the watch and confirm", func(t *testing.T) {
		out, err := awslambda.NewFromConfig(s.config).ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{})
		if err != nil {
			t.Fatal(err)
		}
		sources := map[string]string{}
		for _, m := range out.EventSourceMappings {
			_, function, _ := strings.Cut(*m.FunctionArn, ":function:")
			sources[function] = *m.EventSourceArn
			if function == s.resources["ReplayFunction"] && (m.ScalingConfig == nil || *m.ScalingConfig.MaximumConcurrency != sandbox.ReplayConcurrency) {
				t.Errorf("replay is fed with %+v, want %d batches at once", m.ScalingConfig, sandbox.ReplayConcurrency)
			}
		}
		queue, table := filepath.Base(s.resources["SpoolQueue"]), s.resources["AuditTable"]
		if got := sources[s.resources["ReplayFunction"]]; !strings.HasSuffix(got, ":"+queue) {
			t.Errorf("replay is fed by %q", got)
		}
		for _, id := range []string{"WatchFunction", "ConfirmFunction"} {
			if got := sources[s.resources[id]]; !strings.Contains(got, ":table/"+table+"/stream/") {
				t.Errorf("%s is fed by %q", id, got)
			}
		}
	})
	t.Run("only the new pool may call the trigger", func(t *testing.T) {
		out, err := awslambda.NewFromConfig(s.config).GetPolicy(t.Context(), &awslambda.GetPolicyInput{
			FunctionName: aws.String(s.resources["MigrateFunction"]),
		})
		if err != nil {
			t.Fatal(err)
		}
		var policy struct{ Statement []json.RawMessage }
		if err := json.Unmarshal([]byte(*out.Policy), &policy); err != nil {
			t.Fatal(err)
		}
		pool := ":userpool/" + sandbox.NewPoolID + `"`
		if len(policy.Statement) != 1 || !strings.Contains(*out.Policy, `"cognito-idp.amazonaws.com"`) || !strings.Contains(*out.Policy, pool) {
			t.Errorf("got %s", *out.Policy)
		}
	})
	t.Run("the trigger knows the new pool's shape, and the stack its version", func(t *testing.T) {
		variables := s.environment(t, "MigrateFunction")
		var got migration.Shape
		if err := got.UnmarshalText([]byte(variables["NEW_POOL"])); err != nil || !slices.Contains(got.AliasAttributes, "email") {
			t.Errorf("NEW_POOL is %s: %v", variables["NEW_POOL"], err)
		}
	})
	t.Run("a user moves", func(t *testing.T) { s.move(t, sb) })
	t.Run("what guards the record is looked at", func(t *testing.T) { s.lookAround(t, sb) })
	t.Run("a user is erased, as the documentation says", func(t *testing.T) { s.erase(t, sb) })
	t.Run("a table is restored, as the documentation says", func(t *testing.T) { s.restore(t, sb) })
}

// move signs a user in at a new pool whose trigger is the stack's, and asks the stack about it.
func (s stack) move(t *testing.T, sb *sandbox.Sandbox) {
	ctx := t.Context()
	for _, id := range []string{"AuditTable", "ProgressTable"} {
		table := schema(t, dynamodb.NewFromConfig(s.config), s.resources[id])
		table.TableName = aws.String(s.resources[id])
		if _, err := sb.DynamoDBClient().CreateTable(ctx, &table); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"migrate", "report", "inspect"} {
		s.deployLocally(t, sb, name, "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+sb.Old.Endpoint(),
			"AWS_ENDPOINT_URL_DYNAMODB="+sb.DynamoDB.Endpoint(), "AWS_ENDPOINT_URL_SQS="+sb.SQS.Endpoint())
	}
	trigger := s.resources["MigrateFunction"]
	pool, err := cognito.Start(ctx, cognito.Config{
		PoolID: sandbox.NewPoolID, ClientID: sandbox.NewClientID,
		UserMigration: &cognito.Trigger{Endpoint: sb.Lambda.Endpoint(), Function: trigger},
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)

	user := cognito.User{Username: "ada", Password: "Analytical-Engine-1", Attributes: map[string]string{"email": "ada@example.com"}}
	if err := sb.Old.Put(ctx, user); err != nil {
		t.Fatal(err)
	}
	client := cognitoidentityprovider.NewFromConfig(sandbox.Config(pool.Endpoint()))
	out, err := client.InitiateAuth(ctx, &cognitoidentityprovider.InitiateAuthInput{
		AuthFlow: cognitotypes.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(sandbox.NewClientID),
		AuthParameters: map[string]string{"USERNAME": user.Username, "PASSWORD": user.Password},
	})
	if err != nil || out.AuthenticationResult == nil {
		t.Fatalf("the user did not get in: %v\n%s", err, sb.Lambda.Logs(trigger))
	}
	if namespace := `"Namespace":"CognitoUserMigration/` + stackName + `"`; !strings.Contains(sb.Lambda.Logs(trigger), namespace) {
		t.Errorf("no metrics of %s in %s", namespace, sb.Lambda.Logs(trigger))
	}

	answer, stderr, err := s.tool(t, sb, "report", "--json")
	var p progress.Progress
	if err := errors.Join(err, json.Unmarshal(answer, &p)); err != nil || p.Users.Migrated != 1 {
		t.Errorf("migration report: %v, got %s%s", err, answer, stderr)
	}
	answer, stderr, err = s.tool(t, sb, "user", user.Username, "--json")
	var h history.History
	if err := errors.Join(err, json.Unmarshal(answer, &h)); err != nil || len(h.Events) != 1 {
		t.Errorf("migration user: %v, got %s%s", err, answer, stderr)
	}
	_, stderr, err = s.tool(t, sb, "user", `the "whole" truth`)
	if err == nil || !strings.Contains(stderr, "inspect: the old pool does not tell the user's sub") {
		t.Errorf("migration user of nobody: %v, said %s", err, stderr)
	}
	_, stderr, err = s.tool(t, sb, "report", "--stack=other")
	if err == nil || !strings.Contains(stderr, "there is no stack other in Region "+sandbox.Region) {
		t.Errorf("migration report of no stack: %v, said %s", err, stderr)
	}
}

// erase runs the commands by which docs/privacy.md has a user's stream removed. What is left is whole, and guarded as before.
func (s stack) erase(t *testing.T, sb *sandbox.Sandbox) {
	ctx := t.Context()
	store := dynamo.New(s.config, dynamo.Config{AuditTable: s.resources["AuditTable"], ProgressTable: s.resources["ProgressTable"]}, 10*time.Second)
	subs := []string{"8f1c0d5e-0000-4000-8000-000000000001", "8f1c0d5e-0000-4000-8000-000000000002"}
	for _, day := range []int{-40, -1, 0} { // a month that is closed, a day that is, and today
		now := time.Now().AddDate(0, 0, day)
		for _, sub := range subs {
			l := ledger.New(store, migration.Windows{}, func() time.Time { return now })
			_, err := l.Append(ctx, sub, func(migration.Record) migration.Event {
				return migration.Event{
					Schema: migration.Schema, ID: ulid.Make().String(), Sub: sub, Kind: migration.Attempt, At: migration.Millis(now),
					Trigger: migration.SignIn, Outcome: migration.Rejected, Reason: migration.Disabled,
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := fsck.New(store).Close(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.deployMaintain(t, sb)
	s.guard(t)

	documentation, err := os.ReadFile("../docs/privacy.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)```sh\n(table\\(\\).*?)```").FindSubmatch(documentation)
	if script == nil || !strings.Contains(string(script[1]), "sub=…") {
		t.Fatal("docs/privacy.md does not say any more how to erase a user")
	}
	sh := s.command(t, "sh", "-euc", strings.Replace(string(script[1]), "sub=…", "sub="+subs[0], 1))
	sh.Dir = t.TempDir()
	sh.Env = append(sh.Env, "STACK="+stackName, "AWS_DEFAULT_REGION="+sandbox.Region, "AWS_ENDPOINT_URL_LAMBDA="+sb.Lambda.Endpoint(),
		"PATH="+filepath.Dir(s.binary)+":"+os.Getenv("PATH"))
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	if found := s.look(t, sb); len(found) != 0 {
		t.Errorf("after the erasure the look finds %+v", found)
	}
	for i, want := range []int{0, 3} {
		stream, err := store.Stream(ctx, subs[i])
		record, err2 := store.Record(ctx, subs[i])
		if err := errors.Join(err, err2); err != nil || len(stream) != want || record.Version != want {
			t.Errorf("user %d: %v; %d events, record %+v; want %d", i+1, err, len(stream), record, want)
		}
	}
	if v, err := fsck.New(store).Verify(ctx, time.Now, time.Time{}); err != nil || v.FindingCount != 0 || v.Streams != 1 || v.Events != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

// deployLocally runs a function of the stack on this machine, with the variables that the deployment resolved, and more.
func (s stack) deployLocally(t *testing.T, sb *sandbox.Sandbox, name string, more ...string) {
	t.Helper()
	id := strings.ToUpper(name[:1]) + name[1:] + "Function"
	function := lambda.Function{
		Name: s.resources[id], Binary: filepath.Join("..", "build", "host", name, "bootstrap"),
		Env: append([]string{
			"AWS_REGION=" + sandbox.Region,
			"AWS_ACCESS_KEY_ID=" + sandbox.Credentials.AccessKeyID,
			"AWS_SECRET_ACCESS_KEY=" + sandbox.Credentials.SecretAccessKey,
		}, more...),
	}
	for key, value := range s.environment(t, id) {
		function.Env = append(function.Env, key+"="+value)
	}
	if err := sb.Lambda.Deploy(function); err != nil {
		t.Fatal(err)
	}
}

// stack is a deployed stack.
type stack struct {
	config    aws.Config
	resources map[string]string // physical ids by logical ids
	binary    string            // the operator's tool
	newPool   string            // endpoint of the new pool, which deploying looks at
}

// deploy starts an AWS of its own for the test and deploys the stack to it.
func deploy(t *testing.T, sb *sandbox.Sandbox) stack {
	t.Helper()
	_, template := expanded(t)
	s := stack{config: sandbox.Config(startMoto(t)), resources: map[string]string{}, binary: tool(t), newPool: sb.New.Endpoint()}
	if out, stderr, err := s.make(t, "deploy", "TEMPLATE="+template, "STACK="+stackName,
		"USER_POOL_ID="+sandbox.OldPoolID, "APP_CLIENT_ID="+sandbox.OldClientID, "NEW_USER_POOL_ID="+sandbox.NewPoolID); err != nil {
		t.Fatalf("make deploy: %v\n%s%s", err, out, stderr)
	}
	list := s.command(t, "aws", "cloudformation", "describe-stack-resources", "--stack-name", stackName, "--output", "json")
	list.Env = append(list.Env, "AWS_DEFAULT_REGION="+sandbox.Region)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		StackResources []struct {
			LogicalID  string `json:"LogicalResourceId"`
			PhysicalID string `json:"PhysicalResourceId"`
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.StackResources {
		s.resources[r.LogicalID] = r.PhysicalID
	}
	return s
}

// expanded returns a folder with what a release holds, and the template of it without SAM.
func expanded(t *testing.T) (release, template string) {
	t.Helper()
	release, out := bundled(t), t.TempDir()
	expand := exec.CommandContext(t.Context(), "python3", "testdata/expand.py", filepath.Join(release, "template.yaml"), release, out)
	expand.Env = append(os.Environ(), "AWS_DEFAULT_REGION="+sandbox.Region)
	if text, err := expand.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return release, filepath.Join(out, "template.json")
}

// tool builds the operator's tool, and returns its path.
func tool(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "migration")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/migration").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// bundled returns a folder with what a release holds of the stack: the packaged template, and a zip for each function. The functions are
// those for this machine.
func bundled(t *testing.T) string {
	t.Helper()
	root, out, command := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "bundle")
	for name, target := range map[string]string{
		"template.yaml": "template.yaml", "dashboards": "dashboards", "deploy": "deploy", "build": "build/host",
	} {
		path, err := filepath.Abs(filepath.Join("..", target))
		if err := errors.Join(err, os.Symlink(path, filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./bundle").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	run := exec.CommandContext(t.Context(), command, out)
	run.Dir = root
	if text, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// environment returns the variables of a function, as the deployment resolved them.
func (s stack) environment(t *testing.T, logicalID string) map[string]string {
	t.Helper()
	out, err := awslambda.NewFromConfig(s.config).GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{
		FunctionName: aws.String(s.resources[logicalID]),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Environment.Variables
}

// make runs a target as an operator would, but for the binaries: those for this machine are there already.
func (s stack) make(t *testing.T, arguments ...string) (stdout []byte, stderr string, err error) {
	t.Helper()
	cmd := s.command(t, "make", append([]string{"--silent", "--file", "deploy/deploy.mk", "--old-file", "build"}, arguments...)...)
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+s.newPool)
	return output(cmd)
}

// tool asks the stack with the operator's tool.
func (s stack) tool(t *testing.T, sb *sandbox.Sandbox, arguments ...string) (stdout []byte, stderr string, err error) {
	t.Helper()
	cmd := s.command(t, s.binary, arguments...)
	cmd.Env = append(cmd.Env, "STACK="+stackName, "AWS_REGION="+sandbox.Region, "AWS_ENDPOINT_URL_LAMBDA="+sb.Lambda.Endpoint())
	return output(cmd)
}

func output(cmd *exec.Cmd) (stdout []byte, stderr string, err error) {
	var text bytes.Buffer
	cmd.Stderr = &text
	stdout, err = cmd.Output()
	return stdout, text.String(), err
}

// command makes a command that knows no AWS but the stack's.
func (s stack) command(t *testing.T, name string, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, arguments...)
	cmd.Dir = ".."
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "AWS_") || strings.HasPrefix(variable, "MAKE")
	})
	cmd.Env = append(cmd.Env,
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "NO_PROXY=127.0.0.1,localhost",
		"AWS_ACCESS_KEY_ID="+sandbox.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+sandbox.Credentials.SecretAccessKey,
		"AWS_ENDPOINT_URL="+*s.config.BaseEndpoint)
	return cmd
}

var runningOn = regexp.MustCompile(`Running on http://127\.0\.0\.1:(\d+)`)

// startMoto starts moto on a free port and returns its endpoint.
func startMoto(t *testing.T) string {
	t.Helper()
	output, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	cmd.Stderr = w
	moto, err := process.Start("moto", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Stop)
	_ = w.Close()
	_ = output.SetReadDeadline(time.Now().Add(20 * time.Second))
	var said strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if port := runningOn.FindStringSubmatch(lines.Text()); port != nil {
			_ = output.SetReadDeadline(time.Time{})
			go func() { _, _ = io.Copy(io.Discard, output) }()
			// By this name moto takes the bucket from the URL's path, as in AWS's own URLs.
			return "http://localhost:" + port[1]
		}
	}
	t.Fatalf("moto did not start:\n%s", said.String())
	return ""
}

// schema returns what is needed to create a table, except its name.
func schema(t *testing.T, client *dynamodb.Client, name string) dynamodb.CreateTableInput {
	t.Helper()
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	input := dynamodb.CreateTableInput{
		AttributeDefinitions: out.Table.AttributeDefinitions,
		KeySchema:            out.Table.KeySchema,
		BillingMode:          out.Table.BillingModeSummary.BillingMode,
	}
	slices.SortFunc(input.AttributeDefinitions, func(a, b types.AttributeDefinition) int {
		return strings.Compare(*a.AttributeName, *b.AttributeName)
	})
	for _, index := range out.Table.GlobalSecondaryIndexes {
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: index.IndexName, KeySchema: index.KeySchema, Projection: index.Projection,
		})
	}
	return input
}
