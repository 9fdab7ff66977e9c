package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

const (
	newPoolID  = "eu-west-1_new"
	migrateARN = "arn:aws:lambda:eu-west-1:123456789012:function:live-MigrateFunction"
	guardARN   = "arn:aws:lambda:eu-west-1:123456789012:function:live-GuardFunction"
)

// object is a JSON object.
type object = map[string]any

// somePool is a user pool of which UpdateUserPool resets what it is not sent.
type somePool struct {
	members object
	mfa     object
	updates int
	updated func() // after an update
	seen    func() // before a description
}

// startPool makes a fake of a stack whose new pool has these members, and a preflight that finds nothing.
func startPool(t *testing.T, members object) (*fakeAWS, *somePool) {
	t.Helper()
	t.Chdir(t.TempDir())
	p := &somePool{mfa: object{"MfaConfiguration": "OFF"}, members: object{
		"Id": newPoolID, "Name": "new", "Arn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/" + newPoolID,
		"LastModifiedDate": 1.5, "EstimatedNumberOfUsers": 7.0, "SchemaAttributes": []any{object{"Name": "sub"}}, "MfaConfiguration": "OFF",
		"UserPoolTier": "PLUS", "NewSetting": object{"Depth": 3.0}, "LambdaConfig": object{"CustomMessage": "arn:message"},
	}}
	maps.Copy(p.members, members)
	fake := startFake(t, only(preflight.Report{Verdict: preflight.OK}))
	fake.parameters = map[string]string{"UserPoolId": "eu-west-1_old", "NewUserPoolId": newPoolID}
	allowed := `{"Statement":[{"Effect":"Allow","Principal":{"Service":"cognito-idp.amazonaws.com"},"Action":"lambda:InvokeFunction",` +
		`"Condition":{"ArnLike":{"AWS:SourceArn":"` + p.members["Arn"].(string) + `"}}}]}`
	fake.policies = map[string]string{"live-MigrateFunction": allowed, "live-GuardFunction": allowed}
	fake.cognito = p.answer
	return fake, p
}

func (p *somePool) answer(operation string, input object) any {
	switch operation {
	case "DescribeUserPool":
		if p.seen != nil {
			p.seen()
		}
		return object{"UserPool": p.members}
	case "GetUserPoolMfaConfig":
		return p.mfa
	case "SetUserPoolMfaConfig":
		delete(input, "UserPoolId")
		p.mfa = input
	case "UpdateUserPool":
		after := object{
			"Id": input["UserPoolId"], "Name": input["PoolName"], "LastModifiedDate": p.members["LastModifiedDate"].(float64) + 1,
		}
		for _, stays := range []string{"Arn", "EstimatedNumberOfUsers", "SchemaAttributes"} {
			after[stays] = p.members[stays]
		}
		delete(input, "UserPoolId")
		delete(input, "PoolName")
		maps.Copy(after, input)
		if tags, ok := p.members["UserPoolTags"].(object); ok && tags["aws:cloudformation:stack-name"] != nil {
			after["UserPoolTags"] = tags // nobody but AWS can take that off
		}
		p.members = after
		p.updates++
		if p.updated != nil {
			p.updated()
		}
	}
	return object{}
}

// triggers returns the pool's LambdaConfig.
func (p *somePool) triggers() object { return p.members["LambdaConfig"].(object) }

// atTerminal runs a command line as if the person at the terminal typed answers.
func atTerminal(t *testing.T, typed io.Reader, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &output{stdin: typed, stdout: &out, stderr: &err, answers: true})
	return out.String(), err.String(), code
}

// savedFile returns the one file that a command left in this folder.
func savedFile(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v: %v", files, err)
	}
	return files[0]
}

func clone(t *testing.T, v object) object {
	t.Helper()
	text, err := json.Marshal(v)
	var copied object
	if err := errors.Join(err, json.Unmarshal(text, &copied)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// After attaching and detaching nothing differs but when the pool was changed.
func TestAttachAndDetach(t *testing.T) {
	for name, tt := range map[string]struct {
		guard    bool
		args     []string
		attached object
	}{
		"the trigger":                    {false, nil, object{"CustomMessage": "arn:message", "UserMigration": migrateARN}},
		"the trigger and the guard":      {true, nil, object{"CustomMessage": "arn:message", "UserMigration": migrateARN, "PreSignUp": guardARN}},
		"the guard is not wanted":        {true, []string{"--no-guard"}, object{"CustomMessage": "arn:message", "UserMigration": migrateARN}},
		"the guard is wanted, and there": {true, []string{"--guard"}, object{"CustomMessage": "arn:message", "UserMigration": migrateARN, "PreSignUp": guardARN}},
	} {
		t.Run(name, func(t *testing.T) {
			fake, pool := startPool(t, nil)
			if tt.guard {
				fake.resources = []string{"GuardFunction"}
			}
			before := clone(t, pool.members)
			stdout, stderr, code := tool(t, append([]string{"attach", "--yes", "--stack=live"}, tt.args...)...)
			if code != 0 || pool.updates != 1 {
				t.Fatalf("exit code %d, %d updates: %s%s", code, pool.updates, stdout, stderr)
			}
			want := clone(t, before)
			want["LambdaConfig"], want["LastModifiedDate"] = tt.attached, 2.5
			if diff := cmp.Diff(want, pool.members); diff != "" {
				t.Errorf("after attaching (-want +got):\n%s", diff)
			}
			if stdout, _, code := tool(t, append([]string{"attach", "--yes", "--stack=live"}, tt.args...)...); code != 0 || pool.updates != 1 || !strings.Contains(stdout, "already") {
				t.Errorf("again: exit code %d, %d updates: %s", code, pool.updates, stdout)
			}
			if stdout, stderr, code := tool(t, "detach", "--yes", "--stack=live"); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
			}
			before["LastModifiedDate"] = 3.5
			if diff := cmp.Diff(before, pool.members); diff != "" {
				t.Errorf("after detaching (-want +got):\n%s", diff)
			}
			if stdout, _, code := tool(t, "detach", "--yes", "--stack=live"); code != 0 || pool.updates != 2 || !strings.Contains(stdout, "calls none of the stack's functions") {
				t.Errorf("again: exit code %d, %d updates: %s", code, pool.updates, stdout)
			}
		})
	}
}

func TestWhatAttachSays(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	startPool(t, nil)
	stdout, stderr, _ := tool(t, "attach", "--yes", "--stack=live")
	said := strings.ReplaceAll(stdout, savedFile(t), "FILE") + stderr
	t.Chdir(here)
	golden(t, said)
}

// The documented rights are those that attaching and detaching take, besides an operator's.
func TestTheRightsToAttachAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/attaching.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	var statements []struct{ Action any }
	if block == nil || json.Unmarshal([]byte("["+string(block[1])+"]"), &statements) != nil {
		t.Fatal("docs/attaching.md does not have the rights any more")
	}
	documented := map[string]bool{"lambda:InvokeFunction": true} // an operator's
	for _, s := range statements {
		for action := range strings.FieldsSeq(strings.Trim(fmt.Sprint(s.Action), "[]")) {
			documented[action] = true
		}
	}
	fake, _ := startPool(t, nil)
	for _, command := range []string{"attach", "detach"} {
		if _, stderr, code := tool(t, command, "--yes", "--stack=live"); code != 0 {
			t.Fatal(stderr)
		}
	}
	if diff := cmp.Diff(documented, fake.actions); diff != "" {
		t.Errorf("rights (-documented +taken):\n%s", diff)
	}
}

// Every refusal leaves the pool alone, says why, and is none where its cause is not.
func TestAttachRefuses(t *testing.T) {
	problem := preflight.Report{Verdict: preflight.Problems, Findings: []preflight.Issue{{ID: "client_has_secret", Severity: preflight.Error}}}
	for name, tt := range map[string]struct {
		members object
		change  func(*fakeAWS)
		says    string
		despite string // the flag that attaches nevertheless, if any
	}{
		"somebody else's trigger":     {members: object{"LambdaConfig": object{"UserMigration": "arn:other"}}, says: "UserMigration of the pool eu-west-1_new calls arn:other, which is not the stack's"},
		"email that can't be sent":    {members: object{"EmailConfigurationFailure": "not verified"}, says: "the pool can't send messages (EmailConfigurationFailure: not verified), and so Cognito refuses every update"},
		"SMS that can't be sent":      {members: object{"SmsConfigurationFailure": "InvalidSmsRole"}, says: "SmsConfigurationFailure: InvalidSmsRole"},
		"a stack's tag":               {members: object{"UserPoolTags": object{"aws:cloudformation:stack-name": "identity"}}, says: "the CloudFormation stack identity owns the pool", despite: "--drift"},
		"a stack":                     {change: func(f *fakeAWS) { f.owners = map[string]string{newPoolID: "identity"} }, says: "the CloudFormation stack identity owns the pool", despite: "--drift"},
		"Terraform's tag":             {members: object{"UserPoolTags": object{"ManagedBy": "terraform"}}, says: "Terraform, by the tag ManagedBy=terraform owns the pool", despite: "--drift"},
		"a function without a policy": {change: func(f *fakeAWS) { f.policies = nil }, says: "the policy of the function live-MigrateFunction does not let arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_new call it"},
		"a function for another pool": {change: func(f *fakeAWS) {
			f.policies["live-MigrateFunction"] = strings.ReplaceAll(f.policies["live-MigrateFunction"], "eu-west-1_new", "eu-west-1_other")
		}, says: "does not let"},
		"a guard without a policy":     {change: func(f *fakeAWS) { f.resources = []string{"GuardFunction"}; delete(f.policies, "live-GuardFunction") }, says: "the policy of the function live-GuardFunction does not let", despite: "--no-guard"},
		"errors of preflight":          {change: func(f *fakeAWS) { f.answer = only(problem) }, says: "preflight finds what would go wrong", despite: "--force"},
		"a preflight that fails":       {change: func(f *fakeAWS) { f.answer = only(failure("boom")) }, says: "preflight fails: inspect: boom; attach without it by --force", despite: "--force"},
		"a stack without the function": {change: func(f *fakeAWS) { f.parameters = nil }, says: "has no parameter for"},
		"no right to look": {
			change: func(f *fakeAWS) {
				f.refuse = map[string][2]string{"GetUserPoolMfaConfig": {"AccessDeniedException", "is not authorized to perform: cognito-idp:GetUserPoolMfaConfig on x"}}
			},
			says: "your credentials need the permission cognito-idp:GetUserPoolMfaConfig",
		},
		"no right to change": {
			change: func(f *fakeAWS) {
				f.refuse = map[string][2]string{"UpdateUserPool": {"AccessDeniedException", "is not authorized to perform: iam:PassRole on x"}}
			},
			says: "your credentials need the permission iam:PassRole; ask the account's administrator (is not authorized to perform: iam:PassRole on x); the pool is unchanged",
		},
		"a member that can't be sent back": {
			change: func(f *fakeAWS) {
				f.refuse = map[string][2]string{"UpdateUserPool": {"SerializationException", "Unknown member NewSetting"}}
			},
			says: "Unknown member NewSetting (SerializationException); the pool is unchanged",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake, pool := startPool(t, tt.members)
			if tt.change != nil {
				tt.change(fake)
			}
			before := clone(t, pool.members)
			stdout, stderr, code := tool(t, "attach", "--yes", "--stack=live")
			if code != 1 || !strings.Contains(stderr, tt.says) {
				t.Errorf("exit code %d; said %swant %s", code, stderr, tt.says)
			}
			if owned := strings.Contains(tt.says, "owns the pool"); owned != strings.Contains(stdout, "user_migration = ") {
				t.Errorf("said %s", stdout)
			}
			if diff := cmp.Diff(before, pool.members); diff != "" || pool.updates > 0 {
				t.Errorf("the pool was changed:\n%s", diff)
			}
			if tt.despite == "" {
				return
			}
			if stdout, stderr, code := tool(t, "attach", "--yes", "--stack=live", tt.despite); code != 0 || pool.updates != 1 {
				t.Errorf("with %s: exit code %d: %s%s", tt.despite, code, stdout, stderr)
			}
		})
	}
}

// A place that somebody else's function has is left to it; the trigger is attached all the same.
func TestTheGuardTakesNobodysPlace(t *testing.T) {
	fake, pool := startPool(t, object{"LambdaConfig": object{"PreSignUp": "arn:other"}})
	fake.resources = []string{"GuardFunction"}
	_, stderr, code := tool(t, "attach", "--yes", "--stack=live")
	if want := (object{"PreSignUp": "arn:other", "UserMigration": migrateARN}); code != 0 || !cmp.Equal(want, pool.triggers()) {
		t.Errorf("exit code %d, attached %v", code, pool.triggers())
	}
	if !strings.Contains(stderr, "the guard is not attached: PreSignUp calls arn:other, which is not the stack's") {
		t.Error(stderr)
	}
	if _, stderr, code := tool(t, "detach", "--yes", "--stack=live"); code != 0 || !cmp.Equal(object{"PreSignUp": "arn:other"}, pool.triggers()) {
		t.Errorf("exit code %d, attached %v: %s", code, pool.triggers(), stderr)
	}
}

// Detaching is for emergencies: nothing but a missing right or Cognito itself stands in its way.
func TestDetach(t *testing.T) {
	for name, tt := range map[string]struct {
		members object
		code    int
		says    string
		left    object
	}{
		"our function":               {object{"LambdaConfig": object{"UserMigration": migrateARN}}, 0, "", object{}},
		"a version of our function":  {object{"LambdaConfig": object{"UserMigration": migrateARN + ":7"}}, 0, "", object{}},
		"somebody else's":            {object{"LambdaConfig": object{"UserMigration": migrateARN + "2"}}, 1, "which is not the stack's: it stays attached", object{"UserMigration": migrateARN + "2"}},
		"of a pool that a stack has": {object{"LambdaConfig": object{"UserMigration": migrateARN}, "UserPoolTags": object{"aws:cloudformation:stack-name": "identity"}}, 0, "take the trigger off there too", object{}},
		"of a pool that can't send":  {object{"LambdaConfig": object{"UserMigration": migrateARN}, "EmailConfigurationFailure": "x"}, 1, "", object{}}, // Cognito itself would refuse; the fake takes it, and loses the member
	} {
		t.Run(name, func(t *testing.T) {
			fake, pool := startPool(t, tt.members)
			fake.answer = only(failure("nobody is to ask preflight"))
			_, stderr, code := tool(t, "detach", "--yes", "--stack=live")
			if code != tt.code || !strings.Contains(stderr, tt.says) || !cmp.Equal(tt.left, pool.triggers()) {
				t.Errorf("exit code %d, attached %v; said %swant %s", code, pool.triggers(), stderr, tt.says)
			}
		})
	}
}

func TestNobodyChangesAPoolUnasked(t *testing.T) {
	for name, tt := range map[string]struct {
		typed   string
		updates int
	}{"yes": {"yes\n", 1}, "y": {" Y \n", 1}, "no": {"n\n", 0}, "something else": {"maybe\n", 0}, "nothing": {"\n", 0}, "the end": {"", 0}} {
		t.Run(name, func(t *testing.T) {
			_, pool := startPool(t, nil)
			stdout, stderr, code := atTerminal(t, strings.NewReader(tt.typed), "attach", "--stack=live")
			if (code == 0) != (tt.updates == 1) || pool.updates != tt.updates || !strings.Contains(stderr, "Change the pool? [y/N]") {
				t.Errorf("exit code %d, %d updates: %s%s", code, pool.updates, stdout, stderr)
			}
		})
	}
	for _, command := range []string{"attach", "detach", "restore file"} {
		fake, pool := startPool(t, nil)
		_, stderr, code := tool(t, append(strings.Fields(command), "--stack=live")...)
		if code != 2 || !strings.Contains(stderr, "there is no terminal to ask on") || pool.updates+len(fake.regions) > 0 {
			t.Errorf("%s: exit code %d, %d updates: %s", command, code, pool.updates, stderr)
		}
	}
}

// typing does something when the answer is read: while the question stands.
type typing struct {
	then   func()
	answer io.Reader
}

func (t *typing) Read(p []byte) (int, error) {
	if t.then != nil {
		t.then()
		t.then = nil
	}
	return t.answer.Read(p)
}

// Whoever changes a pool while somebody else looks at the difference wins; the other one is told, and changes nothing.
func TestTwoOperatorsAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*somePool)
		says   string
	}{
		"another setting":           {func(p *somePool) { p.members["UserPoolTier"] = "LITE" }, "somebody else changed the pool meanwhile (UserPoolTier)"},
		"the trigger":               {func(p *somePool) { p.members["LambdaConfig"] = object{"UserMigration": "arn:other"} }, "meanwhile (LambdaConfig.CustomMessage, LambdaConfig.UserMigration)"},
		"a factor":                  {func(p *somePool) { p.mfa = object{"MfaConfiguration": "ON"} }, "meanwhile (MfaConfiguration)"},
		"a change and back":         {func(p *somePool) { p.members["LastModifiedDate"] = 9.5 }, "meanwhile (and changed it back)"},
		"nothing but users sign up": {func(p *somePool) { p.members["EstimatedNumberOfUsers"] = 8 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fake, pool := startPool(t, nil)
			change := func() { fake.mu.Lock(); defer fake.mu.Unlock(); tt.change(pool) }
			_, stderr, code := atTerminal(t, &typing{change, strings.NewReader("y\n")}, "attach", "--stack=live")
			if (code == 0) != (tt.says == "") || (pool.updates == 0) != (tt.says != "") || !strings.Contains(stderr, tt.says) {
				t.Errorf("exit code %d, %d updates: %s", code, pool.updates, stderr)
			}
		})
	}
}

// What differs after the update, by Cognito's doing or by another operator's, is told, with the way back.
func TestAnUpdateThatDoesMore(t *testing.T) {
	for name, tt := range map[string]struct {
		args    []string
		typed   string
		back    bool
		updates int
	}{
		"in a script":              {[]string{"--yes"}, "", false, 1},
		"at a terminal, and back":  {nil, "y\ny\n", true, 2},
		"at a terminal, and as is": {nil, "y\nn\n", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, pool := startPool(t, nil)
			before := clone(t, pool.members)
			pool.updated = func() {
				delete(pool.members, "NewSetting")
				pool.updated = nil
			}
			typed := io.MultiReader(strings.NewReader(tt.typed)) // no reader takes more than a line
			stdout, stderr, code := atTerminal(t, &lines{typed}, append([]string{"attach", "--stack=live"}, tt.args...)...)
			if !strings.Contains(stdout, "The pool is not as it should be") || !strings.Contains(stdout, "NewSetting.Depth") || pool.updates != tt.updates {
				t.Errorf("exit code %d, %d updates: %s%s", code, pool.updates, stdout, stderr)
			}
			if tt.back {
				before["LastModifiedDate"] = pool.members["LastModifiedDate"]
				if diff := cmp.Diff(before, pool.members); diff != "" {
					t.Errorf("(-before +after):\n%s", diff)
				}
				return
			}
			if code != 1 || !strings.Contains(stderr, "put it back with: migration restore "+savedFile(t)) {
				t.Errorf("exit code %d: %s", code, stderr)
			}
		})
	}
}

// A default that Cognito shows after the update, and did not before, is told, and is nothing wrong. A trigger is no default.
func TestAnUpdateThatShowsMore(t *testing.T) {
	for setting, wrong := range map[string]bool{"DeletionProtection": false, "LambdaConfig": true} {
		_, pool := startPool(t, nil)
		pool.updated = func() {
			if wrong {
				pool.triggers()["PostConfirmation"] = "arn:other"
			} else {
				pool.members[setting] = "INACTIVE"
			}
		}
		stdout, stderr, code := tool(t, "attach", "--yes", "--stack=live")
		if (code != 0) != wrong || strings.Contains(stdout, "That is no loss") == wrong || !strings.Contains(stdout, setting) {
			t.Errorf("%s: exit code %d: %s%s", setting, code, stdout, stderr)
		}
	}
}

// lines gives a byte at a time, so that who reads a line takes no more.
type lines struct{ io.Reader }

func (l *lines) Read(p []byte) (int, error) { return l.Reader.Read(p[:min(1, len(p))]) }

func TestRestore(t *testing.T) {
	_, pool := startPool(t, object{"UserPoolTags": object{"team": "a"}})
	pool.mfa = object{"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": object{"Enabled": true}}
	before, factors := clone(t, pool.members), clone(t, pool.mfa)
	if _, stderr, code := tool(t, "attach", "--yes", "--stack=live"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	file := savedFile(t)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	pool.members["UserPoolTier"], pool.members["Another"] = "LITE", 1
	pool.members["SchemaAttributes"] = []any{object{"Name": "sub"}, object{"Name": "custom:later"}} // which nothing can take away
	pool.mfa = object{"MfaConfiguration": "OFF"}
	stdout, stderr, code := tool(t, "restore", file, "--yes")
	if code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	before["SchemaAttributes"], before["LastModifiedDate"] = pool.members["SchemaAttributes"], pool.members["LastModifiedDate"]
	if diff := cmp.Diff(before, pool.members); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(factors, pool.mfa); diff != "" {
		t.Errorf("factors (-before +after):\n%s", diff)
	}
	if stdout, _, code := tool(t, "restore", file, "--yes"); code != 0 || !strings.Contains(stdout, "Nothing was changed") {
		t.Errorf("again: exit code %d: %s", code, stdout)
	}
	for name, text := range map[string]string{"none": "", "other": `{"a":1}`} {
		if text != "" {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, stderr, code := tool(t, "restore", name, "--yes"); code != 2 || !strings.Contains(stderr, name) {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}

// Numbers and settings go through the tool as they are, digit by digit.
func TestSettingsGoThroughUntouched(t *testing.T) {
	exact := json.RawMessage(`{"Big":12345678901234567890,"Ratio":1.10,"Text":"<&é\u2028"}`)
	fake, pool := startPool(t, object{"Exact": exact})
	var sent string
	fake.cognito = func(operation string, input object) any {
		if operation == "UpdateUserPool" {
			sent = fmt.Sprintf("%v", input["Exact"])
		}
		return pool.answer(operation, input)
	}
	fake.exact = true
	if stdout, stderr, code := tool(t, "attach", "--yes", "--stack=live"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	if want := "map[Big:12345678901234567890 Ratio:1.10 Text:<&é\u2028]"; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
}
