package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// amazon-cognito-identity-js, as it comes, migrates a user without noticing.
func TestBrowserLibrary(t *testing.T) {
	stack := attach(t, deploy(t, nil))
	u := newUser(t, nil)
	for range 2 {
		got := browser(t, "signIn", u.Username, u.Password)
		if !got.OK || got.Claims["cognito:username"] != u.Username || got.Claims["email"] != u.Attributes["email"] {
			t.Errorf("%+v", got)
		}
	}
	if stream := verify(t, stack, u)[u.Sub]; len(stream) != 1 {
		t.Errorf("%d events, want one: the second sign-in is the new pool's own affair", len(stream))
	}
}

type browserResult struct {
	OK            bool
	Code, Message string
	Claims        map[string]any
}

// browser does what an app in a browser does, by amazon-cognito-identity-js.
func browser(t *testing.T, args ...string) browserResult {
	t.Helper()
	command, err := cognito.NodeCommand(t.Context(), "sandbox/cognito/signin.js",
		append([]string{args[0], local.New.Endpoint(), sandbox.NewPoolID, sandbox.NewClientID}, args[1:]...)...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var result browserResult
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return result
}

// The AWS CLI migrates a user by the command that "make demo KEEP=1" prints.
func TestCommandLine(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs the AWS CLI")
		}
		t.Skip("the AWS CLI is not installed")
	}
	stack := attach(t, deploy(t, nil))
	u := newUser(t, nil)
	out, err := exec.CommandContext(t.Context(), "aws", "cognito-idp", "initiate-auth", "--no-sign-request",
		"--region", sandbox.Region, "--endpoint-url", local.New.Endpoint(), "--auth-flow", "USER_PASSWORD_AUTH",
		"--client-id", sandbox.NewClientID, "--auth-parameters", "USERNAME="+u.Username+",PASSWORD="+u.Password).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if stream := verify(t, stack, u)[u.Sub]; len(stream) != 1 || stream[0].Outcome != migration.Migrated {
		t.Errorf("%+v", stream)
	}
}

// The emulator as it comes, with none of the sandbox's rules, works as the new pool: it calls the trigger with its own code.
func TestEmulatorAsItComes(t *testing.T) {
	t.Parallel()
	stack := deploy(t, map[string]string{"NEW_USER_POOL_ID": ""})
	u := newUser(t, nil)
	client := stockEmulator(t, stack)
	ctx := t.Context()
	pool, err := client.CreateUserPool(ctx, &cognitoidp.CreateUserPoolInput{PoolName: aws.String("new")})
	if err != nil {
		t.Fatal(err)
	}
	app, err := client.CreateUserPoolClient(ctx, &cognitoidp.CreateUserPoolClientInput{
		UserPoolId: pool.UserPool.Id, ClientName: aws.String("app"),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.InitiateAuth(ctx, &cognitoidp.InitiateAuthInput{
		ClientId: app.UserPoolClient.ClientId, AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": u.Username, "PASSWORD": u.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	users, err := client.ListUsers(ctx, &cognitoidp.ListUsersInput{UserPoolId: pool.UserPool.Id})
	if err != nil {
		t.Fatal(err)
	}
	if len(users.Users) != 1 {
		t.Fatalf("%d users arrived", len(users.Users))
	}
	attributes := map[string]string{}
	for _, a := range users.Users[0].Attributes {
		attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	if users.Users[0].UserStatus != types.UserStatusTypeConfirmed || attributes["email"] != u.Attributes["email"] ||
		attributes["phone_number_verified"] != "false" {
		t.Errorf("%s, %v", users.Users[0].UserStatus, attributes)
	}
	verify(t, stack, u)
}

// stockEmulator starts the emulator unchanged, with the stack's function as its user migration trigger.
func stockEmulator(t *testing.T, stack *sandbox.Stack) *cognitoidp.Client {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".cognito", "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{
		"LambdaClient":     map[string]any{"endpoint": local.Lambda.Endpoint(), "region": sandbox.Region},
		"TriggerFunctions": map[string]any{"UserMigration": stack.Name + "-migrate"},
		"UserPoolDefaults": map[string]any{"UsernameAttributes": []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".cognito", "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	command, err := cognito.NodeCommand(context.WithoutCancel(t.Context()), ".cache/npm/cognito-local/lib/bin/start.js")
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	command.Dir = dir
	command.Env = append(command.Env, "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port))
	command.Stdout, command.Stderr = output, output
	emulator, err := process.Start("the emulator as it comes", command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(emulator.Stop)
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", port)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = emulator.WaitReady(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/health", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return cognitoidp.NewFromConfig(sandbox.Config(endpoint))
}
