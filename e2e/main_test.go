// Package e2e holds the project's promises, a file each, on real parts: the compiled functions behind Lambda's APIs, DynamoDB
// Local, and two user pools.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

var (
	local  *sandbox.Sandbox
	output *os.File // of the sandbox's processes, to find out why a test fails
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		var err error
		if output, err = os.Create("../build/e2e.log"); err != nil {
			fmt.Fprintln(os.Stderr, `run "make test", which builds what is tested:`, err)
			return 1
		}
		defer output.Close()
		if local, err = sandbox.Start(ctx, 1, output); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer local.Close()
		return m.Run()
	}())
}

var names atomic.Int32

// unique returns a name that no other test uses.
func unique(prefix string) string { return fmt.Sprintf("%s%d", prefix, names.Add(1)) }

// deploy deploys the functions with tables and a queue of the test's own.
func deploy(t *testing.T, env map[string]string) *sandbox.Stack {
	t.Helper()
	stack, err := local.Deploy(t.Context(), unique("stack"), env)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// attach makes the stack the new pool's trigger. There is one new pool: tests that attach must not run in parallel.
func attach(t *testing.T, stack *sandbox.Stack) *sandbox.Stack {
	t.Helper()
	if err := stack.Attach(); err != nil {
		t.Fatal(err)
	}
	return stack
}

// newUser lays down a user in the old pool, with a name of its own.
func newUser(t *testing.T, change func(*cognito.User)) cognito.User {
	t.Helper()
	name := unique("user")
	u := cognito.User{
		Username: name, Password: "Right-password-1", Sub: fmt.Sprintf("%08d-aaaa-4bbb-8ccc-ddddeeeeffff", names.Add(1)),
		Attributes: map[string]string{
			"email": name + "@example.com", "email_verified": "true",
			"phone_number": fmt.Sprintf("+1555%07d", names.Add(1)), "phone_number_verified": "false",
		},
	}
	if change != nil {
		change(&u)
	}
	if err := local.Old.Put(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

// event is a user migration event as Cognito sends it.
func event(trigger migration.Trigger, username, password string) map[string]any {
	request := map[string]any{"validationData": nil, "userAttributes": nil}
	if trigger == migration.SignIn {
		request["password"] = password
	}
	return map[string]any{
		"version": "1", "triggerSource": string(trigger), "region": sandbox.Region, "userPoolId": sandbox.NewPoolID,
		"userName":      username,
		"callerContext": map[string]any{"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": sandbox.NewClientID},
		"request":       request,
		"response": map[string]any{
			"userAttributes": nil, "forceAliasCreation": nil, "enableSMSMFA": nil, "finalUserStatus": nil,
			"messageAction": nil, "desiredDeliveryMediums": nil,
		},
	}
}

// invoke calls the stack's migrate function as Cognito does. The second result is the text of the function's error.
func invoke(t *testing.T, stack *sandbox.Stack, event any) (answer map[string]any, failure string) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stack.Invoke(t.Context(), "migrate", payload)
	if err != nil {
		return nil, errorMessage(t, err)
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("the answer is no JSON object: %s", raw)
	}
	return answer, ""
}

// errorMessage is the errorMessage of a function's error.
func errorMessage(t *testing.T, err error) string {
	t.Helper()
	var failure *sandbox.FunctionError
	var body struct{ ErrorMessage string }
	if !errors.As(err, &failure) || json.Unmarshal([]byte(failure.Payload), &body) != nil {
		t.Fatal(err)
	}
	return body.ErrorMessage
}

// query calls a function that answers questions.
func query[T any](t *testing.T, stack *sandbox.Stack, function, request string) T {
	t.Helper()
	raw, err := stack.Invoke(t.Context(), function, []byte(request))
	if err != nil {
		t.Fatal(err)
	}
	var answer T
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return answer
}

func report(t *testing.T, stack *sandbox.Stack) progress.Progress {
	t.Helper()
	return query[progress.Progress](t, stack, "report", `{"view":"progress"}`)
}

// store reads the stack's tables past every fault.
func store(stack *sandbox.Stack) *dynamo.Store {
	return dynamo.New(sandbox.Config(stack.Sandbox().DynamoDB.Endpoint()), stack.Tables, 10*time.Second)
}

// verify holds that the users' streams are whole and chained, that their records are the fold of them, and that the tallies
// are their recount. It returns the streams.
func verify(t *testing.T, stack *sandbox.Stack, users ...cognito.User) map[string][]migration.Event {
	t.Helper()
	drain(t, stack) // on a busy machine the ledger may not have answered in time for everyone
	streams := map[string][]migration.Event{}
	recount := migration.Counters{}
	for _, u := range users {
		stream, err := store(stack).Stream(t.Context(), u.Sub)
		if err != nil {
			t.Fatal(err)
		}
		streams[u.Sub] = stream
		var folded migration.Record
		for i, e := range stream {
			hash, err := ledger.Hash(e)
			if err != nil {
				t.Fatal(err)
			}
			if e.Seq != i+1 || e.Prev != folded.Hash || e.Hash != hash {
				t.Errorf("%s: event %d does not continue the chain: %+v", u.Username, i+1, e)
			}
			next := folded.Apply(e)
			recount.Add(migration.Count(folded, e, next))
			folded = next
		}
		record, err := store(stack).Record(t.Context(), u.Sub)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(folded, record); diff != "" {
			t.Errorf("%s: record (-fold +stored):\n%s", u.Username, diff)
		}
	}
	tallies, err := store(stack).Tallies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := migration.Counters{}
	for _, tally := range tallies {
		stored.Add(tally.Counters)
	}
	if diff := cmp.Diff(recount, stored); diff != "" {
		t.Errorf("tallies (-recount +stored):\n%s", diff)
	}
	return streams
}

// signIn signs a user in at the new pool, as an app does.
func signIn(ctx context.Context, username, password string) error {
	_, err := local.NewPoolClient().InitiateAuth(ctx, &cognitoidp.InitiateAuthInput{
		ClientId:       aws.String(sandbox.NewClientID),
		AuthFlow:       types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
	})
	return err
}

// arrived returns the users of the new pool whose username starts with prefix.
func arrived(t *testing.T, prefix string) []cognito.User {
	t.Helper()
	all, err := local.New.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var users []cognito.User
	for _, u := range all {
		if strings.HasPrefix(u.Username, prefix) {
			users = append(users, u)
		}
	}
	return users
}

// freePort returns a port that nobody listened on a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
