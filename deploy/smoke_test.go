package deploy_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
		there[name] = names
	}
	return there
}

// onlyAWS are the promises and facts that no part of the trial's AWS can stand, by what they begin with.
var onlyAWS = []string{
	"the audit table's policy refuses ", "a role gets the rights", "who arrives is confirmed", "no alarm rings", "which triggers Cognito calls",
	"a migration sets an attribute that the app client may not write",
}

// A trial tries everything but what only AWS has, which it names, and leaves nothing.
func TestSmoke(t *testing.T) {
	tr := newTrial(t)
	before := tr.present(t)
	out, stderr, err := output(tr.smoke(t))
	t.Logf("%s%s", stderr, out)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tr.present(t)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}
