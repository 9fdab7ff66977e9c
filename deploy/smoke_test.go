package deploy_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/lambda"
)

// trial is an AWS for "migration smoke": moto, but for Cognito, and for functions that run.
type trial struct {
	stack
	account           *cognito.Account
	lambda            string // endpoint
	release, template string
}

func newTrial(t *testing.T) trial {
	t.Helper()
	needs(t, "python3", "-c", "import moto.server, samtranslator, cfnlint, awscli")
	tr := trial{stack: stack{config: sandbox.Config(startMoto(t)), binary: tool(t)}}
	tr.release, tr.template = expanded(t)
	functions, err := lambda.Start(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(functions.Close)
	bridge := &bridge{moto: tr.config, functions: functions, deployed: map[string]bool{}}
	server := httptest.NewServer(bridge)
	t.Cleanup(server.Close)
	if tr.account, err = cognito.StartAccount(sandbox.Region, server.URL, io.Discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.account.Close)
	tr.lambda, bridge.cognito = server.URL, tr.account.Endpoint()
	return tr
}

// bridge is Lambda's endpoint: it runs the functions that moto knows, with the variables that moto has for them, and hands everything but
// invocations on to moto.
type bridge struct {
	moto      aws.Config
	functions *lambda.Server
	cognito   string // endpoint

	mu       sync.Mutex
	deployed map[string]bool
}

var invocation = regexp.MustCompile(`^/2015-03-31/functions/(.*-([A-Z]\w+)Function-[^/]*)/invocations$`)

func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := *b.moto.BaseEndpoint
	if found := invocation.FindStringSubmatch(r.URL.Path); found != nil {
		if err := b.deploy(r, found[1], strings.ToLower(found[2])); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		to = b.functions.Endpoint()
	}
	target, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}).ServeHTTP(w, r)
}

// deploy runs a function on this machine, unless it runs already.
func (b *bridge) deploy(r *http.Request, name, function string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deployed[name] {
		return nil
	}
	config, err := awslambda.NewFromConfig(b.moto).GetFunctionConfiguration(r.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return err
	}
	env := []string{
		"AWS_REGION=" + sandbox.Region, "AWS_ENDPOINT_URL=" + *b.moto.BaseEndpoint, "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=" + b.cognito,
		"AWS_ACCESS_KEY_ID=" + sandbox.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + sandbox.Credentials.SecretAccessKey,
	}
	for key, value := range config.Environment.Variables {
		env = append(env, key+"="+value)
	}
	b.deployed[name] = true
	return b.functions.Deploy(lambda.Function{Name: name, Binary: filepath.Join("..", "build", "host", function, "bootstrap"), Env: env})
}

// smoke is a command line of the tool in the trial's AWS.
func (tr trial) smoke(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := tr.command(t, tr.binary, append([]string{"smoke", "--yes", "--release=" + tr.release}, arguments...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Env, "TEMPLATE="+tr.template, "AWS_REGION="+sandbox.Region,
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+tr.account.Endpoint(), "AWS_ENDPOINT_URL_LAMBDA="+tr.lambda)
	return cmd
}

// present lists what is there, of everything that a trial makes.
func (tr trial) present(t *testing.T) map[string][]string {
	t.Helper()
	queues, err := sqs.NewFromConfig(tr.config).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string][]string{"pools": tr.account.Pools(), "queues": queues.QueueUrls}
	for name, query := range map[string][]string{
		"stacks":     {"cloudformation", "describe-stacks", "--query", "Stacks[].StackName"},
		"buckets":    {"s3api", "list-buckets", "--query", "Buckets[].Name"},
		"tables":     {"dynamodb", "list-tables", "--query", "TableNames"},
		"log groups": {"logs", "describe-log-groups", "--query", "logGroups[].logGroupName"},
		"functions":  {"lambda", "list-functions", "--query", "Functions[].FunctionName"},
		"roles":      {"iam", "list-roles", "--query", "Roles[].RoleName"},
		"rules":      {"events", "list-rules", "--query", "Rules[].Name"},
	} {
		list := tr.command(t, "aws", append(query, "--output", "json")...)
		list.Env = append(list.Env, "AWS_DEFAULT_REGION="+sandbox.Region)
		out, err := list.Output()
		var names []string
		if err := errors.Join(err, json.Unmarshal(out, &names)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// Moto makes log groups for functions that it would run, of its own accord.
		there[name] = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "/aws/lambda/") })
	}
	return there
}

// onlyAWS names the promises and open facts that no part of the trial's AWS can stand: nothing but AWS checks rights, has alarms for all
// that the stack asks for, feeds streams to functions, runs other functions than the stack's, and gives a pool two app clients.
var onlyAWS = regexp.MustCompile(`^(users who arrive are confirmed|no alarm rings|the audit table's policy refuses .*|the trigger's role is refused .*` +
	`|\w+Role may do nothing that is another's|which triggers Cognito calls in a migration` +
	`|a migration sets an attribute that the app client may not write)$`)

// A trial leaves nothing, and touches nothing that is not its own.
func TestSmoke(t *testing.T) {
	tr := newTrial(t)
	tr.others(t)
	before := tr.present(t)
	t.Run("it tries everything but what only AWS has, which it names", func(t *testing.T) { tr.tryAll(t, before) })
	t.Run("what kills leave is removed by one command", func(t *testing.T) { tr.cleanUp(t, before) })
}

// tryAll runs a whole trial.
func (tr trial) tryAll(t *testing.T, before map[string][]string) {
	out, stderr, err := output(tr.smoke(t))
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr)
	}
	verdicts := map[string]int{}
	for _, found := range regexp.MustCompile(`(?m)^(yes|observed|not available here|not tried|FAILED|not observed) {2,}(.+?)(?:  .*)?$`).FindAllSubmatch(out, -1) {
		verdict, what := string(found[1]), string(found[2])
		verdicts[verdict]++
		if lacking := verdict == "not available here"; lacking != onlyAWS.MatchString(what) {
			t.Errorf("%s: %s", verdict, what)
		}
	}
	if verdicts["yes"] < 15 || verdicts["observed"] < 5 || verdicts["not tried"] != 3 || verdicts["FAILED"]+verdicts["not observed"] > 0 {
		t.Errorf("%v\n%s", verdicts, out)
	}
	if diff := cmp.Diff(before, tr.present(t)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// others makes what is not a trial's, under names that a trial's could have.
func (tr trial) others(t *testing.T) {
	t.Helper()
	pool, err := cognitoidentityprovider.NewFromConfig(sandbox.Config(tr.account.Endpoint())).CreateUserPool(t.Context(), &cognitoidentityprovider.CreateUserPoolInput{
		PoolName: aws.String("migration-smoke-of-others"), UserPoolTags: map[string]string{"team": "identity"},
	})
	if err != nil || pool.UserPool == nil {
		t.Fatal(err)
	}
	template := filepath.Join(t.TempDir(), "template.json")
	const text = `{"Resources":{"Queue":{"Type":"AWS::SQS::Queue"},"Bucket":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"migration-smoke-of-others"}},
		"Logs":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":"migration-smoke-of-others"}}}}`
	if err := os.WriteFile(template, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"cloudformation", "create-stack", "--stack-name", "migration-smoke-of-others", "--template-body", "file://" + template, "--tags", "Key=team,Value=identity"},
		{"dynamodb", "create-table", "--table-name", "migration-smoke-of-others", "--billing-mode", "PAY_PER_REQUEST", "--key-schema", "AttributeName=pk,KeyType=HASH", "--attribute-definitions", "AttributeName=pk,AttributeType=S"},
	} {
		cmd := tr.command(t, "aws", args...)
		cmd.Env = append(cmd.Env, "AWS_DEFAULT_REGION="+sandbox.Region)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// cleanUp kills trials at each of their steps, and has one command remove what they left.
func (tr trial) cleanUp(t *testing.T, before map[string][]string) {
	var killed sync.WaitGroup
	for _, kill := range []struct {
		step  string
		after time.Duration
	}{
		{"makes the bucket and the witness", 100 * time.Millisecond},
		{"makes the old pool", 0},
		{"makes the new pool", 0},
		{"makes the old pool's users", 0},
		{"deploys the stack", 0},
		{"deploys the stack", time.Second},
		{"attaches the trigger", 0},
		{"tries: a role gets the rights", 0},
		{"removes the stack", 0},
	} {
		killed.Go(func() { tr.kill(t, kill.step, kill.after) })
	}
	killed.Wait()
	if diff := cmp.Diff(before, tr.present(t)); diff == "" {
		t.Fatal("the kills left nothing")
	}
	for range 2 { // the second time there is nothing to do
		if out, stderr, err := output(tr.smoke(t, "--clean")); err != nil {
			t.Fatalf("%v\n%s%s", err, out, stderr)
		}
		if diff := cmp.Diff(before, tr.present(t)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	}
}

// running lets as many trials run at once as two cores take.
var running = make(chan struct{}, 3)

// kill runs a trial, and kills it with all that it has started, some time after it has said that it begins a step.
func (tr trial) kill(t *testing.T, step string, after time.Duration) {
	running <- struct{}{}
	defer func() { <-running }()
	cmd := tr.smoke(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, err := cmd.StderrPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Error(err)
		return
	}
	reached := false
	for lines := bufio.NewScanner(said); !reached && lines.Scan(); {
		reached = strings.Contains(lines.Text(), "  "+step)
	}
	if !reached {
		t.Errorf("the trial did not get to: %s", step)
	}
	<-time.After(after)
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
}
