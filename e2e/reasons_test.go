package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// logLine is what a line says of a failure.
type logLine struct {
	Level, Msg, View, Fault string
}

// failures are the lines of a log at level ERROR. Every line is one of JSON.
func failures(t *testing.T, log string) []logLine {
	t.Helper()
	var failed []logLine
	for line := range strings.Lines(log) {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if l.Level == "ERROR" {
			failed = append(failed, l)
		}
	}
	return failed
}

// denied is DynamoDB's answer to a caller without the right; its text names the role and the action.
var denied = fault.Rule{Kind: fault.Error, Probability: 1, Exception: fault.Exception{
	Status: http.StatusBadRequest, Type: "AccessDeniedException", Message: deniedText,
}}

const deniedText = "User: arn:aws:sts::123456789012:assumed-role/migration-Role/x is not authorized"

func saysDenied(l logLine) bool {
	return strings.HasPrefix(l.Fault, "DynamoDB refused ") && strings.HasSuffix(l.Fault, ": AccessDeniedException")
}

// If DynamoDB denies a call, the function's log says so, and names the call.
func TestLogsSayWhyAQuestionFailed(t *testing.T) {
	const widget = `{"widgetContext":{"theme":"light"}}`
	for _, tt := range []struct{ function, view, request string }{
		{"report", "progress", `{"view":"progress"}`},
		{"report", "html", `{"view":"html"}`},
		{"report", "gauges", `{"view":"gauges"}`},
		{"report", "widget", widget},
		{"report", "readiness", `{"view":"readiness"}`},
		{"journal", "record", `{"view":"record"}`},
		{"census", "run", `{"view":"run"}`},
		{"census", "status", `{"view":"status"}`},
		{"inspect", "journal", `{"view":"journal"}`},
		{"inspect", "records", `{"view":"records","subs":["8f1c0d5e-0000-4000-8000-000000000001"]}`},
		{"inspect", "user", `{"view":"user","sub":"8f1c0d5e-0000-4000-8000-000000000001"}`},
		{"inspect", "trail", `{"view":"trail","from":"2026-07-01"}`},
		{"inspect", "blocked", `{"view":"blocked","reason":"disabled"}`},
		{"inspect", "unconfirmed", `{"view":"unconfirmed"}`},
		{"maintain", "verify", `{"view":"verify"}`},
		{"maintain", "verify", `{"view":"verify","sub":"8f1c0d5e-0000-4000-8000-000000000001"}`},
		{"maintain", "verify", `{"view":"verify","day":"2026-07-14"}`},
		{"maintain", "verify", `{"view":"verify","every_hours":23}`},
		{"maintain", "rebuild", `{"view":"rebuild"}`},
		{"maintain", "close", `{"view":"close"}`},
	} {
		t.Run(tt.function+" "+tt.request, func(t *testing.T) {
			stack := deploy(t, nil)
			outage{rule: denied}.strike(t, local.DynamoDBFaults)
			if answer, err := stack.Invoke(t.Context(), tt.function, []byte(tt.request)); err == nil {
				t.Fatalf("answered %s", answer)
			}
			failed := failures(t, stack.Logs(tt.function))
			if strings.Contains(stack.Logs(tt.function), deniedText) || len(failed) != 1 || failed[0].View != tt.view || !saysDenied(failed[0]) {
				t.Errorf("logged %+v", failed)
			}
		})
	}
}

// The trigger and replay answer all the same, and say in their lines what the ledger answered.
func TestLogsSayWhyAnEventWasNotRecorded(t *testing.T) {
	stack := deploy(t, nil)
	u := newUser(t, nil)
	_, failure := timed(t, stack, func() { outage{rule: denied}.strike(t, local.DynamoDBFaults) }, event(migration.SignIn, u.Username, u.Password))
	if failure != "" {
		t.Fatal(failure)
	}
	if failed := failures(t, stack.Logs("migrate")); len(failed) != 1 || !saysDenied(failed[0]) {
		t.Errorf("migrate logged %+v", failed)
	}
	messages := stack.Spool.Messages()
	if len(messages) != 1 {
		t.Fatalf("%d messages in the spool", len(messages))
	}
	batch, err := json.Marshal(map[string]any{"Records": []map[string]string{{"messageId": "1", "body": messages[0].Body}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stack.Invoke(t.Context(), "replay", batch); err != nil {
		t.Fatal(err)
	}
	if failed := failures(t, stack.Logs("replay")); len(failed) != 1 || !saysDenied(failed[0]) {
		t.Errorf("replay logged %+v", failed)
	}
}

// A function that can't start says why, and which variable is wrong, in one line of the form of its others.
func TestLogsSayWhyAFunctionDoesNotStart(t *testing.T) {
	t.Parallel()
	for function, missing := range map[string]string{ // of watch none is
		"migrate": "USER_POOL_ID", "report": "AUDIT_TABLE", "inspect": "USER_POOL_ID", "maintain": "AUDIT_TABLE", "replay": "AUDIT_TABLE",
	} {
		t.Run(function, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), filepath.Join("..", "build", "host", function, "bootstrap"))
			cmd.Env = []string{"AWS_REGION=eu-west-1"}
			out, err := cmd.Output()
			failed := failures(t, string(out))
			if err == nil || strings.Count(string(out), "\n") != 1 || len(failed) != 1 || failed[0].Msg != "the function does not start" ||
				!strings.Contains(failed[0].Fault, missing) {
				t.Errorf("%v, logged %s", err, out)
			}
		})
	}
}
