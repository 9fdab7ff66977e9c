package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// canaries are values that name a person, or that only the person knows. None of them may be written down anywhere.
var canaries = map[string]string{
	"username":        "canary?user/4711",
	"email":           "canary+mail@example.com",
	"phone number":    "+15550174711",
	"password":        `Canary "password" & 4711`,
	"custom value":    "canary custom <4711>",
	"client metadata": "canary metadata = 4711",
	"validation data": "canary validation ; 4711",
}

// leaks names the canaries that text holds: as they are, or in JSON, URL, hexadecimal or base64 form.
func leaks(text []byte) []string {
	var found []string
	text = bytes.ToLower(text)
	for name, value := range canaries {
		if slices.ContainsFunc(encodings(value), func(form string) bool { return bytes.Contains(text, bytes.ToLower([]byte(form))) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func encodings(value string) []string {
	quoted, _ := json.Marshal(value)
	forms := []string{
		value, strings.Trim(string(quoted), `"`), strings.ReplaceAll(value, `"`, `\"`), fmt.Sprintf("%+q", value),
		url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)),
	}
	// In base64 a value looks different by where in the text it starts. What its neighbours shape is left out.
	for offset := range 3 {
		padded := append(make([]byte, offset), value...)
		whole := len(padded) / 3 * 3
		start := 4
		if offset == 0 {
			start = 0
		}
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			forms = append(forms, encoding.EncodeToString(padded[:whole])[start:])
		}
	}
	return forms
}

// The search finds what it is meant to find.
func TestCanarySearchFindsLeaks(t *testing.T) {
	t.Parallel()
	for name, value := range canaries {
		quoted, err := json.Marshal(map[string]string{"x": value})
		if err != nil {
			t.Fatal(err)
		}
		for form, planted := range map[string]string{
			"plain": "so " + value + " it is", "JSON": string(quoted), "error": fmt.Sprintf("no such user: %q", value),
			"URL": "https://example.com/?q=" + url.QueryEscape(value), "path": "/" + url.PathEscape(value) + "/",
			"hex": fmt.Sprintf("%X", "xx"+value+"yy"), "upper case": strings.ToUpper(value),
			"base64": base64.StdEncoding.EncodeToString([]byte(value)), "base64 inside": base64.StdEncoding.EncodeToString([]byte("x" + value + "yz")),
			"base64 inside, further": base64.RawURLEncoding.EncodeToString([]byte("xy" + value + "z")),
		} {
			if found := leaks([]byte(planted)); !slices.Contains(found, name) {
				t.Errorf("%s: %s is not found in %s", form, name, planted)
			}
		}
	}
	if found := leaks([]byte(`{"sub":"0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10","Outcome":"migrated"}`)); len(found) != 0 {
		t.Errorf("found %v where nothing is", found)
	}
}

// No username, address, password or anything that the app added is written down: not in a table, the queue, a log line, a metric, an
// answer or a report, whatever fails on the way.
func TestCanaries(t *testing.T) {
	user := cognito.User{
		Username: canaries["username"], Password: canaries["password"], Sub: "canary00-0000-4000-8000-000000000000",
		Attributes: map[string]string{
			"email": canaries["email"], "email_verified": "true", "phone_number": canaries["phone number"],
			"phone_number_verified": "false", "custom:note": canaries["custom value"],
		},
	}
	quoting := fault.Exception{Status: http.StatusBadRequest, Type: "InvalidParameterException", Message: fmt.Sprint(canaries)}
	unknown := quoting
	unknown.Type = canaries["username"]
	always := func(kind fault.Kind, operation string, e fault.Exception) fault.Rule {
		return fault.Rule{Kind: kind, Operation: operation, Probability: 1, Exception: e}
	}
	for _, policy := range []string{"spool", "required"} {
		stack := deploy(t, map[string]string{"AUDIT_POLICY": policy})
		var answers bytes.Buffer
		for _, tt := range []struct {
			name               string
			change             func(*cognito.User)
			old, ledger, queue []fault.Rule
			password           string
		}{
			{name: "wrong password", password: "not " + canaries["password"]},
			{name: "challenge", change: withFactors("SMS_MFA")},
			{name: "disabled", change: disabled},
			{name: "the old pool's trigger refuses", change: func(u *cognito.User) { u.PreAuthenticationError = fmt.Sprint(canaries) }},
			{name: "the old pool quotes the user", old: []fault.Rule{always(fault.Error, "", quoting)}},
			{name: "the sign-in quotes the user", old: []fault.Rule{always(fault.Error, "AdminInitiateAuth", quoting)}},
			{name: "an exception named as the user", old: []fault.Rule{always(fault.Error, "AdminInitiateAuth", unknown)}},
			{name: "a challenge named as the user", old: []fault.Rule{challenges(canaries["username"])}},
			{name: "a state named as the user", change: withStatus(canaries["username"])},
			{name: "a factor named as the user", change: withFactors(canaries["username"])},
			{name: "the ledger quotes the user", ledger: []fault.Rule{always(fault.Error, "", quoting)}},
			{name: "the ledger and the queue quote the user", ledger: []fault.Rule{always(fault.Error, "", quoting)}, queue: []fault.Rule{always(fault.Error, "", quoting)}},
			{name: "hung", old: []fault.Rule{always(fault.Hang, "AdminGetUser", fault.Exception{})}},
			{name: "reset", old: []fault.Rule{always(fault.Reset, "", fault.Exception{})}},
			{name: "a password that is too long", password: strings.Repeat(canaries["password"], 20)},
			{name: "right password"},
		} {
			u := user
			u.Attributes = map[string]string{}
			for key, value := range user.Attributes {
				u.Attributes[key] = value
			}
			if tt.change != nil {
				tt.change(&u)
			}
			if err := local.Old.Put(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			local.OldFaults.Set(tt.old...)
			local.DynamoDBFaults.Set(tt.ledger...)
			local.SQSFaults.Set(tt.queue...)
			password := tt.password
			if password == "" {
				password = u.Password
			}
			for _, trigger := range migration.Triggers {
				e := event(trigger, u.Username, password)
				request := e["request"].(map[string]any)
				request["validationData"] = map[string]string{"x": canaries["validation data"]}
				request["clientMetadata"] = map[string]string{"x": canaries["client metadata"]}
				answer, failure := invoke(t, stack, e)
				answers.WriteString(failure + "\n")
				if answer != nil {
					checkAnswerLeaks(t, tt.name, answer)
				}
			}
			repair(t, local.OldFaults, local.DynamoDBFaults, local.SQSFaults)
		}
		malformed(t, stack, user, &answers)
		for function, request := range map[string]string{
			"report": fmt.Sprintf(`{"view":%q}`, user.Attributes["email"]), "inspect": fmt.Sprintf(`{"view":"user","sub":%q}`, user.Attributes["email"]),
			"maintain": fmt.Sprintf(`{"view":%q}`, user.Attributes["email"]),
		} {
			local.DynamoDBFaults.Set(always(fault.Error, "", quoting))
			_, _ = stack.Invoke(t.Context(), function, []byte(request)) // the answer may hold what was asked, but not the log
			repair(t, local.DynamoDBFaults)
		}

		spooled, err := json.Marshal(stack.Spool.Messages())
		if err != nil {
			t.Fatal(err)
		}
		local.DynamoDBFaults.Set(always(fault.Error, "", quoting))
		if err := stack.Replay(t.Context()); err != nil {
			t.Fatal(err)
		}
		repair(t, local.DynamoDBFaults)
		dead, err := json.Marshal(stack.DeadLetters.Messages())
		if err != nil {
			t.Fatal(err)
		}
		for function, request := range map[string]string{
			"report": `{"view":"progress"}`, "inspect": fmt.Sprintf(`{"view":"user","username":%q}`, user.Username),
		} {
			answer, err := stack.Invoke(t.Context(), function, []byte(request))
			if err != nil {
				t.Fatal(err)
			}
			answers.Write(answer)
		}
		written := map[string][]byte{
			"tables": tables(t, stack), "spool": spooled, "dead letters": dead, "answers and reports": answers.Bytes(),
		}
		for _, function := range []string{"migrate", "replay", "report", "inspect", "maintain"} {
			written["log of "+function] = []byte(stack.Logs(function))
		}
		for where, text := range written {
			if found := leaks(text); len(found) != 0 {
				t.Errorf("%s, %s: leaks %v: %s", policy, where, found, text)
			}
		}
		for _, where := range []string{"tables", "spool", "dead letters", "answers and reports", "log of migrate", "log of replay"} {
			if len(written[where]) < 100 {
				t.Errorf("%s, %s: nothing was searched: %s", policy, where, written[where])
			}
		}
	}
}

// checkAnswerLeaks holds that an answer to Cognito holds the name that Cognito sent, the attributes if the user migrates, and nothing
// else.
func checkAnswerLeaks(t *testing.T, name string, answer map[string]any) {
	t.Helper()
	delete(answer, "userName")
	delete(answer["response"].(map[string]any), "userAttributes")
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if found := leaks(text); len(found) != 0 {
		t.Errorf("%s: the answer leaks %v: %s", name, found, text)
	}
}

// malformed sends events that are none, full of canaries.
func malformed(t *testing.T, stack *sandbox.Stack, u cognito.User, answers *bytes.Buffer) {
	t.Helper()
	all, err := json.Marshal(canaries)
	if err != nil {
		t.Fatal(err)
	}
	wrongTrigger := event("PreSignUp_"+migration.Trigger(u.Username), u.Username, u.Password)
	wrongPool := event(migration.SignIn, u.Username, u.Password)
	wrongPool["userPoolId"] = u.Username
	wrongType := event(migration.SignIn, u.Username, u.Password)
	wrongType["userName"] = canaries

	payloads := [][]byte{all, []byte(`"` + canaries["email"] + `"`), all[:len(all)-1]}
	for _, e := range []map[string]any{wrongTrigger, wrongPool, wrongType} {
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, payload)
	}
	for _, payload := range payloads {
		answer, err := stack.Invoke(t.Context(), "migrate", payload)
		if err == nil {
			t.Errorf("answered: %s", answer)
			continue
		}
		answers.WriteString(err.Error() + "\n")
	}
}

// tables returns every item of the stack's tables as JSON.
func tables(t *testing.T, stack *sandbox.Stack) []byte {
	t.Helper()
	text, err := json.Marshal(append(scan(t, stack.Sandbox(), stack.Tables.AuditTable), scan(t, stack.Sandbox(), stack.Tables.ProgressTable)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// subs returns the key of every event.
func subs(t *testing.T, stack *sandbox.Stack) []string {
	t.Helper()
	var subs []string
	for _, item := range scan(t, stack.Sandbox(), stack.Tables.AuditTable) {
		subs = append(subs, item["pk"].(string))
	}
	return subs
}

// scan returns every item of a table.
func scan(t *testing.T, in *sandbox.Sandbox, table string) []map[string]any {
	t.Helper()
	var all []map[string]any
	pages := dynamodb.NewScanPaginator(in.DynamoDBClient(), &dynamodb.ScanInput{TableName: aws.String(table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var items []map[string]any
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &items); err != nil {
			t.Fatal(err)
		}
		all = append(all, items...)
	}
	return all
}
