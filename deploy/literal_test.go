package deploy_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an operator gives to "make deploy" reaches the AWS CLI as it was typed. Neither make nor a shell runs or expands any of it.
func TestDeployTakesNothingForACommand(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "executed")
	for _, hostile := range []string{
		"$(shell touch MARK)", "$(touch MARK)", "$$(touch MARK)", "${shell touch MARK}", "`touch MARK`", `"; touch MARK; "`, "'; touch MARK; '",
		"; touch MARK", "| touch MARK", "&& touch MARK", "$(eval x:=$(shell touch MARK))", "$(error x)", "$HOME", "${HOME}", "$(HOME)", "$@", "$$",
		"$", "%", "*", "~", `\`, `"`, "'", "#x", "a=b", ":=", "x\ny", "-x", "…",
	} {
		name, hostile := hostile, strings.ReplaceAll(hostile, "MARK", mark)
		given := map[string]string{
			"STACK": "stack" + hostile, "USER_POOL_ID": "eu-central-1_" + hostile, "APP_CLIENT_ID": "client" + hostile,
			"NEW_USER_POOL_ID": "eu-west-1_" + hostile, "BUCKET": "bucket" + hostile, "TEMPLATE": "template" + hostile,
			"PARAMETERS": "Mode=" + hostile + " Remigrate=allow", "TAGS": "team=" + hostile,
		}
		deployed := append([]string{
			"cloudformation", "deploy", "--template-file", "PACKAGED", "--s3-bucket", given["BUCKET"], "--s3-prefix", given["STACK"],
			"--stack-name", given["STACK"], "--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset", "--parameter-overrides",
			"UserPoolId=" + given["USER_POOL_ID"], "AppClientId=" + given["APP_CLIENT_ID"], "NewUserPoolId=" + given["NEW_USER_POOL_ID"],
			`NewPool={"AliasAttributes":["email"]}`, "Version=VERSION",
		}, slices.Concat(strings.Fields(given["PARAMETERS"]), []string{"--tags"}, strings.Fields(given["TAGS"]))...)
		want := [][]string{
			{"sts", "get-caller-identity", "--query", "Account", "--output", "text"},
			{"cognito-idp", "describe-user-pool", "--user-pool-id", given["NEW_USER_POOL_ID"], "--output", "json", "--query", "SHAPE"},
			{
				"cloudformation", "package", "--template-file", given["TEMPLATE"], "--s3-bucket", given["BUCKET"], "--s3-prefix", given["STACK"],
				"--output-template-file", "PACKAGED",
			},
			deployed,
			{
				"cloudformation", "describe-stacks", "--stack-name", given["STACK"], "--query", "Stacks[0].Outputs[].[OutputKey,OutputValue]",
				"--output", "text",
			},
		}
		for _, makefile := range []string{"Makefile", "deploy/deploy.mk"} {
			for _, how := range []string{"arguments", "environment"} {
				t.Run(name+" "+filepath.Base(makefile)+" "+how, func(t *testing.T) {
					if diff := cmp.Diff(want, makeDeploy(t, makefile, how == "arguments", given)); diff != "" {
						t.Errorf("calls of the AWS CLI (-want +got):\n%s", diff)
					}
					if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
						_ = os.Remove(mark)
						t.Errorf("something was executed (%v)", err)
					}
				})
			}
		}
	}
}

// fakeCLI stands in for the AWS CLI: it writes down what it is called with.
const fakeCLI = `#!/bin/sh
printf '%s\0' "$@" >>"$RECORD"
printf '\n\0' >>"$RECORD"
case "$1 $2" in
"sts get-caller-identity") echo 123456789012 ;;
"cognito-idp describe-user-pool") printf '{\n  "AliasAttributes": ["email"]\n}\n' ;;
"cloudformation describe-stacks") printf 'DashboardUrl\thttps://x\nNextStep\tmake it so\n' ;;
esac
`

// makeDeploy runs "make deploy", but for the build, with a REGION in the environment that has nothing to do with it. It returns the
// calls of the AWS CLI.
func makeDeploy(t *testing.T, makefile string, asArguments bool, given map[string]string) [][]string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(fakeCLI), 0o700); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(dir, "record")
	cmd := exec.CommandContext(t.Context(), "make", "--silent", "--file", makefile, "--old-file", "build", "--old-file", "tool", "deploy")
	cmd.Dir = ".."
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "AWS_") || strings.HasPrefix(variable, "MAKE")
	})
	cmd.Env = append(cmd.Env, "PATH="+dir+":"+os.Getenv("PATH"), "RECORD="+record, "REGION=us-east-1", "TMPDIR="+dir)
	for name, value := range given {
		if asArguments {
			cmd.Args = append(cmd.Args, name+"="+value)
		} else {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "DashboardUrl\thttps://x\nNext: make it so\n") {
		t.Fatalf("make deploy: %v, said %s", err, out)
	}
	recorded, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var calls [][]string
	for call := range strings.SplitSeq(strings.TrimSuffix(string(recorded), "\x00\n\x00"), "\x00\n\x00") {
		arguments := strings.Split(call, "\x00")
		for i, a := range arguments {
			switch {
			case strings.HasPrefix(a, dir+"/tmp."):
				arguments[i] = "PACKAGED"
			case strings.HasPrefix(a, "UserPool.{"):
				arguments[i] = "SHAPE"
			case strings.HasPrefix(a, "Version="):
				arguments[i] = "Version=VERSION"
			}
		}
		calls = append(calls, arguments)
	}
	return calls
}

// Without the new pool's shape nothing is deployed: the trigger would guess, and an update would make it forget what it knew.
func TestDeployEndsIfTheNewPoolCannotBeDescribed(t *testing.T) {
	dir := t.TempDir()
	record := filepath.Join(dir, "record")
	denied := strings.Replace(fakeCLI, "printf '{\\n  \"AliasAttributes\": [\"email\"]\\n}\\n'", "exit 254", 1)
	if denied == fakeCLI {
		t.Fatal("the command line that stands in for AWS's answers differently")
	}
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(denied), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "./deploy/deploy")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "RECORD="+record, "STACK=s", "USER_POOL_ID=eu-west-1_a",
		"APP_CLIENT_ID=c", "NEW_USER_POOL_ID=eu-west-1_b", "BUCKET=b")
	out, err := cmd.CombinedOutput()
	recorded, readErr := os.ReadFile(record)
	if err == nil || readErr != nil || strings.Contains(string(recorded), "cloudformation") {
		t.Errorf("%v, %v, said %s; called %q", err, readErr, out, recorded)
	}
}
