package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// toolBinary builds the operator's tool.
var toolBinary = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../build/migration")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/migration").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// tool asks a stack with the operator's tool, which knows no AWS but the local one.
func tool(t *testing.T, stack *sandbox.Stack, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return toolOf(t, local, stack, t.TempDir(), nil, args...)
}

// toolIn is tool with more variables.
func toolIn(t *testing.T, stack *sandbox.Stack, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return toolOf(t, local, stack, t.TempDir(), env, args...)
}

// toolOf is tool in another sandbox, in a folder, with more variables.
func toolOf(
	t *testing.T, in *sandbox.Sandbox, stack *sandbox.Stack, dir string, env []string, args ...string,
) (stdout, stderr string, code int) {
	t.Helper()
	binary, err := toolBinary()
	if err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(append(in.Environ(), "STACK="+stack.Name, "HOME="+t.TempDir()), env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &said
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}

// The operator's tool answers every question of docs/operating.md.
func TestToolAnswers(t *testing.T) {
	t.Parallel()
	// The old pool's emulator stands for both pools, and Lambda's knows no policies: enough for preflight to find something.
	stack := deploy(t, map[string]string{"MIGRATE_FUNCTION": "migrate", "AWS_ENDPOINT_URL_LAMBDA": local.Lambda.Endpoint()})
	past := time.Now().UTC().AddDate(0, 0, -3).Truncate(24 * time.Hour)
	writeDays(t, stack, past, 1, 3)
	users := mixed(t, stack) // two are migrated, one had a wrong password, one is disabled, one has a second factor
	invoke(t, stack, event("UserMigration_Weather", "nobody", ""))
	drain(t, stack)
	day, next := ledger.Day(past), ledger.Day(past.AddDate(0, 0, 1))
	for name, tt := range map[string]struct {
		args []string
		says []string
		code int
	}{
		"how far is it": {
			[]string{"report"},
			[]string{"Migration " + stack.Name + " in eu-west-1", "migrated 5 62.5 %", "all 8", "0 waiting"},
			0,
		},
		"how far is it, as a page": {[]string{"report", "--html"}, []string{"<html", "INCONCLUSIVE", "5 of 8 users who came have moved"}, 0},
		"what happened to one user": {
			[]string{"user", users[0].Username},
			[]string{users[0].Sub, "Authentication migrated", "Tell the user to sign in as usual"},
			0,
		},
		"what happened to a sub": {
			[]string{"user", "--sub=" + users[3].Sub},
			[]string{"Blocked by disabled", "Enable it there"},
			0,
		},
		"what happened to nobody": {
			[]string{"user", "$(touch nobody)"},
			[]string{"inspect: the old pool does not tell the user's sub: unknown_user"},
			1,
		},
		"what blocks users":                 {[]string{"blocked"}, []string{"challenge SMS_MFA 1", "disabled"}, 0},
		"who is blocked":                    {[]string{"blocked", "disabled"}, []string{users[3].Sub}, 0},
		"who is blocked by a challenge":     {[]string{"blocked", "challenge", "--challenge=SMS_MFA"}, []string{users[4].Sub}, 0},
		"who is blocked by nothing of ours": {[]string{"blocked", "`weather`"}, []string{`"reason" is none of account_status,`}, 1},
		"who was not seen since":            {[]string{"unconfirmed"}, []string{users[0].Sub, users[1].Sub}, 0},
		"what happened in a period": {
			[]string{"trail", "--from=" + day, "--to=" + next, "--outcome=migrated"},
			[]string{"-1111-4222-8333-444455556666", "migrated"},
			0,
		},
		"are the pools set up right": {[]string{"preflight"}, []string{"error ", "PROBLEMS: errors "}, 1},
		"what does the trigger's log say": {
			[]string{"logs"},
			[]string{"INFO attempt", "Outcome=migrated", "sub=" + users[0].Sub},
			0,
		},
		"what failed": {
			[]string{"logs", "--failed", "--since=1h"},
			[]string{"ERROR attempt", "Reason=misconfigured"},
			0,
		},
		"what does another log say": {[]string{"logs", "replay"}, nil, 0},
		"does the record hold":      {[]string{"verify"}, []string{"users 8, events", "Nothing is wrong."}, 0},
		"does one user's": {
			[]string{"verify", "--sub=" + users[0].Sub},
			[]string{"users 1, events 1", "Nothing is wrong."},
			0,
		},
		"does one day's": {
			[]string{"verify", "--day=" + day},
			[]string{"users 3, events", "Nothing is wrong."},
			0,
		},
		"may the old pool be switched off": {
			[]string{"readiness"},
			[]string{"INCONCLUSIVE", "declarations unknown", "It is not declared how many users may be locked out"},
			1,
		},
		"may it on this day, for the record": {[]string{"readiness", "--record"}, []string{"INCONCLUSIVE", "Recorded as entry "}, 1},
		"on what grounds":                    {[]string{"journal"}, nil, 0},
		"make the progress table again":      {[]string{"rebuild"}, []string{"Rebuilt the progress table: users 8"}, 0},
		"close the days that are over":       {[]string{"close"}, nil, 0},
		"a stack that is not there": {
			[]string{"report", "--stack=dead"},
			[]string{"there is no stack dead in Region eu-west-1"},
			1,
		},
		"a function that is not in the stack": {
			[]string{"logs", "watch"},
			[]string{"the stack " + stack.Name + " in Region eu-west-1 has no WatchLogGroup"},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := tool(t, stack, tt.args...)
			verdict := tt.args[0] == "preflight" || tt.args[0] == "readiness" // they print what is wrong as their answer
			if code != tt.code || (code == 0) != (stderr == "") && !verdict {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, stderr)
			}
			plain := strings.Join(strings.Fields(stdout+stderr), " ")
			for _, want := range tt.says {
				if !strings.Contains(plain, want) {
					t.Errorf("%q is not in\n%s%s", want, stdout, stderr)
				}
			}
		})
	}
}

// With --json the tool prints what the function answered.
func TestToolPrintsAnswers(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	users := mixed(t, stack)
	drain(t, stack)
	printed := func(into any, args ...string) {
		t.Helper()
		stdout, stderr, code := tool(t, stack, append(args, "--json")...)
		if err := json.Unmarshal([]byte(stdout), into); err != nil || code != 0 {
			t.Errorf("%v: %v, exit code %d: %s%s", args, err, code, stdout, stderr)
		}
	}
	var p progress.Progress
	printed(&p, "report")
	want := report(t, stack)
	want.AsOf = p.AsOf
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("report (-function +tool):\n%s", diff)
	}
	var h history.History
	printed(&h, "user", users[4].Username)
	request := fmt.Sprintf(`{"view":"user","sub":%q}`, users[4].Sub)
	if diff := cmp.Diff(query[history.History](t, stack, "inspect", request), h); diff != "" || len(h.Events) != 1 {
		t.Errorf("user (-function +tool):\n%s", diff)
	}
	var v ledger.Verification
	printed(&v, "verify")
	if !v.Complete || v.Streams != 5 {
		t.Errorf("verify: %+v", v)
	}
	var list struct{ Users []migration.Record }
	printed(&list, "unconfirmed")
	if len(list.Users) != 2 || list.Users[0].Sub != users[0].Sub || list.Users[0].Since.IsZero() {
		t.Errorf("unconfirmed: %+v", list)
	}
	stdout, _, _ := tool(t, stack, "logs", "--json", "--limit=0")
	if stdout != stack.Logs("migrate") {
		t.Errorf("logs: %s\nwant %s", stdout, stack.Logs("migrate"))
	}
}

// A user is found by the name as it was typed, whatever a shell would make of it.
func TestToolTakesNamesLiterally(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	for i, name := range []string{"$(id)", "`id`", `"quoted"`, "it's", "$HOME", "-odd", "--json", `back\slash`, "名前"} {
		user := newUser(t, func(u *cognito.User) { u.Username, u.Attributes = fmt.Sprintf("%s%d", name, i), map[string]string{} })
		for _, args := range [][]string{{"user", "--json", "--", user.Username}, {"user", "--username=" + user.Username, "--json"}} {
			stdout, stderr, code := tool(t, stack, args...)
			var h history.History
			if err := json.Unmarshal([]byte(stdout), &h); err != nil || code != 0 || h.Sub != user.Sub {
				t.Errorf("%q: %v, exit code %d: %s%s", args, err, code, stdout, stderr)
			}
		}
	}
}

// What verify finds is named, and the exit code says that it found something, until a rebuild has mended it.
func TestToolNamesFindings(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	users := mixed(t, stack)
	drain(t, stack)
	_, records := tablesOf(stack)
	records.remove(t, "user#"+users[0].Sub, "record")
	for _, args := range [][]string{{"verify"}, {"verify", "--sub=" + users[0].Sub}, {"verify", "--json"}} {
		stdout, stderr, code := tool(t, stack, args...)
		if code != 1 || !strings.Contains(stdout, string(ledger.RecordMissing)) || !strings.Contains(stdout, users[0].Sub) || stderr != "" {
			t.Errorf("%v: exit code %d: %s%s", args, code, stdout, stderr)
		}
	}
	if stdout, stderr, code := tool(t, stack, "rebuild"); code != 0 || !strings.Contains(stdout, "records 1") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if stdout, stderr, code := tool(t, stack, "verify"); code != 0 {
		t.Errorf("exit code %d after the rebuild: %s%s", code, stdout, stderr)
	}
}
