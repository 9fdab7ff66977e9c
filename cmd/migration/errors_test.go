package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A wrong command line has its own exit code, says what is allowed, and asks no function.
func TestCommandLinesThatAreWrong(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"no command":             {nil, "How far it is"},
		"no such command":        {[]string{"weather"}, "unexpected argument weather"},
		"no such flag":           {[]string{"report", "--weather"}, "unknown flag --weather"},
		"too many arguments":     {[]string{"user", "ada", "bob"}, "unexpected argument bob"},
		"two forms":              {[]string{"report", "--json", "--html"}, "can't be used together"},
		"no user":                {[]string{"user"}, "name one user: USERNAME, --username=USERNAME or --sub=SUB"},
		"an empty name":          {[]string{"user", ""}, "name one user"},
		"two users":              {[]string{"user", "ada", "--sub=x"}, "name one user"},
		"a name without --":      {[]string{"user", "-odd"}, "unknown flag -o"},
		"no UTF-8":               {[]string{"user", "caf\xe9"}, `"caf\xe9" is not UTF-8`},
		"no challenge":           {[]string{"blocked", "challenge"}, `challenge needs --challenge=NAME: "migration blocked" lists`},
		"no reason":              {[]string{"blocked", "--challenge=SMS_MFA"}, "needs a reason before it"},
		"no period":              {[]string{"trail"}, "missing flags: --from=DAY"},
		"an empty period":        {[]string{"trail", "--from="}, "neither a day, such as 2026-07-14, nor a time"},
		"no day":                 {[]string{"trail", "--from=yesterday"}, "neither a day, such as 2026-07-14, nor a time"},
		"no end":                 {[]string{"audit", "--from=2026-07-01", "--to=2026-07-32"}, "neither a day"},
		"a time where a day is":  {[]string{"verify", "--day=2026-07-14T12:00:00Z"}, "is not a day, such as 2026-07-14"},
		"a user and a day":       {[]string{"verify", "--day=2026-07-14", "--sub=x"}, "can't be used together"},
		"a negative limit":       {[]string{"unconfirmed", "--limit=-1"}, "allowed is a number from 0"},
		"nobody to show":         {[]string{"preflight", "--show=3"}, "--show=N needs --users"},
		"no such function":       {[]string{"logs", "weather"}, `must be one of "migrate","report"`},
		"no duration":            {[]string{"logs", "--since=yesterday"}, "allowed is a duration, such as 90s, 15m or 24h"},
		"the future":             {[]string{"logs", "--since=-1h"}, "allowed is a duration"},
		"a folder that is there": {[]string{"audit", "--from=2026-07-01", "--out=" + taken}, "is there already: name another folder with --out"},
		"no stack":               {[]string{"report", "--stack="}, "no stack is named: use --stack=NAME, or set STACK"},
		"no Region":              {[]string{"report"}, "no Region is named: use --region=REGION, or set AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, nil)
			t.Setenv("STACK", "live")
			if name == "no Region" {
				t.Setenv("AWS_REGION", "")
			}
			stdout, stderr, code := tool(t, tt.args...)
			if code != 2 || !strings.Contains(stderr, tt.says) || stdout != "" {
				t.Errorf("exit code %d; said %swant %s\n%s", code, stderr, tt.says, stdout)
			}
			if len(fake.regions) > 0 {
				t.Error("AWS was asked")
			}
		})
	}
}

// An error says in plain words what failed and what to do; a function's own error is printed unchanged.
func TestCallsThatFail(t *testing.T) {
	const who = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: "
	refuses := func(operation, code, message string) map[string][2]string {
		return map[string][2]string{operation: {code, message}}
	}
	for name, tt := range map[string]struct {
		command string
		refuse  map[string][2]string
		answer  any
		says    string
	}{
		"unknown stack": {
			"report --stack=dead", nil, nil,
			"there is no stack dead in Region eu-west-1: check the name (--stack, STACK), the Region (--region, AWS_REGION) and the account (--profile)\n",
		},
		"another stack":   {"report --stack=bare", nil, nil, "the stack bare in Region eu-west-1 has no ReportFunction: name the stack of a migration"},
		"no such profile": {"report --profile=nobody", nil, nil, "the AWS configuration can't be read: failed to get shared config profile, nobody"},
		"no credentials": {
			"report --profile=empty", nil, nil,
			"there are no AWS credentials: sign in (aws sso login), use --profile=NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (",
		},
		"old credentials": {
			"report", refuses("DescribeStackResources", "ExpiredToken", "The security token is expired"), nil,
			"AWS does not accept the credentials: sign in again, or use --profile=NAME (ExpiredToken: The security token is expired)\n",
		},
		"the stack is denied": {
			"report", refuses("DescribeStackResources", "AccessDenied", who+"cloudformation:DescribeStackResources on resource: x"), nil,
			"access denied: your credentials need the permission cloudformation:DescribeStackResources; ask the account's administrator (" + who,
		},
		"the function is denied": {
			"report", refuses("Invoke", "AccessDeniedException", who+"lambda:InvokeFunction on resource: x"), nil,
			"access denied: your credentials need the permission lambda:InvokeFunction; ask the account's administrator (" + who,
		},
		"the log is denied": {
			"logs", refuses("FilterLogEvents", "AccessDeniedException", who+"logs:FilterLogEvents on resource: x"), nil,
			"access denied: your credentials need the permission logs:FilterLogEvents; ask the account's administrator (" + who,
		},
		"another refusal": {
			"report", refuses("Invoke", "KMSDisabledException", "The key is disabled."), nil,
			"Lambda refused: The key is disabled. (KMSDisabledException)\n",
		},
		"the function fails": {
			"user ada", nil, failure(`the old pool does not tell the user's sub: "unknown_user"`),
			"inspect: the old pool does not tell the user's sub: \"unknown_user\"\n",
		},
		"the answer is no answer": {
			"report", nil, []int{}, "the answer of report is not understood: does this tool have the version that is deployed? (",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, only(tt.answer))
			fake.refuse = tt.refuse
			config := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(config, []byte("[profile empty]\nregion = eu-west-1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CONFIG_FILE", config)
			t.Setenv("STACK", "live")
			if strings.Contains(tt.command, "--profile=empty") {
				t.Setenv("AWS_ACCESS_KEY_ID", "")
				t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			}
			stdout, stderr, code := tool(t, strings.Fields(tt.command)...)
			if code != 1 || !strings.HasPrefix(stderr, "migration: "+tt.says) || stdout != "" {
				t.Errorf("exit code %d; said %swant %s\n%s", code, stderr, tt.says, stdout)
			}
		})
	}
}

// Only a throttled call is tried again. After a lost answer the function may still be working on the question.
func TestQuestionsAreNotAskedTwice(t *testing.T) {
	throttleOnce := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"Message":"Rate Exceeded."}`))
		return true
	}
	for name, tt := range map[string]struct {
		first func(http.ResponseWriter, *http.Request) bool
		calls int
		says  string
	}{
		"no answer": {drop, 1, "no answer from Lambda in Region eu-west-1: check the network and the Region, then ask again ("},
		"a fault": {func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, `{"Message":"oops"}`, http.StatusInternalServerError)
			return true
		}, 1, "Lambda refused"},
		"turned away": {throttleOnce, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, only(midway()))
			fake.invoked = func(w http.ResponseWriter, r *http.Request) bool { return len(fake.calls) == 1 && tt.first(w, r) }
			_, stderr, code := tool(t, "report", "--stack=live")
			fake.mu.Lock()
			defer fake.mu.Unlock()
			if len(fake.calls) != tt.calls || (code == 0) != (tt.says == "") || !strings.Contains(stderr, tt.says) {
				t.Errorf("%d calls, want %d; exit code %d: %s", len(fake.calls), tt.calls, code, stderr)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	fake := startFake(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	fake.invoked = func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	var stderr bytes.Buffer
	code := run(ctx, []string{"verify", "--stack=live"}, &output{stdout: &stderr, stderr: &stderr})
	if code != 1 || stderr.String() != "migration: interrupted\n" {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}
