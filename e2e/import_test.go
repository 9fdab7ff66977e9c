package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// leftUsers lays down users of the old pool who never came.
func leftUsers(t *testing.T, own *sandbox.Sandbox, n int) []cognito.User {
	t.Helper()
	users := make([]cognito.User, n)
	for i := range users {
		name := fmt.Sprintf("left%d", i)
		users[i] = cognito.User{Username: name, Password: "Right-password-1", Sub: styledSub(i), Attributes: map[string]string{
			"email": name + "@example.com", "email_verified": "true",
		}}
	}
	if err := own.Old.Put(t.Context(), users...); err != nil {
		t.Fatal(err)
	}
	return users
}

// importFiles does what Cognito's import does with the files that the tool writes: each user is made without a password, to be reset.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html
func importFiles(t *testing.T, own *sandbox.Sandbox, stack *sandbox.Stack) {
	t.Helper()
	dir := t.TempDir()
	if _, stderr, code := toolOf(t, own, stack, dir, nil, "remaining", "--import=left", "--rate=30"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var made []cognito.User
	for _, columns := range imported(t, filepath.Join(dir, "left", "users-001.csv")) {
		u := cognito.User{Username: columns["cognito:username"], Status: "RESET_REQUIRED", Attributes: columns}
		maps.DeleteFunc(u.Attributes, func(name, _ string) bool { return strings.HasPrefix(name, "cognito:") })
		made = append(made, u)
	}
	if err := own.New.Put(t.Context(), made...); err != nil {
		t.Fatal(err)
	}
}

// resetPassword does what an app does for a user who has forgotten the password.
func resetPassword(t *testing.T, own *sandbox.Sandbox, username string) {
	t.Helper()
	client := own.NewPoolClient()
	if _, err := client.ForgotPassword(t.Context(), &cognitoidp.ForgotPasswordInput{ClientId: aws.String(sandbox.NewClientID), Username: &username}); err != nil {
		t.Fatal(err)
	}
	users, err := own.New.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if u.Username == username {
			_, err = client.ConfirmForgotPassword(t.Context(), &cognitoidp.ConfirmForgotPasswordInput{
				ClientId: aws.String(sandbox.NewClientID), Username: &username, Password: aws.String("Another-password-1"), ConfirmationCode: &u.Code,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Users who were imported are counted as imported until they have set a password. Then a census confirms them, once, and asks nobody by
// name; the ledger is whole, and rebuilt from what it holds.
func TestImportedUsersAreConfirmed(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	users := leftUsers(t, own, 5)
	event := event(migration.SignIn, users[4].Username, "Wrong-password-1") // came once, in vain, and is imported all the same
	if _, failure := invoke(t, stack, event); failure != "" {
		t.Fatal(failure)
	}
	importFiles(t, own, stack)
	got := takeCensus(t, stack)
	if *got.New.Linked != 5 || *got.New.LinkedWithoutRecord != 4 || *got.New.Arrived != 0 || *got.New.ResetUnfinished != 0 || got.Old.Remaining != 5 {
		t.Errorf("imported: %+v, %+v", got.New, got.Old)
	}
	for _, u := range []cognito.User{users[0], users[1], users[4]} {
		resetPassword(t, own, u.Username)
	}
	byName := fault.Rule{Kind: fault.Late, Operation: "AdminGetUser", Probability: 1}
	own.OldFaults.Set(byName)
	own.NewFaults.Set(byName)
	for range 2 {
		got = takeCensus(t, stack)
		if *got.New.LinkedWithoutRecord != 2 || *got.New.Arrived != 3 || got.Old.Remaining != 2 || got.Old.Statuses["confirmed"] != 3 {
			t.Errorf("after the reset: %+v, %+v", got.New, got.Old)
		}
	}
	if n := own.OldFaults.Counts()[fault.Late] + own.NewFaults.Counts()[fault.Late]; n != 0 {
		t.Errorf("%d users were asked for by name", n)
	}
	s := store(stack)
	for i, events := range []int{1, 1, 0, 0, 2} {
		stream, err := s.Stream(t.Context(), users[i].Sub)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(events, 1); len(stream) != events || confirmations(stream) != want {
			t.Errorf("user %d: %+v", i, stream)
		}
	}
	if n := strings.Count(stack.Logs("census"), `"Confirmed":1`); n != 3 {
		t.Errorf("%d users counted as confirmed: %s", n, stack.Logs("census"))
	}
	whole(t, stack)
	if p := report(t, stack); p.Users.Confirmed != 3 || p.Users.Seen() != 3 || p.Attempts.Migrated != 0 || p.Reoffered != 0 {
		t.Errorf("%+v", p)
	}
	h := query[history.History](t, stack, "inspect", fmt.Sprintf(`{"view":"user","sub":%q}`, users[0].Sub))
	if !strings.Contains(h.Summary, "Confirmed on") || !strings.Contains(h.Summary, "without a sign-in") {
		t.Errorf("support reads %q", h.Summary)
	}
}

// A user whom the census confirmed and the stream delivers late, and one whom both meet, are confirmed once; so is one whose confirmation
// has to wait in the spool, or is lost there as well and left to the next census.
func TestTheCensusConfirmsOnce(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	users := leftUsers(t, own, 3)
	for _, u := range users {
		if _, failure := invoke(t, stack, event(migration.SignIn, u.Username, u.Password)); failure != "" {
			t.Fatal(failure)
		}
		made := cognito.User{Username: u.Username, Password: u.Password, Attributes: map[string]string{link: u.Sub, "email": u.Attributes["email"]}}
		if err := own.New.Put(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	refused := fault.Rule{Kind: fault.Error, Operation: "TransactWriteItems", Probability: 1, Exception: fault.Exception{
		Status: http.StatusInternalServerError, Type: "InternalServerError", Message: "not now",
	}}
	own.DynamoDBFaults.Set(refused)
	if err := own.SQSFaults.Refuse(true); err != nil {
		t.Fatal(err)
	}
	// Neither takes it; then the spool does; then the ledger, while the spool waits to be replayed.
	if got := takeCensus(t, stack); got.Old.Statuses["migrated"] != 3 || *got.New.Arrived != 3 {
		t.Errorf("%+v", got)
	}
	if err := own.SQSFaults.Refuse(false); err != nil {
		t.Fatal(err)
	}
	takeCensus(t, stack)
	if n := len(stack.Spool.Messages()); n != 3 {
		t.Errorf("%d confirmations are in the spool", n)
	}
	own.DynamoDBFaults.Set()
	takeCensus(t, stack)
	for range 2 {
		if err := stack.Replay(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stack.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s := store(stack)
	for _, u := range users {
		stream, err := s.Stream(t.Context(), u.Sub)
		if err != nil || len(stream) != 2 || confirmations(stream) != 1 {
			t.Errorf("%v: %+v", err, stream)
		}
	}
	whole(t, stack)
}

// What stands in a link and is no sub, since the app let a stranger write it, is confirmed for nobody, and gets nowhere.
func TestAForgedLinkIsNoSub(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	forged := []string{"ada@example.com", "+4915112345678", "Ada Lovelace", strings.Repeat("a", 1500), "名前"}
	for i, text := range forged {
		u := cognito.User{Username: fmt.Sprintf("stranger%d", i), Attributes: map[string]string{link: text}}
		if err := own.New.Put(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if got := takeCensus(t, stack); *got.New.LinkedWithoutRecord != len(forged) || *got.New.Arrived != 0 {
		t.Errorf("%+v", got.New)
	}
	written := stack.Logs("census") + string(tables(t, stack)) + fmt.Sprint(stack.Spool.Messages())
	for _, text := range forged {
		if strings.Contains(written, text) {
			t.Errorf("%q got into the log, the tables or the queue", text)
		}
	}
}
