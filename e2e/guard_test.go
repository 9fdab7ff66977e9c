package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/guard"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// What who signs up reads.
const (
	signInInstead = "UserLambdaValidationException: PreSignUp failed with error SIGN_IN_INSTEAD."
	tryAgain      = "UserLambdaValidationException: PreSignUp failed with error TEMPORARILY_UNAVAILABLE."
)

// guarded attaches a stack's trigger and guard to the new pool, for one test.
func guarded(t *testing.T, sb *sandbox.Sandbox, env map[string]string) *sandbox.Stack {
	t.Helper()
	stack, err := sb.Deploy(t.Context(), unique("stack"), env)
	if err == nil {
		err = errors.Join(stack.Attach(), stack.AttachGuard(t.Context(), true))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.AttachGuard(t.Context(), false); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return stack
}

// signUp signs somebody up at the new pool, as an app does, and returns what the app reads; nothing if the pool takes the user.
func signUp(t *testing.T, sb *sandbox.Sandbox, username string, attributes map[string]string) string {
	t.Helper()
	in := &cognitoidp.SignUpInput{ClientId: aws.String(sandbox.NewClientID), Username: &username, Password: aws.String("Stranger-password-1")}
	for name, value := range attributes {
		in.UserAttributes = append(in.UserAttributes, types.AttributeType{Name: &name, Value: &value})
	}
	_, err := sb.NewPoolClient().SignUp(t.Context(), in)
	return read(t, err)
}

// read is what an app reads of Cognito's answer; nothing if there is no error.
func read(t *testing.T, err error) string {
	t.Helper()
	var refused smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.ErrorCode() + ": " + refused.ErrorMessage()
	default:
		t.Fatal(err)
		return ""
	}
}

// oldUsers are those whom the tests of the guard lay down in an old pool.
var oldUsers = []cognito.User{
	{Username: "ada", Attributes: map[string]string{
		"email": "ada@example.com", "email_verified": "true", "phone_number": "+15550000001", "phone_number_verified": "true",
	}},
	{Username: "bob", Attributes: map[string]string{
		"email": "bob@example.com", "email_verified": "false", "phone_number": "+15550000002", "phone_number_verified": "false",
	}},
	{Username: "cy@example.com"},
	{Username: "Dee", Attributes: map[string]string{"email": "Dee@Example.com", "email_verified": "true"}},
	{Username: "out", Disabled: true},
}

// Nobody takes the username, email address or phone number of an old user who has not moved, in pools of all kinds. Strangers sign up as
// before.
func TestNobodyTakesAnOldUsersName(t *testing.T) {
	fold := &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)}
	aliases := []string{"email", "phone_number"}
	type row struct{ who, username, email, phone, want string }
	common := []row{
		{"a stranger", "stranger", "stranger@example.com", "+15559999999", ""},
		{"a stranger without addresses", "nobody", "", "", ""},
		{"a username", "ada", "x@example.com", "", signInInstead},
		{"a username alone", "bob", "", "", signInInstead},
		{"a disabled user's name", "out", "", "", signInInstead},
		{"a verified email address", "x1", "ada@example.com", "", signInInstead},
		{"a verified phone number", "x2", "", "+15550000001", signInInstead},
		{"an address that its old user has not verified", "x3", "bob@example.com", "", ""},
		{"a phone number that its old user has not verified", "x4", "", "+15550000002", ""},
		{"an address that is a username there", "x5", "cy@example.com", "", signInInstead},
	}
	for name, tt := range map[string]struct {
		pools sandbox.Pools
		rows  []row
	}{
		"with aliases, and case matters": {
			sandbox.Pools{Old: cognito.Config{AliasAttributes: aliases}, New: cognito.Config{AliasAttributes: aliases}},
			append(common, row{"a username in another case", "ADA", "", "", ""}, // another name to both pools
				row{"an email address in another case", "x6", "ADA@example.com", "", signInInstead}),
		},
		"without aliases": {
			sandbox.Pools{}, append(common, row{"an address as username", "ada@example.com", "", "", ""}), // ada does not sign in by it
		},
		"that fold case": {
			sandbox.Pools{Old: cognito.Config{UsernameConfiguration: fold}, New: cognito.Config{UsernameConfiguration: fold}},
			append(common, row{"a username in another case", "ADA", "", "", signInInstead},
				row{"an email address in another case", "x6", "ADA@Example.COM", "", signInInstead},
				row{"a name with a capital letter", "dEE", "", "", signInInstead}),
		},
		"that sign in by address": {
			sandbox.Pools{
				Old: cognito.Config{AliasAttributes: aliases},
				New: cognito.Config{UsernameAttributes: []string{"email"}, UsernameConfiguration: fold},
			},
			[]row{
				{"a stranger", "stranger@example.com", "", "", ""},
				{"an address", "ada@example.com", "", "", signInInstead},
				{"an address in another case", "ADA@example.com", "", "", signInInstead},
				{"an address that is a username there", "cy@example.com", "", "", signInInstead},
				{"a phone number besides", "other@example.com", "", "+15550000001", signInInstead},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sb, err := sandbox.StartWith(t.Context(), 1, io.Discard, tt.pools)
			if err != nil {
				t.Fatal(err)
			}
			defer sb.Close()
			if err := sb.Old.Put(t.Context(), oldUsers...); err != nil {
				t.Fatal(err)
			}
			stack := guarded(t, sb, nil)
			for _, r := range tt.rows {
				attributes := map[string]string{}
				for attribute, value := range map[string]string{"email": r.email, "phone_number": r.phone} {
					if value != "" {
						attributes[attribute] = value
					}
				}
				if got := signUp(t, sb, r.username, attributes); got != r.want {
					t.Errorf("%s: reads %q, want %q\n%s", r.who, got, r.want, stack.Logs("guard"))
				}
			}
		})
	}
}

// Several users may have an address, and one of them may have verified it: that one is found, in as many pages as it takes.
func TestTheGuardReadsAllPages(t *testing.T) {
	guarded(t, local, nil)
	email := unique("shared") + "@example.com"
	for i := range 5 {
		newUser(t, func(u *cognito.User) {
			u.Attributes = map[string]string{"email": email, "email_verified": fmt.Sprint(i == 4)}
		})
	}
	if err := local.Old.SetPageSize(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = local.Old.SetPageSize(t.Context(), 0) }()
	local.OldFaults.Set(throws("AdminGetUser", "UserNotFoundException")) // as in a pool whose users do not sign in by address
	defer repair(t, local.OldFaults)
	if got := signUp(t, local, unique("x"), map[string]string{"email": email}); got != signInInstead {
		t.Errorf("reads %q", got)
	}
}

// The guard refuses no migration, whether or not Cognito calls it then, and by any source.
func TestTheGuardRefusesNoMigration(t *testing.T) {
	const link = "custom:old_sub"
	for _, source := range []string{"", "PreSignUp_SignUp", "PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider", "PreSignUp_Tomorrow"} {
		for _, policy := range []string{"spool", "required"} {
			t.Run(fmt.Sprintf("%s %s", source, policy), func(t *testing.T) {
				guarded(t, local, map[string]string{"AUDIT_POLICY": policy, "ATTRIBUTES": link + "=sub"})
				if err := local.New.SetPreSignUpOfMigrations(t.Context(), source); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = local.New.SetPreSignUpOfMigrations(t.Context(), "") }()
				for kind, change := range map[string]func(*cognito.User){
					"with addresses": nil, "without any": func(u *cognito.User) { u.Attributes = nil },
					"without flags": func(u *cognito.User) {
						delete(u.Attributes, "email_verified")
						delete(u.Attributes, "phone_number_verified")
					},
				} {
					user := newUser(t, change)
					if got := signUp(t, local, user.Username, nil); got != signInInstead {
						t.Errorf("%s, before: a stranger reads %q", kind, got)
					}
					if failure := signInAtNewPool(t, user.Username, user.Password); failure != "" {
						t.Errorf("%s: the user reads %q", kind, failure)
					}
					if got := signUp(t, local, user.Username, nil); !strings.HasPrefix(got, "UsernameExistsException") {
						t.Errorf("%s, after: a stranger reads %q", kind, got)
					}
				}
				forgetful := newUser(t, nil)
				if got := forgotPassword(t, forgetful.Username); got != "" {
					t.Errorf("a forgotten password: %s", got)
				}
				if policy == "spool" { // the ledger is away, so the guard can't know who has moved
					outage{rule: fault.Rule{Kind: fault.Error}}.strike(t, local.DynamoDBFaults)
					defer repair(t, local.DynamoDBFaults)
					for kind, change := range map[string]func(*cognito.User){"with addresses": nil, "without any": func(u *cognito.User) { u.Attributes = nil }} {
						user := newUser(t, change)
						if failure := signInAtNewPool(t, user.Username, user.Password); failure != "" {
							t.Errorf("%s, while the ledger is away: the user reads %q", kind, failure)
						}
					}
				}
			})
		}
	}
}

// Users who have moved do not stand in anybody's way; with a link, a minute after they were handed over.
func TestWhoHasMovedIsInNobodysWay(t *testing.T) {
	for attributes, want := range map[string]string{"": "", "custom:old_sub=sub": signInInstead} {
		stack := guarded(t, local, map[string]string{"ATTRIBUTES": attributes})
		user := newUser(t, nil)
		if failure := signInAtNewPool(t, user.Username, user.Password); failure != "" {
			t.Fatal(failure)
		}
		address := map[string]string{"email": user.Attributes["email"]}
		if got := signUp(t, local, unique("late"), address); got != want {
			t.Errorf("at once, with the rules %q: %q, want %q", attributes, got, want)
		}
		if want == "" {
			continue
		}
		if err := stack.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := signUp(t, local, unique("late"), address); got != "" {
			t.Errorf("after the confirmation: %q", got)
		}
	}
}

// The guard asks an old pool in another account as the role of that account.
func TestTheGuardAsksAnOldPoolInAnotherAccount(t *testing.T) {
	server, env := otherAccount(t)
	guarded(t, local, env)
	if got := signUp(t, local, newUser(t, nil).Username, nil); got != signInInstead {
		t.Errorf("reads %q", got)
	}
	if server.Issued() == 0 {
		t.Error("the guard asked the old pool with its own credentials, want the role's")
	}
}

func TestAdministratorsMakeWhomTheyLike(t *testing.T) {
	guarded(t, local, nil)
	user := newUser(t, nil)
	_, err := local.NewPoolClient().AdminCreateUser(t.Context(), &cognitoidp.AdminCreateUserInput{
		UserPoolId: aws.String(sandbox.NewPoolID), Username: &user.Username, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(user.Attributes["email"])}},
	})
	if got := read(t, err); got != "" {
		t.Error(got)
	}
}

// forgotPassword starts a forgotten password at the new pool, and returns what the app reads; nothing if a code was sent.
func forgotPassword(t *testing.T, username string) string {
	t.Helper()
	_, err := local.NewPoolClient().ForgotPassword(t.Context(), &cognitoidp.ForgotPasswordInput{
		ClientId: aws.String(sandbox.NewClientID), Username: &username,
	})
	return read(t, err)
}

// While users move, strangers try to take their names, again and again: each user gets in, and no stranger does.
func TestStrangersLoseTheRace(t *testing.T) {
	guarded(t, local, map[string]string{"ATTRIBUTES": "custom:old_sub=sub"})
	var wg sync.WaitGroup
	for range 8 {
		user := newUser(t, nil)
		done := make(chan struct{})
		for range 2 {
			wg.Go(func() {
				for tries := 0; ; tries++ {
					if got := signUp(t, local, user.Username, nil); got != signInInstead && !strings.HasPrefix(got, "UsernameExistsException") {
						t.Errorf("%s: a stranger reads %q", user.Username, got)
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		wg.Go(func() {
			defer close(done)
			if err := signIn(t.Context(), user.Username, user.Password); err != nil {
				t.Errorf("%s: %v", user.Username, err)
			}
		})
	}
	wg.Wait()
}

// While the old pool is slow, down or throttles, nobody can find out whose name it is: everybody reads the same, within what Cognito waits.
// Without the ledger that is so for old users only.
func TestTheGuardWhileNobodyCanFindOut(t *testing.T) {
	stack := guarded(t, local, map[string]string{"OLD_POOL_BUDGET": "500ms", "LEDGER_BUDGET": "300ms", "SPOOL_BUDGET": "300ms"})
	known := newUser(t, nil)
	hang := func(operation string) fault.Rule {
		return fault.Rule{Kind: fault.Hang, Probability: 1, Operation: operation}
	}
	for name, tt := range map[string]struct {
		proxy        *fault.Proxy
		rules        []fault.Rule
		down         bool
		wantStranger string
	}{
		"the old pool is slow":            {local.OldFaults, []fault.Rule{hang("")}, false, tryAgain},
		"the old pool is slow to list":    {local.OldFaults, []fault.Rule{hang("ListUsers")}, false, tryAgain},
		"the old pool is down":            {local.OldFaults, nil, true, tryAgain},
		"the old pool throttles":          {local.OldFaults, []fault.Rule{throws("", "TooManyRequestsException")}, false, tryAgain},
		"the old pool throttles lists":    {local.OldFaults, []fault.Rule{throws("ListUsers", "TooManyRequestsException")}, false, tryAgain},
		"a right on the old pool is gone": {local.OldFaults, []fault.Rule{throws("", "AccessDeniedException")}, false, tryAgain},
		"the ledger is slow":              {local.DynamoDBFaults, []fault.Rule{hang("")}, false, ""},
		"the ledger is down":              {local.DynamoDBFaults, nil, true, ""},
		"a right on the ledger is gone":   {local.DynamoDBFaults, []fault.Rule{throws("", "AccessDeniedException")}, false, ""},
		"the old pool throttles only once": {local.OldFaults, []fault.Rule{func() fault.Rule {
			once := throws("AdminGetUser", "TooManyRequestsException")
			once.Times = 1
			return once
		}()}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer repair(t, tt.proxy)
			if tt.proxy.Set(tt.rules...); tt.down {
				if err := tt.proxy.Refuse(true); err != nil {
					t.Fatal(err)
				}
			}
			stranger := unique("stranger")
			if got := signUp(t, local, stranger, map[string]string{"email": stranger + "@example.com"}); got != tt.wantStranger {
				t.Errorf("a stranger reads %q, want %q", got, tt.wantStranger)
			}
			want := tryAgain
			if strings.Contains(name, "to list") || strings.Contains(name, "lists") || strings.Contains(name, "once") {
				want = signInInstead // the username is enough
			}
			began := time.Now()
			if got := signUp(t, local, known.Username, map[string]string{"email": known.Attributes["email"]}); got != want {
				t.Errorf("with an old user's name: %q, want %q", got, want)
			}
			if took := time.Since(began); took > 4500*time.Millisecond {
				t.Errorf("it took %s: Cognito waits 5 s", took)
			}
		})
	}
	var answers []string
	for line := range strings.Lines(stack.Logs("guard")) {
		var entry struct{ Level, Answer string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if failed := entry.Answer == guard.Failed; failed != (entry.Level == "ERROR") {
			t.Errorf("%s", line)
		}
		answers = append(answers, entry.Answer)
	}
	if len(answers) != 20 {
		t.Errorf("%d lines of 20 sign-ups: Cognito asked again, or nobody was asked: %v", len(answers), answers)
	}
}

// What the guard writes down names nobody, and is documented.
func TestTheGuardsLog(t *testing.T) {
	stack := guarded(t, local, nil)
	user := newUser(t, func(u *cognito.User) {
		u.Username = canaries["username"]
		u.Attributes = map[string]string{"email": canaries["email"], "email_verified": "true", "phone_number": canaries["phone number"], "phone_number_verified": "true"}
	})
	for _, rules := range [][]fault.Rule{nil, {{Kind: fault.Error, Probability: 1, Exception: fault.Exception{Status: 400, Type: "InvalidParameterException", Message: fmt.Sprint(canaries)}}}} {
		local.OldFaults.Set(rules...)
		signUp(t, local, user.Username, nil)
		signUp(t, local, unique("x"), map[string]string{"email": canaries["email"], "phone_number": canaries["phone number"]})
		signUp(t, local, unique("x"), map[string]string{"custom:note": canaries["custom value"]})
	}
	repair(t, local.OldFaults)
	event := map[string]any{"triggerSource": "PreSignUp_SignUp", "userPoolId": canaries["email"], "userName": canaries["username"]}
	for _, payload := range []any{event, canaries, canaries["password"], nil} {
		text, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stack.Invoke(t.Context(), "guard", text); err == nil {
			t.Errorf("answered %s", text)
		} else if got := errorMessage(t, err); got != guard.UnsupportedEvent.Error() {
			t.Errorf("%s: %s", text, got)
		}
	}
	logs := stack.Logs("guard")
	if found := leaks([]byte(logs)); len(found) != 0 {
		t.Errorf("leaks %v: %s", found, logs)
	}
	documentation := documented(t)
	for _, name := range []string{guard.MetricSignUps, guard.MetricLatency} {
		if _, ok := documentation[name]; !ok || !strings.Contains(logs, `"`+name+`"`) {
			t.Errorf("%s is not documented, or not written: %s", name, logs)
		}
	}
	if !strings.Contains(logs, `"sub":"`+user.Sub+`"`) || !strings.Contains(logs, `"found_by":"username"`) {
		t.Errorf("the log does not say who was found, and by what: %s", logs)
	}
}
