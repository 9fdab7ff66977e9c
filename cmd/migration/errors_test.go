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

// The exit code tells a command line that is wrong from an answer that is, and the message says what to do.
func TestWhatGoesWrong(t *testing.T) {
	const refusal = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: lambda:InvokeFunction on resource: arn:x because no identity-based policy allows it"
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args   []string
		set    map[string]string
		refuse map[string][2]string
		answer any
		code   int
		says   string
	}{
		"no command":             {nil, nil, nil, nil, 2, "How far it is"},
		"no such command":        {[]string{"weather"}, nil, nil, nil, 2, "unexpected argument weather"},
		"no such flag":           {[]string{"report", "--weather"}, nil, nil, nil, 2, "unknown flag --weather"},
		"too many arguments":     {[]string{"user", "ada", "bob"}, nil, nil, nil, 2, "unexpected argument bob"},
		"two forms":              {[]string{"report", "--json", "--html"}, nil, nil, nil, 2, "can't be used together"},
		"no user":                {[]string{"user", "--stack=live"}, nil, nil, nil, 2, "name one user: USERNAME, --username=USERNAME or --sub=SUB"},
		"an empty name":          {[]string{"user", "", "--stack=live"}, nil, nil, nil, 2, "name one user"},
		"two users":              {[]string{"user", "ada", "--sub=x", "--stack=live"}, nil, nil, nil, 2, "name one user"},
		"a name without --":      {[]string{"user", "-odd", "--stack=live"}, nil, nil, nil, 2, "unknown flag -o"},
		"no UTF-8":               {[]string{"user", "caf\xe9", "--stack=live"}, nil, nil, nil, 2, `"caf\xe9" is not UTF-8`},
		"no challenge":           {[]string{"blocked", "challenge", "--stack=live"}, nil, nil, nil, 2, `challenge needs --challenge=NAME: "migration blocked" names those that there are`},
		"no reason":              {[]string{"blocked", "--challenge=SMS_MFA", "--stack=live"}, nil, nil, nil, 2, "needs a reason before it"},
		"no period":              {[]string{"trail", "--stack=live"}, nil, nil, nil, 2, "missing flags: --from=DAY"},
		"an empty period":        {[]string{"trail", "--from=", "--stack=live"}, nil, nil, nil, 2, "neither a day, as 2026-07-14, nor a time"},
		"no day":                 {[]string{"trail", "--from=yesterday", "--stack=live"}, nil, nil, nil, 2, "neither a day, as 2026-07-14, nor a time"},
		"no end":                 {[]string{"audit", "--from=2026-07-01", "--to=2026-07-32", "--stack=live"}, nil, nil, nil, 2, "neither a day"},
		"a time where a day is":  {[]string{"verify", "--day=2026-07-14T12:00:00Z", "--stack=live"}, nil, nil, nil, 2, "is no day, as 2026-07-14"},
		"a user and a day":       {[]string{"verify", "--day=2026-07-14", "--sub=x", "--stack=live"}, nil, nil, nil, 2, "can't be used together"},
		"a negative limit":       {[]string{"unconfirmed", "--limit=-1", "--stack=live"}, nil, nil, nil, 2, "allowed is a number from 0"},
		"no such function":       {[]string{"logs", "weather", "--stack=live"}, nil, nil, nil, 2, `must be one of "migrate","report"`},
		"no duration":            {[]string{"logs", "--since=yesterday", "--stack=live"}, nil, nil, nil, 2, "allowed is a duration, as 90s, 15m or 24h"},
		"the future":             {[]string{"logs", "--since=-1h", "--stack=live"}, nil, nil, nil, 2, "allowed is a duration"},
		"a folder that is there": {[]string{"audit", "--from=2026-07-01", "--out=" + taken, "--stack=live"}, nil, nil, nil, 2, "is there already: name another folder with --out"},

		"no stack":      {[]string{"report"}, nil, nil, nil, 2, "no stack is named: use --stack=NAME, or set STACK"},
		"no Region":     {[]string{"report", "--stack=live"}, map[string]string{"AWS_REGION": ""}, nil, nil, 2, "no Region is named: use --region=REGION, or set AWS_REGION"},
		"unknown stack": {[]string{"report", "--stack=dead"}, nil, nil, nil, 1, "there is no stack dead in Region eu-west-1: check the name (--stack, STACK), the Region (--region, AWS_REGION) and the account (--profile)"},
		"another stack": {[]string{"report", "--stack=bare"}, nil, nil, nil, 1, "the stack bare in Region eu-west-1 has no ReportFunction"},
		"no credentials": {
			[]string{"report", "--stack=live"},
			map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
			nil, nil, 1, "there are no AWS credentials: sign in (aws sso login), use --profile=NAME, or set AWS_ACCESS_KEY_ID",
		},
		"no such profile": {[]string{"report", "--stack=live", "--profile=nobody"}, nil, nil, nil, 1, "the AWS configuration can't be read: failed to get shared config profile, nobody"},
		"old credentials": {
			[]string{"report", "--stack=live"},
			nil,
			map[string][2]string{"DescribeStackResources": {"ExpiredToken", "The security token included in the request is expired"}},
			nil, 1, "AWS does not accept the credentials: sign in again, or use --profile=NAME (ExpiredToken: The security token",
		},
		"the stack is denied": {
			[]string{"report", "--stack=live"},
			nil,
			map[string][2]string{"DescribeStackResources": {"AccessDenied", "User: ada is not authorized to perform: cloudformation:DescribeStackResources"}},
			nil, 1, "access denied: your credentials need the permission cloudformation:DescribeStackResources; ask the account's administrator",
		},
		"the function is denied": {
			[]string{"report", "--stack=live"},
			nil,
			map[string][2]string{"Invoke": {"AccessDeniedException", refusal}},
			nil, 1, "access denied: your credentials need the permission lambda:InvokeFunction; ask the account's administrator (" + refusal + ")",
		},
		"another refusal": {
			[]string{"report", "--stack=live"},
			nil,
			map[string][2]string{"Invoke": {"KMSDisabledException", "The key is disabled."}},
			nil, 1, "Lambda refused: The key is disabled. (KMSDisabledException)",
		},
		"the function fails": {
			[]string{"user", "ada", "--stack=live"},
			nil, nil,
			failure(`the old pool does not tell the user's sub: "unknown_user"`), 1,
			"inspect: the old pool does not tell the user's sub: \"unknown_user\"\n",
		},
		"the answer is no answer": {[]string{"report", "--stack=live"}, nil, nil, []int{}, 1, "the answer of report is not understood: is this tool of the version that is deployed?"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, only(tt.answer))
			fake.refuse = tt.refuse
			for name, value := range tt.set {
				t.Setenv(name, value)
			}
			stdout, stderr, code := tool(t, tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.says) || stdout != "" {
				t.Errorf("exit code %d, want %d; said %swant %s\n%s", code, tt.code, stderr, tt.says, stdout)
			}
			if tt.code == 2 && len(fake.regions) > 0 {
				t.Errorf("AWS was asked")
			}
		})
	}
}

// A question that got no answer is not asked again: it may be being worked on. One that was turned away is.
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
