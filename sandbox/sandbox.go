// Package sandbox is a local AWS for one migration: an old and a new user pool, DynamoDB, Lambda and SQS, each behind a proxy
// that can put faults in its way. Everything listens on free ports and ends with the process that started it.
package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cloudformation"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cloudwatch"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cloudwatchlogs"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	dynamodblocal "github.com/cognito-user-migration/cognito-user-migration/sandbox/dynamodb"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/lambda"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/sqs"
)

// The Region and the pools of every sandbox.
const (
	Region      = "eu-west-1"
	OldPoolID   = "eu-west-1_oLdP00l01"
	OldClientID = "1old2client3of4the5pool678"
	NewPoolID   = "eu-west-1_nEwP00l02"
	NewClientID = "1new2client3of4the5pool678"
)

// customAttributes are those of both pools; the new one has a place for the old sub besides.
var customAttributes = []types.SchemaAttributeType{
	{Name: aws.String("custom:tenant")}, {Name: aws.String("custom:bio")}, {Name: aws.String("custom:note")},
}

// Credentials are those that every client of the sandbox signs with; nobody checks them.
var Credentials = aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}

// Sandbox is a running local AWS.
type Sandbox struct {
	Old, New *cognito.Pool
	DynamoDB *dynamodblocal.Server
	Lambda   *lambda.Server
	SQS      *sqs.Server

	CloudFormation *cloudformation.Server
	CloudWatch     *cloudwatch.Server
	CloudWatchLogs *cloudwatchlogs.Server

	Region *cognito.Region // both pools, each behind its faults

	// Faults before what the functions call: the pools, DynamoDB and SQS. Clients of the sandbox go past them.
	OldFaults, NewFaults, DynamoDBFaults, SQSFaults *fault.Proxy

	functions string // folder of the compiled functions
	newPool   string // the new pool's shape, as make deploy reads it
	closers   []func()
}

// Start starts a sandbox for the functions that "make build" left in build/host. The output of its processes goes to log. The
// seed decides which calls the proxies disturb, when they are told to.
func Start(ctx context.Context, seed uint64, log io.Writer) (*Sandbox, error) {
	return StartWith(ctx, seed, log, Pools{
		Old: cognito.Config{MFA: "OPTIONAL", AliasAttributes: []string{"email", "phone_number"}, SchemaAttributes: customAttributes},
		New: cognito.Config{
			AliasAttributes:  []string{"email", "phone_number"},
			SchemaAttributes: append(slices.Clone(customAttributes), types.SchemaAttributeType{Name: aws.String("custom:old_sub")}),
		},
	})
}

// Pools are what the two pools are like, but for their ids and the trigger.
type Pools struct{ Old, New cognito.Config }

// shape is what of a pool decides whether it takes a user, as deploy/deploy asks DescribeUserPool for it.
func shape(pool cognito.Config) (string, error) {
	text, err := json.Marshal(map[string]any{
		"UsernameAttributes": pool.UsernameAttributes, "AliasAttributes": pool.AliasAttributes,
		"UsernameConfiguration": pool.UsernameConfiguration, "SchemaAttributes": pool.SchemaAttributes,
		"AccountRecoverySetting": pool.AccountRecoverySetting, "MfaConfiguration": pool.MFA,
	})
	return string(text), err
}

// StartWith starts a sandbox with pools of another kind.
func StartWith(ctx context.Context, seed uint64, log io.Writer, pools Pools) (_ *Sandbox, err error) {
	root, err := process.Root()
	if err != nil {
		return nil, err
	}
	s := &Sandbox{functions: filepath.Join(root, "build", "host")}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.newPool, err = shape(pools.New); err != nil {
		return nil, err
	}
	log = &lockedWriter{w: log}
	if err = s.startServers(log); err != nil {
		return nil, err
	}
	if err = s.startProcesses(ctx, pools, log); err != nil {
		return nil, err
	}
	if err = s.startFaults(seed); err != nil {
		return nil, err
	}
	return s, nil
}

// startServers starts what runs within this process.
func (s *Sandbox) startServers(log io.Writer) (err error) {
	if s.Lambda, err = lambda.Start(log); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Lambda.Close)
	if s.SQS, err = sqs.Start(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.SQS.Close)
	if s.CloudWatch, err = cloudwatch.Start(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.CloudWatch.Close)
	if s.CloudWatchLogs, err = cloudwatchlogs.Start(s.logGroup); err != nil {
		return err
	}
	s.closers = append(s.closers, s.CloudWatchLogs.Close)
	if s.CloudFormation, err = cloudformation.Start(); err != nil {
		return err
	}
	s.closers = append(s.closers, s.CloudFormation.Close)
	return nil
}

// startProcesses starts what runs in processes of its own, at the same time: DynamoDB and the pools.
func (s *Sandbox) startProcesses(ctx context.Context, pools Pools, log io.Writer) error {
	pools.Old.PoolID, pools.Old.ClientID = OldPoolID, OldClientID
	pools.New.PoolID, pools.New.ClientID = NewPoolID, NewClientID
	pools.New.UserMigration = &cognito.Trigger{Endpoint: s.Lambda.Endpoint(), Function: triggerFunction}
	var group errgroup.Group
	group.Go(func() (err error) {
		s.DynamoDB, err = dynamodblocal.Start(ctx, log)
		return err
	})
	group.Go(func() (err error) {
		s.Old, err = cognito.Start(ctx, pools.Old, log)
		return err
	})
	group.Go(func() (err error) {
		s.New, err = cognito.Start(ctx, pools.New, log)
		return err
	})
	err := group.Wait()
	if s.DynamoDB != nil {
		s.closers = append(s.closers, s.DynamoDB.Close)
	}
	for _, pool := range []*cognito.Pool{s.Old, s.New} {
		if pool != nil {
			s.closers = append(s.closers, pool.Close)
		}
	}
	return err
}

// startFaults starts the proxies before what the functions call, and the Region, which leads to the pools behind theirs.
func (s *Sandbox) startFaults(seed uint64) (err error) {
	for proxy, target := range map[**fault.Proxy]string{
		&s.OldFaults: s.Old.Endpoint(), &s.NewFaults: s.New.Endpoint(),
		&s.DynamoDBFaults: s.DynamoDB.Endpoint(), &s.SQSFaults: s.SQS.Endpoint(),
	} {
		if *proxy, err = fault.Start(target, seed); err != nil {
			return err
		}
		s.closers = append(s.closers, (*proxy).Close)
	}
	s.Region, err = cognito.StartRegion(map[string]string{OldPoolID: s.OldFaults.Endpoint(), NewPoolID: s.NewFaults.Endpoint()})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.Region.Close)
	return nil
}

// Close ends everything that Start started.
func (s *Sandbox) Close() {
	for _, closer := range slices.Backward(s.closers) {
		closer()
	}
	s.closers = nil
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// Config returns a client configuration for an endpoint of the sandbox.
func Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: &endpoint,
		Credentials:  credentials.StaticCredentialsProvider{Value: Credentials},
	}
}

// NewPoolClient is a client of the new pool, as an app has it.
func (s *Sandbox) NewPoolClient() *cognitoidentityprovider.Client {
	return cognitoidentityprovider.NewFromConfig(Config(s.New.Endpoint()))
}

// DynamoDBClient is a client of DynamoDB that no fault reaches.
func (s *Sandbox) DynamoDBClient() *dynamodb.Client {
	return dynamodb.NewFromConfig(Config(s.DynamoDB.Endpoint()))
}

// Environ returns the variables by which AWS's tools, and the operator's, find the sandbox, as NAME=value.
func (s *Sandbox) Environ() []string {
	return []string{
		"AWS_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + Credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + Credentials.SecretAccessKey,
		"AWS_ENDPOINT_URL_CLOUDFORMATION=" + s.CloudFormation.Endpoint(),
		"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + s.CloudWatchLogs.Endpoint(),
		poolsEndpoint + "=" + s.Region.Endpoint(),
		"AWS_ENDPOINT_URL_LAMBDA=" + s.Lambda.Endpoint(),
	}
}

// parameter is the parameter that sets a variable: of NEW_USER_POOL_ID, NewUserPoolId.
func parameter(variable string) string {
	words := strings.Split(strings.ToLower(variable), "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// logGroups is what the name of a function's log group begins with; then follows the function's own.
const logGroups = "/aws/lambda/"

// logGroup returns what is in a log group.
func (s *Sandbox) logGroup(name string) ([]cloudwatchlogs.Event, bool) {
	function, ok := strings.CutPrefix(name, logGroups)
	var events []cloudwatchlogs.Event
	for _, line := range s.Lambda.Lines(function) {
		events = append(events, cloudwatchlogs.Event{At: line.At, Message: line.Text})
	}
	return events, ok
}

// triggerFunction is the name of the function that the new pool calls; a stack becomes it by Attach.
const triggerFunction = "attached-migrate"

// Stack is one deployment of the functions, with tables and a queue of its own.
type Stack struct {
	Name               string
	Tables             dynamo.Config
	Spool, DeadLetters *sqs.Queue

	sandbox *Sandbox
	env     map[string]string
	stream  *dynamodblocal.Stream // of the audit table
}

// Deploy makes the tables and the queue, and deploys the functions with them; env is on top of, and over, what they need.
func (s *Sandbox) Deploy(ctx context.Context, name string, env map[string]string) (*Stack, error) {
	stack := &Stack{
		Name:        name,
		Tables:      dynamo.Config{AuditTable: name + "-audit", ProgressTable: name + "-progress"},
		DeadLetters: s.SQS.CreateQueue(name+"-dead-letters", sqs.Config{}),
		sandbox:     s,
	}
	stack.Spool = s.SQS.CreateQueue(name+"-spool", sqs.Config{DeadLetter: stack.DeadLetters, MaxReceives: 100})
	if err := createTables(ctx, s.DynamoDBClient(), stack.Tables); err != nil {
		return nil, fmt.Errorf("deploy %s: %w", name, err)
	}
	stack.stream = dynamodblocal.NewStream(Config(s.DynamoDB.Endpoint()), stack.Tables.AuditTable)
	stack.env = map[string]string{
		"AWS_REGION":                  Region,
		"AWS_ACCESS_KEY_ID":           Credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":       Credentials.SecretAccessKey,
		poolsEndpoint:                 s.OldFaults.Endpoint(),
		"AWS_ENDPOINT_URL_DYNAMODB":   s.DynamoDBFaults.Endpoint(),
		"AWS_ENDPOINT_URL_SQS":        s.SQSFaults.Endpoint(),
		"AWS_ENDPOINT_URL_CLOUDWATCH": s.CloudWatch.Endpoint(),

		"USER_POOL_ID":     OldPoolID,
		"APP_CLIENT_ID":    OldClientID,
		"NEW_USER_POOL_ID": NewPoolID,
		"NEW_POOL":         s.newPool,
		"AUDIT_TABLE":      stack.Tables.AuditTable,
		"PROGRESS_TABLE":   stack.Tables.ProgressTable,
		"SPOOL_QUEUE_URL":  stack.Spool.URL(),

		"DEAD_LETTER_QUEUE_URL": stack.DeadLetters.URL(),
		"METRICS_NAMESPACE":     stack.Namespace(),
		"WATCH_FUNCTION":        name + "-watch",
		"CONFIRM_RATE":          "60", // the most: nobody else asks the pools
		"PROBE_APP_CLIENT_ID":   NewClientID,
		"GUARD_FUNCTION":        name + "-guard",
	}
	maps.Copy(stack.env, env)
	for name, value := range stack.env {
		s.CloudFormation.PutParameters(stack.Name, map[string]string{parameter(name): value})
	}
	for _, function := range []string{"migrate", "report", "inspect", "replay", "maintain", "confirm", "census", "journal", "probe", "guard"} {
		if err := stack.deploy(stack.Name+"-"+function, function); err != nil {
			return nil, err
		}
		stack.register(stack.Name+"-"+function, function)
	}
	return stack, nil
}

// Sandbox is where the stack is deployed.
func (st *Stack) Sandbox() *Sandbox { return st.sandbox }

// register makes a function, and its log group, what CloudFormation says that the stack has.
func (st *Stack) register(name, function string) {
	title := strings.ToUpper(function[:1]) + function[1:]
	st.sandbox.CloudFormation.Put(st.Name, map[string]string{title + "Function": name, title + "LogGroup": logGroups + name})
}

// poolsEndpoint names the endpoint of Cognito.
const poolsEndpoint = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"

// inspects is the endpoint by which inspect asks both pools: the sandbox's, unless the stack was given one.
func (st *Stack) inspects() string {
	if given := st.env[poolsEndpoint]; given != st.sandbox.OldFaults.Endpoint() {
		return given
	}
	return st.sandbox.Region.Endpoint()
}

func (st *Stack) deploy(name, function string) error {
	timeout, policy, environ := time.Minute, "", st.Environ()
	switch function {
	case "migrate", "guard":
		timeout, policy = 5*time.Second, mayInvoke(st.env["NEW_USER_POOL_ID"]) // what Cognito waits
	case "maintain":
		timeout = 15 * time.Minute // as the template has it
	case "probe":
		timeout = 90 * time.Second
		environ = append(environ, poolsEndpoint+"="+st.sandbox.NewFaults.Endpoint())
	case "inspect":
		environ = append(environ, poolsEndpoint+"="+st.inspects())
	case "confirm", "census":
		timeout = 15 * time.Minute
		environ = append(environ, poolsEndpoint+"="+st.sandbox.Region.Endpoint())
	}
	return st.sandbox.Lambda.Deploy(lambda.Function{
		Timeout: timeout, Name: name, Binary: filepath.Join(st.sandbox.functions, function, "bootstrap"), Env: environ, Concurrency: 100,
		Policy: policy,
	})
}

// mayInvoke is what the template's MigratePermission makes of a function's policy.
func mayInvoke(pool string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"new-pool","Effect":"Allow",` +
		`"Principal":{"Service":"cognito-idp.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*",` +
		`"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},` +
		`"ArnLike":{"AWS:SourceArn":"arn:aws:cognito-idp:` + Region + `:123456789012:userpool/` + pool + `"}}}]}`
}

// Environ returns the variables that the stack's functions get, as NAME=value.
func (st *Stack) Environ() []string { return environ(st.env) }

func environ(env map[string]string) []string {
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// Namespace is the CloudWatch namespace of the stack's metrics.
func (st *Stack) Namespace() string { return "CognitoUserMigration/" + st.Name }

// Attach makes the stack's migrate function the trigger of the new pool, in place of any other stack's. Then the trigger's log is the
// one that CloudFormation knows.
func (st *Stack) Attach() error {
	st.register(triggerFunction, "migrate")
	return st.deploy(triggerFunction, "migrate")
}

// SetTrigger has the new pool call the stack that is attached, as it does from the start, or nobody.
func (s *Sandbox) SetTrigger(ctx context.Context, attached bool) error {
	var trigger *cognito.Trigger
	if attached {
		trigger = &cognito.Trigger{Endpoint: s.Lambda.Endpoint(), Function: triggerFunction}
	}
	return s.New.SetTriggers(ctx, map[string]*cognito.Trigger{"UserMigration": trigger})
}

// AttachGuard makes the stack's guard function the new pool's pre sign-up trigger, in place of any other stack's, or detaches it.
func (st *Stack) AttachGuard(ctx context.Context, attached bool) error {
	var trigger *cognito.Trigger
	if attached {
		trigger = &cognito.Trigger{Endpoint: st.sandbox.Lambda.Endpoint(), Function: st.Name + "-guard"}
	}
	return st.sandbox.New.SetTriggers(ctx, map[string]*cognito.Trigger{"PreSignUp": trigger})
}

// RevokePermission takes away the new pool's permission to call its trigger, until Attach gives it again.
func (s *Sandbox) RevokePermission() { s.Lambda.Revoke(triggerFunction) }

// Logs returns what a function of the stack has written to its log, when called by its own name.
func (st *Stack) Logs(function string) string {
	return st.sandbox.Lambda.Logs(st.Name + "-" + function)
}

// Invoke calls a function of the stack. An error that the function returned comes as a *FunctionError.
func (st *Stack) Invoke(ctx context.Context, function string, payload []byte) ([]byte, error) {
	name := st.Name + "-" + function
	client := awslambda.NewFromConfig(Config(st.sandbox.Lambda.Endpoint()))
	out, err := client.Invoke(ctx, &awslambda.InvokeInput{FunctionName: &name, Payload: payload})
	if err != nil {
		return nil, err
	}
	if out.FunctionError != nil {
		return nil, &FunctionError{Function: name, Payload: string(out.Payload)}
	}
	return out.Payload, nil
}

// ReplayConcurrency is how many batches of the spool are replayed at once, as the template has it.
const ReplayConcurrency = 2

// Replay feeds the spool to the replay function, as Lambda's poller does, until the spool is empty.
func (st *Stack) Replay(ctx context.Context) error {
	return st.Spool.Drain(ctx, 10, func(ctx context.Context, batch []byte) ([]byte, error) {
		return st.Invoke(ctx, "replay", batch)
	})
}

// ConfirmMapping is how the audit table's stream feeds confirm, as the template has it.
var ConfirmMapping = dynamodblocal.Mapping{
	BatchSize: 50, MaximumRetryAttempts: 3,
	Matches: func(eventName string, image map[string]streamtypes.AttributeValue) bool {
		outcome, _ := image["outcome"].(*streamtypes.AttributeValueMemberS)
		return eventName == "INSERT" && outcome != nil && outcome.Value == string(migration.Migrated)
	},
}

// Confirm feeds the audit table's stream to the confirm function, as Lambda's poller does, until the function has had all that is in it.
// Another call goes on where this one ended.
func (st *Stack) Confirm(ctx context.Context) error {
	return st.stream.Drain(ctx, ConfirmMapping, func(ctx context.Context, batch []byte) ([]byte, error) {
		return st.Invoke(ctx, "confirm", batch)
	})
}

// SkipStream leaves out what the audit table's stream holds so far, as if it were older than the day that a stream keeps.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
func (st *Stack) SkipStream(ctx context.Context) error {
	nothing := func(string, map[string]streamtypes.AttributeValue) bool { return false }
	return st.stream.Drain(ctx, dynamodblocal.Mapping{BatchSize: 1, Matches: nothing}, nil)
}

// FunctionError is a function's error, in Lambda's form: {"errorMessage":…,"errorType":…}.
type FunctionError struct {
	Function string
	Payload  string
}

func (e *FunctionError) Error() string { return e.Function + ": " + e.Payload }
