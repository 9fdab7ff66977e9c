package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/confirm"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

const link = "custom:old_sub"

// confirming deploys a stack that keeps the old sub, and so can confirm.
func confirming(t *testing.T, env map[string]string) *sandbox.Stack {
	t.Helper()
	all := map[string]string{"ATTRIBUTES": link + "=sub"}
	for name, value := range env {
		all[name] = value
	}
	return deploy(t, all)
}

// handOver records at a time that a user was handed over, and lays down in the new pool what change makes of the user that Cognito makes;
// nobody if change is nil.
func handOver(t *testing.T, stack *sandbox.Stack, u cognito.User, at time.Time, change func(*cognito.User)) {
	t.Helper()
	event := migration.NewAttempt(migration.Origin{ID: ulid.Make().String(), At: at}, migration.SignIn,
		migration.Account{Sub: u.Sub}, migration.Decision{Outcome: migration.Migrated})
	windows := migration.Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}
	// Recorded then, so that nobody waits for Cognito to make the user.
	l := ledger.New(store(stack), windows, func() time.Time { return at })
	if _, err := l.Append(t.Context(), u.Sub, func(migration.Record) migration.Event { return event }); err != nil {
		t.Fatal(err)
	}
	if change == nil {
		return
	}
	made := cognito.User{Username: u.Username, Password: u.Password, Attributes: map[string]string{
		link: u.Sub, "email": u.Attributes["email"], "email_verified": "true",
	}}
	change(&made)
	if err := local.New.Put(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}

func asMade(*cognito.User) {}

func ago(d time.Duration) time.Time { return time.Now().Add(-d) }

func confirmAll(t *testing.T, stack *sandbox.Stack) {
	t.Helper()
	if err := stack.Confirm(t.Context()); err != nil {
		t.Fatalf("%v: %s", err, stack.Logs("confirm"))
	}
}

func status(t *testing.T, stack *sandbox.Stack, u cognito.User) migration.Status {
	t.Helper()
	record, err := store(stack).Record(t.Context(), u.Sub)
	if err != nil {
		t.Fatal(err)
	}
	return record.Status
}

// confirmations counts those in a stream.
func confirmations(stream []migration.Event) (n int) {
	for _, e := range stream {
		if e.Kind == migration.Confirmation {
			n++
		}
	}
	return n
}

// whole holds that the ledger is verified without a finding, and is again after a rebuild.
func whole(t *testing.T, stack *sandbox.Stack) {
	t.Helper()
	for _, request := range []string{`{"view":"verify"}`, `{"view":"rebuild"}`, `{"view":"verify"}`} {
		answer := query[ledger.Verification](t, stack, "maintain", request)
		if answer.FindingCount != 0 {
			t.Errorf("%s: %+v", request, answer)
		}
	}
}

// whys returns why a user was not confirmed, line by line of the log.
func whys(t *testing.T, stack *sandbox.Stack, u cognito.User) []string {
	t.Helper()
	var all []string
	for text := range strings.Lines(stack.Logs("confirm")) {
		var line struct{ Sub, Why string }
		if json.Unmarshal([]byte(text), &line) == nil && line.Sub == u.Sub && line.Why != "none" {
			all = append(all, line.Why)
		}
	}
	return all
}

// Confirm asks an old pool in another account as the role of that account, as sign-ins do.
func TestConfirmAsksAnOldPoolInAnotherAccount(t *testing.T) {
	t.Parallel()
	server, env := otherAccount(t)
	stack := confirming(t, env)
	u := newUser(t, nil)
	handOver(t, stack, u, ago(time.Hour), asMade)
	confirmAll(t, stack)
	if got := status(t, stack, u); got != migration.StatusConfirmed {
		t.Errorf("the user is %s, want confirmed: %s", got, stack.Logs("confirm"))
	}
	if server.Issued() == 0 {
		t.Error("confirm asked the old pool with its own credentials, want the role's")
	}
}

// From the sign-in to the confirmation, by way of the audit table's stream: who signs in or finishes the reset is confirmed, and who leaves
// it unfinished is not.
func TestUsersWhoSignInAreConfirmed(t *testing.T) {
	stack := attach(t, confirming(t, nil))
	signsIn, resets, leaves := newUser(t, nil), newUser(t, nil), newUser(t, nil)
	if err := signIn(t.Context(), signsIn.Username, signsIn.Password); err != nil {
		t.Fatal(err)
	}
	client := local.NewPoolClient()
	for _, u := range []cognito.User{resets, leaves} {
		if _, err := client.ForgotPassword(t.Context(), &cognitoidp.ForgotPasswordInput{
			ClientId: aws.String(sandbox.NewClientID), Username: &u.Username,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.ConfirmForgotPassword(t.Context(), &cognitoidp.ConfirmForgotPasswordInput{
		ClientId: aws.String(sandbox.NewClientID), Username: &resets.Username, Password: aws.String("Another-password-1"),
		ConfirmationCode: &arrived(t, resets.Username)[0].Code,
	}); err != nil {
		t.Fatal(err)
	}
	confirmAll(t, stack)
	streams := verify(t, stack, signsIn, resets, leaves)
	for _, u := range []cognito.User{signsIn, resets} {
		if stream := streams[u.Sub]; len(stream) != 2 || confirmations(stream) != 1 || status(t, stack, u) != migration.StatusConfirmed {
			t.Errorf("%s is %s after %+v: %s", u.Username, status(t, stack, u), stream, stack.Logs("confirm"))
		}
	}
	if got := status(t, stack, leaves); got != migration.StatusMigrated || !slices.Equal(whys(t, stack, leaves), []string{"reset_required"}) {
		t.Errorf("%s is %s, and why: %v", leaves.Username, got, whys(t, stack, leaves))
	}
	whole(t, stack)
	if p := report(t, stack); p.Users.Confirmed != 2 || p.Users.Migrated != 1 || p.Attempts.Migrated != 3 || p.Days[0].FirstHandovers != 3 {
		t.Errorf("%+v", p)
	}
	for u, want := range map[string]string{signsIn.Sub: "Confirmed on", leaves.Sub: "asked for a new password and has not set it"} {
		if h := query[history.History](t, stack, "inspect", fmt.Sprintf(`{"view":"user","sub":%q}`, u)); !strings.Contains(h.Summary, want) {
			t.Errorf("support reads %q, want %q in it", h.Summary, want)
		}
	}
}

// Who is not in the new pool as the user who was handed over, enabled and CONFIRMED, is not confirmed.
func TestWhoIsNotConfirmed(t *testing.T) {
	t.Parallel()
	stack := confirming(t, map[string]string{"NEW_POOL": `{"AliasAttributes":["email"]}`})
	for want, change := range map[string]func(*cognito.User){
		"not_found":      nil,
		"not_linked":     func(u *cognito.User) { u.Attributes[link] = "of somebody else" },
		"disabled":       func(u *cognito.User) { u.Disabled = true },
		"reset_required": func(u *cognito.User) { u.Status = "RESET_REQUIRED" },
		"account_status": func(u *cognito.User) { u.Status = "FORCE_CHANGE_PASSWORD" },
		"unknown_user":   asMade,
		"":               asMade,
	} {
		t.Run(want, func(t *testing.T) {
			u := newUser(t, nil)
			handOver(t, stack, u, ago(time.Hour), change)
			if want == "unknown_user" {
				if err := local.Old.Delete(t.Context(), u.Username); err != nil {
					t.Fatal(err)
				}
			}
			support := map[string]string{
				"not_found": "has nobody by this user's name", "not_linked": "whose link is another user's", "disabled": "disabled the account there",
				"reset_required": "has not set it", "account_status": "in a state in which nobody", "unknown_user": "old pool does not have the user",
				"": "can sign in there. The confirmation follows",
			}
			h := query[history.History](t, stack, "inspect", fmt.Sprintf(`{"view":"user","sub":%q}`, u.Sub))
			if !strings.Contains(h.Summary, "Migrated on") || !strings.Contains(h.Summary, support[want]) {
				t.Errorf("support reads %q", h.Summary)
			}
			confirmAll(t, stack)
			if got := strings.Join(whys(t, stack, u), " "); got != want || (status(t, stack, u) == migration.StatusConfirmed) != (want == "") {
				t.Errorf("%q, and the user is %s: %s", got, status(t, stack, u), stack.Logs("confirm"))
			}
		})
	}
}

// An old username that the new pool can't have, since it has the form of an alias there: the user is found by the old sub.
func TestUsersUnderAnotherNameAreConfirmed(t *testing.T) {
	t.Parallel()
	stack := confirming(t, map[string]string{"NEW_POOL": `{"AliasAttributes":["email"]}`})
	u := newUser(t, func(u *cognito.User) {
		u.Username += "@example.org"
		u.Attributes["email"] = u.Username
	})
	handOver(t, stack, u, ago(time.Hour), func(made *cognito.User) { made.Username = u.Sub })
	confirmAll(t, stack)
	if got := status(t, stack, u); got != migration.StatusConfirmed {
		t.Errorf("%s: %s", got, stack.Logs("confirm"))
	}
}

// A stranger of the old pool whose username is somebody else's sub: by that sub AdminGetUser finds the stranger, and ListUsers the user.
func TestNobodyIsTakenForSomebodyElse(t *testing.T) {
	t.Parallel()
	stack := confirming(t, nil)
	u := newUser(t, nil)
	newUser(t, func(stranger *cognito.User) { stranger.Username = u.Sub })
	handOver(t, stack, u, ago(time.Hour), asMade)
	confirmAll(t, stack)
	if got := status(t, stack, u); got != migration.StatusConfirmed {
		t.Errorf("%s: %s", got, stack.Logs("confirm"))
	}
}

// deliver hands the stream's records of users to confirm, as Lambda does, in the order that is given.
func deliver(t *testing.T, stack *sandbox.Stack, recordedAt time.Time, users ...cognito.User) {
	t.Helper()
	var records []string
	for i, u := range users {
		records = append(records, fmt.Sprintf(`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"%d","NewImage":{
			"sub":{"S":%q},"outcome":{"S":"migrated"},"recorded_at":{"S":%q}}}}`, i+1, u.Sub, recordedAt.UTC().Format(time.RFC3339Nano)))
	}
	answer, err := stack.Invoke(t.Context(), "confirm", []byte(`{"Records":[`+strings.Join(records, ",")+`]}`))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Fatalf("%v: %s: %s", err, answer, stack.Logs("confirm"))
	}
}

// Lambda delivers at least once, and after a pause of a day what waited in the stream: each user is confirmed once.
func TestConfirmationsAreRecordedOnce(t *testing.T) {
	t.Parallel()
	stack := confirming(t, nil)
	users := []cognito.User{newUser(t, nil), newUser(t, nil), newUser(t, nil)}
	for _, u := range users {
		handOver(t, stack, u, ago(24*time.Hour), asMade)
	}
	late := ago(24 * time.Hour)
	deliver(t, stack, late, users[2], users[0])
	deliver(t, stack, late, users[0], users[0], users[1], users[2])
	confirmAll(t, stack)
	for sub, stream := range verify(t, stack, users...) {
		if len(stream) != 2 || confirmations(stream) != 1 {
			t.Errorf("%s: %+v", sub, stream)
		}
	}
	whole(t, stack)
}

// Records that are none of ours stop nobody.
func TestRecordsThatAreNotUnderstoodAreLeft(t *testing.T) {
	t.Parallel()
	stack := confirming(t, nil)
	answer, err := stack.Invoke(t.Context(), "confirm", []byte(`{"Records":[
		{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1"}},
		{"eventName":"INSERT","dynamodb":{"SequenceNumber":"2","NewImage":{"outcome":{"N":"1"},"sub":{"L":[]}}}},
		{"eventName":"INSERT","dynamodb":{"SequenceNumber":"3","NewImage":{"outcome":{"S":"migrated"},"sub":{"S":"x"}}}}]}`))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` || strings.Count(stack.Logs("confirm"), "record left") != 3 {
		t.Errorf("%v: %s: %s", err, answer, stack.Logs("confirm"))
	}
}

func sweep(t *testing.T, stack *sandbox.Stack) confirm.Swept {
	t.Helper()
	return query[confirm.Swept](t, stack, "confirm", `{"view":"sweep"}`)
}

// While a pool or the ledger does not answer, users are given up after the stream's tries; the sweep finds them.
func TestTheSweepFindsWhoWasGivenUp(t *testing.T) {
	for name, strike := range map[string]func(){
		"throttled":         func() { local.NewFaults.Set(fault.Rule{Kind: fault.Throttle, Probability: 1}) },
		"the new pool down": func() { _ = local.NewFaults.Refuse(true) },
		"the old pool down": func() { _ = local.OldFaults.Refuse(true) },
		"slow": func() {
			local.NewFaults.Set(fault.Rule{Kind: fault.Late, Probability: 1, Delay: 300 * time.Millisecond})
		},
		"the ledger down": func() { _ = local.DynamoDBFaults.Refuse(true) },
	} {
		t.Run(name, func(t *testing.T) {
			stack := confirming(t, nil)
			first, second := newUser(t, nil), newUser(t, nil)
			handOver(t, stack, first, ago(20*time.Minute), asMade)
			handOver(t, stack, second, ago(19*time.Minute), asMade)
			strike()
			confirmAll(t, stack)
			repair(t, local.NewFaults, local.OldFaults, local.DynamoDBFaults)
			if got := status(t, stack, first); (got == migration.StatusConfirmed) != (name == "slow") {
				t.Errorf("the first user is %s: %s", got, stack.Logs("confirm"))
			}
			if got := sweep(t, stack); !got.Complete || len(got.NotConfirmed) != 0 {
				t.Errorf("%+v: %s", got, stack.Logs("confirm"))
			}
			for sub, stream := range verify(t, stack, first, second) {
				if confirmations(stream) != 1 {
					t.Errorf("%s: %+v", sub, stream)
				}
			}
			whole(t, stack)
		})
	}
}

// The sweep asks about who was handed over within a day, but for those of the last minute, and counts whom the new pool does not have.
func TestWhomTheSweepAsksAbout(t *testing.T) {
	t.Parallel()
	stack := confirming(t, nil)
	long, gone, here, recent, now := newUser(t, nil), newUser(t, nil), newUser(t, nil), newUser(t, nil), newUser(t, nil)
	forgot, forgets := newUser(t, nil), newUser(t, nil)
	leaves := func(made *cognito.User) { made.Status = "RESET_REQUIRED" }
	handOver(t, stack, forgot, ago(20*time.Minute), leaves)
	handOver(t, stack, forgets, ago(5*time.Minute), leaves)
	handOver(t, stack, long, ago(25*time.Hour), asMade)
	handOver(t, stack, gone, ago(20*time.Minute), nil)
	handOver(t, stack, here, ago(20*time.Minute), asMade)
	handOver(t, stack, recent, ago(5*time.Minute), nil)
	handOver(t, stack, now, ago(0), asMade)
	want := confirm.Swept{
		Measured: true, Complete: true, Confirmed: 1, NotArrived: 1, ResetUnfinished: 1,
		NotConfirmed: map[confirm.Why]int{confirm.NotFound: 2, confirm.ResetRequired: 2},
	}
	if diff := cmp.Diff(want, sweep(t, stack)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(stack.Logs("confirm"), `"NotArrived":1,"ResetUnfinished":1,`) {
		t.Errorf("no gauge: %s", stack.Logs("confirm"))
	}
	if got := status(t, stack, here); got != migration.StatusConfirmed {
		t.Errorf("the user who is there is %s", got)
	}
}

// Without the old sub in the new pool nobody can tell whether a user is the one who was handed over.
func TestNothingIsConfirmedWithoutALink(t *testing.T) {
	t.Parallel()
	stack := deploy(t, map[string]string{"ATTRIBUTES": "-custom:note"})
	u := newUser(t, nil)
	handOver(t, stack, u, ago(20*time.Minute), asMade)
	confirmAll(t, stack)
	if got := sweep(t, stack); got.Measured || got.Confirmed != 0 {
		t.Errorf("%+v", got)
	}
	if got := status(t, stack, u); got != migration.StatusMigrated {
		t.Errorf("the user is %s", got)
	}
	logs := stack.Logs("confirm")
	if strings.Count(logs, "no rule of ATTRIBUTES keeps the old sub") != 1 || strings.Contains(logs, "NotArrived") {
		t.Errorf("the log does not say it once: %s", logs)
	}
}

// Groups are kept if the new pool has groups of the same names, and only if the operator wants that.
func TestGroupsAreCarried(t *testing.T) {
	t.Parallel()
	old, next := cognitoidp.NewFromConfig(sandbox.Config(local.Old.Endpoint())), local.NewPoolClient()
	both, gone := unique("both"), unique("gone")
	for _, g := range []struct {
		client      *cognitoidp.Client
		pool, group string
	}{{old, sandbox.OldPoolID, both}, {old, sandbox.OldPoolID, gone}, {next, sandbox.NewPoolID, both}} {
		if _, err := g.client.CreateGroup(t.Context(), &cognitoidp.CreateGroupInput{UserPoolId: &g.pool, GroupName: &g.group}); err != nil {
			t.Fatal(err)
		}
	}
	for carry, want := range map[string][]string{"yes": {both}, "no": nil} {
		stack := confirming(t, map[string]string{"CARRY_GROUPS": carry})
		u := newUser(t, nil)
		for _, group := range []string{both, gone} {
			if _, err := old.AdminAddUserToGroup(t.Context(), &cognitoidp.AdminAddUserToGroupInput{
				UserPoolId: aws.String(sandbox.OldPoolID), Username: &u.Username, GroupName: &group,
			}); err != nil {
				t.Fatal(err)
			}
		}
		handOver(t, stack, u, ago(time.Hour), asMade)
		confirmAll(t, stack)
		out, err := next.AdminListGroupsForUser(t.Context(), &cognitoidp.AdminListGroupsForUserInput{
			UserPoolId: aws.String(sandbox.NewPoolID), Username: &u.Username,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range out.Groups {
			got = append(got, *g.GroupName)
		}
		if !slices.Equal(got, want) || status(t, stack, u) != migration.StatusConfirmed {
			t.Errorf("%s: in %v, want %v; %s", carry, got, want, stack.Logs("confirm"))
		}
		told := strings.Contains(stack.Logs("confirm"), fmt.Sprintf(`"missing_groups":[%q]`, gone)) &&
			strings.Contains(stack.Logs("confirm"), `"GroupsMissing":1`) && strings.Contains(stack.Logs("confirm"), `"GroupsAdded":1`)
		if told != (carry == "yes") {
			t.Errorf("%s: %s", carry, stack.Logs("confirm"))
		}
	}
}

// What confirm reads of a user stays with it, whatever the pools say.
func TestConfirmWritesNoPersonalData(t *testing.T) {
	stack := confirming(t, nil)
	quoting := fault.Rule{Kind: fault.Error, Probability: 1, Exception: fault.Exception{
		Status: http.StatusBadRequest, Type: "InvalidParameterException", Message: fmt.Sprint(canaries),
	}}
	for _, strike := range []func(){
		func() {}, func() { local.NewFaults.Set(quoting) }, func() { local.OldFaults.Set(quoting) }, func() { local.DynamoDBFaults.Set(quoting) },
	} {
		u := newUser(t, func(u *cognito.User) {
			u.Username = canaries["username"]
			u.Attributes = map[string]string{
				"email": canaries["email"], "phone_number": canaries["phone number"], "custom:note": canaries["custom value"],
			}
		})
		handOver(t, stack, u, ago(20*time.Minute), func(made *cognito.User) { made.Attributes["custom:note"] = canaries["custom value"] })
		strike()
		confirmAll(t, stack)
		_, _ = stack.Invoke(t.Context(), "confirm", []byte(fmt.Sprintf(`{"view":%q}`, canaries["email"])))
		repair(t, local.NewFaults, local.OldFaults, local.DynamoDBFaults)
	}
	if found := leaks([]byte(fmt.Sprint(stack.Spool.Messages()))); len(found) != 0 {
		t.Errorf("the queue leaks %v", found)
	}
	for where, text := range map[string][]byte{"log": []byte(stack.Logs("confirm")), "tables": tables(t, stack)} {
		if found := leaks(text); len(found) != 0 || len(text) < 100 {
			t.Errorf("%s: leaks %v: %s", where, found, text)
		}
	}
	if err := local.Old.Delete(t.Context(), canaries["username"]); err != nil {
		t.Fatal(err)
	}
	if err := local.New.Delete(t.Context(), canaries["username"]); err != nil {
		t.Fatal(err)
	}
}
