package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// wholeBudget is what Cognito's user waits at most, cold starts apart.
const wholeBudget = 4 * time.Second

// outage is a way in which a service does not do what it is asked to.
type outage struct {
	name   string
	rule   fault.Rule
	refuse bool // no connection is accepted
}

func (o outage) strike(t *testing.T, proxy *fault.Proxy) {
	t.Helper()
	o.rule.Probability = 1
	if o.refuse {
		if err := proxy.Refuse(true); err != nil {
			t.Fatal(err)
		}
	} else {
		proxy.Set(o.rule)
	}
	t.Cleanup(func() { repair(t, proxy) })
}

// repair ends every fault.
func repair(t *testing.T, proxies ...*fault.Proxy) {
	t.Helper()
	for _, proxy := range proxies {
		proxy.Set()
		if err := proxy.Refuse(false); err != nil {
			t.Error(err)
		}
	}
}

// timed calls the function once to have it warm, for a user of its own, and then for u, and holds that the answer comes inside the
// whole budget.
func timed(t *testing.T, stack *sandbox.Stack, strike func(), e map[string]any) (map[string]any, string) {
	t.Helper()
	warm := newUser(t, nil)
	if _, failure := invoke(t, stack, event(migration.SignIn, warm.Username, warm.Password)); failure != "" {
		t.Fatal(failure)
	}
	strike()
	began := time.Now()
	answer, failure := invoke(t, stack, e)
	took := time.Since(began)
	t.Logf("answered in %s", took.Round(time.Millisecond))
	if took >= wholeBudget {
		t.Errorf("answered in %s, want under %s", took, wholeBudget)
	}
	return answer, failure
}

// drain lets the replay function empty the spool.
func drain(t *testing.T, stack *sandbox.Stack) {
	t.Helper()
	if err := stack.Replay(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := stack.Spool.Messages(); len(left) != 0 {
		t.Fatalf("%d messages stay in the spool", len(left))
	}
}

// Whatever befalls the ledger, and whether or not it had written before, the user is served (spool) or refused (required) in time,
// and after the replay the ledger holds the attempt once.
func TestLedgerOutages(t *testing.T) {
	transact := "TransactWriteItems"
	for _, o := range []outage{
		{name: "refused", refuse: true},
		{name: "hung", rule: fault.Rule{Kind: fault.Hang}},
		{name: "reset", rule: fault.Rule{Kind: fault.Reset}},
		{name: "throttled", rule: fault.Rule{Kind: fault.Throttle, Exception: fault.Exception{Status: http.StatusBadRequest, Type: "ProvisionedThroughputExceededException"}}},
		{name: "throttled by rate", rule: fault.Rule{Kind: fault.Throttle}},
		{name: "in conflict", rule: inConflict},
		{name: "broken", rule: fault.Rule{Kind: fault.Error}},
		{name: "denied", rule: fault.Rule{Kind: fault.Error, Exception: fault.Exception{Status: http.StatusBadRequest, Type: "AccessDeniedException"}}},
		{name: "answering late", rule: fault.Rule{Kind: fault.Late, Operation: transact, Delay: 3 * time.Second}},
		{name: "written late", rule: fault.Rule{Kind: fault.Delay, Operation: transact, Delay: 2 * time.Second}},
		{name: "losing the answer after the write", rule: fault.Rule{Kind: fault.DropAnswer, Operation: transact}},
	} {
		t.Run(o.name, func(t *testing.T) {
			for _, policy := range []string{"spool", "required"} {
				t.Run(policy, func(t *testing.T) {
					stack := deploy(t, map[string]string{"AUDIT_POLICY": policy})
					u := newUser(t, nil)
					answer, failure := timed(t, stack, func() { o.strike(t, local.DynamoDBFaults) }, event(migration.SignIn, u.Username, u.Password))
					repair(t, local.DynamoDBFaults)
					checkPolicy(t, policy, answer, failure)
					if n := len(stack.Spool.Messages()); n != 1 {
						t.Errorf("%d events in the queue, want 1", n)
					}
					drain(t, stack)
					checkAfterOutage(t, stack, policy, u, slices.Contains([]fault.Kind{fault.Late, fault.Delay, fault.DropAnswer}, o.rule.Kind))
				})
			}
		})
	}
}

func checkPolicy(t *testing.T, policy string, answer map[string]any, failure string) {
	t.Helper()
	if policy == "required" {
		if failure != unavailable {
			t.Errorf("answer %v, error %q; want %s", answer, failure, unavailable)
		}
		return
	}
	response, _ := answer["response"].(map[string]any)
	if failure != "" || response["userAttributes"] == nil {
		t.Errorf("answer %v, error %q; want the user handed over", answer, failure)
	}
}

// checkAfterOutage holds that the attempt stands in the ledger once: as it was answered, and, where the write that was given up on
// had succeeded all the same, under the required policy also as it was first decided.
func checkAfterOutage(t *testing.T, stack *sandbox.Stack, policy string, u cognito.User, mayWrite bool) {
	t.Helper()
	eventually(t, "a write that is under way to arrive", func() bool {
		drain(t, stack)
		stream, err := store(stack).Stream(t.Context(), u.Sub)
		return err == nil && len(stream) > 0
	})
	stream, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	ids := map[string]int{}
	for _, e := range stream {
		count[string(e.Outcome)+string(e.Reason)]++
		ids[e.ID]++
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("event %s stands %d times", id, n)
		}
	}
	want := "migrated"
	if policy == "required" {
		want = "failed" + string(migration.AuditUnavailable)
		if mayWrite {
			delete(count, "migrated")
		}
	}
	if diff := cmp.Diff(map[string]int{want: 1}, count); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if p := report(t, stack); p.Users.Seen() != 2 || p.Attempts.Migrated+p.Attempts.Failed != len(stream)+1 {
		t.Errorf("progress %+v %+v; want 2 users, %d attempts", p.Users, p.Attempts, len(stream)+1)
	}
}

// eventually polls until done, and fails after ten seconds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited 10 s for %s", what)
		case <-tick.C:
		}
	}
}

// inConflict is DynamoDB's answer to a transaction that met another one.
var inConflict = fault.Rule{
	Kind: fault.Error, Operation: "TransactWriteItems", Probability: 1,
	Exception: fault.Exception{
		Status: http.StatusBadRequest, Type: "TransactionCanceledException",
		Members: map[string]any{"CancellationReasons": []map[string]string{{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}}},
	},
}

// A transaction that met another one is tried again inside the ledger's budget, which the SDK does not do: nothing needs the spool.
func TestConflictsAreTriedAgain(t *testing.T) {
	stack := deploy(t, nil)
	u := newUser(t, nil)
	_, failure := timed(t, stack, func() {
		storm := inConflict
		storm.Times = 4
		local.DynamoDBFaults.Set(storm)
	}, event(migration.SignIn, u.Username, u.Password))
	repair(t, local.DynamoDBFaults)
	stream, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil || failure != "" || len(stream) != 1 || len(stack.Spool.Messages()) != 0 {
		t.Errorf("error %q, %v; %d events, %d spooled", failure, err, len(stream), len(stack.Spool.Messages()))
	}
}

// DynamoDB promises an ordered list of reasons, and not that each failed condition is in it. A known user's first try, written as for a new
// user, may so fail by the event alone: whether the record is behind its stream is told from the record.
func TestAKnownUserWhoseRecordHidesBehindAnotherReason(t *testing.T) {
	for _, hidden := range []string{"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"} {
		t.Run(hidden, func(t *testing.T) {
			stack := deploy(t, nil)
			u := newUser(t, nil)
			if _, failure := invoke(t, stack, event(migration.SignIn, u.Username, wrong)); failure != "" {
				t.Fatal(failure)
			}
			_, failure := timed(t, stack, func() {
				rule := inConflict
				rule.Times = 1
				rule.Exception.Members = map[string]any{"CancellationReasons": []map[string]string{
					{"Code": "ConditionalCheckFailed"}, {"Code": hidden}, {"Code": "None"},
				}}
				local.DynamoDBFaults.Set(rule)
			}, event(migration.SignIn, u.Username, u.Password))
			repair(t, local.DynamoDBFaults)
			stream, err := store(stack).Stream(t.Context(), u.Sub)
			if err != nil || failure != "" || len(stream) != 2 || len(stack.Spool.Messages()) != 0 {
				t.Errorf("error %q, %v; %d events, %d spooled; want the second event in the ledger", failure, err, len(stream), len(stack.Spool.Messages()))
			}
		})
	}
}

// One answer that gets lost after the write is tried again under the same idempotency token: nothing is written twice, and nothing
// needs the spool.
func TestOneLostAnswer(t *testing.T) {
	stack := deploy(t, nil)
	u := newUser(t, nil)
	_, failure := timed(t, stack, func() {
		local.DynamoDBFaults.Set(fault.Rule{Kind: fault.DropAnswer, Operation: "TransactWriteItems", Probability: 1, Times: 1})
	}, event(migration.SignIn, u.Username, u.Password))
	repair(t, local.DynamoDBFaults)
	stream, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil || failure != "" || len(stream) != 1 || len(stack.Spool.Messages()) != 0 {
		t.Errorf("error %q, %v; %d events, %d spooled", failure, err, len(stream), len(stack.Spool.Messages()))
	}
}

// With the queue down as well, the event stands whole in the log, and can be replayed from there.
func TestLastResortIsTheLog(t *testing.T) {
	for _, o := range []outage{{name: "refused", refuse: true}, {name: "hung", rule: fault.Rule{Kind: fault.Hang}}, {name: "broken", rule: fault.Rule{Kind: fault.Error}}} {
		for _, policy := range []string{"spool", "required"} {
			t.Run(o.name+", "+policy, func(t *testing.T) {
				stack := deploy(t, map[string]string{"AUDIT_POLICY": policy})
				u := newUser(t, nil)
				answer, failure := timed(t, stack, func() {
					outage{rule: fault.Rule{Kind: fault.Hang}}.strike(t, local.DynamoDBFaults)
					o.strike(t, local.SQSFaults)
				}, event(migration.SignIn, u.Username, u.Password))
				repair(t, local.DynamoDBFaults, local.SQSFaults)
				checkPolicy(t, policy, answer, failure)

				lost := lastLine(t, stack.Logs("migrate"))
				if lost.LostToLog != 1 || lost.Event == nil || lost.Event.Sub != u.Sub {
					t.Fatalf("the log does not hold the event: %s", stack.Logs("migrate"))
				}
				body, err := json.Marshal(lost.Event)
				if err != nil {
					t.Fatal(err)
				}
				send(t, stack, string(body))
				drain(t, stack)
				stream, err := store(stack).Stream(t.Context(), u.Sub)
				if err != nil || len(stream) != 1 || stream[0].ID != lost.Event.ID {
					t.Errorf("%v, %+v", err, stream)
				}
			})
		}
	}
}

type attemptLine struct {
	Outcome, Reason              string
	Spooled, LostToLog, Repeats  float64
	Event                        *migration.Event
	Fault                        string
	Latency                      float64
	OldPoolLatency               float64
	AccountException             string `json:"account_exception"`
	AuthenticationExceptionNamed string `json:"authentication_exception"`
}

func lastLine(t *testing.T, log string) attemptLine {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	var line attemptLine
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	return line
}

// Whatever befalls the old pool, nobody is told that the password was wrong.
func TestOldPoolOutages(t *testing.T) {
	for _, o := range []struct {
		outage
		reason migration.Reason
	}{
		{outage{name: "refused", refuse: true}, migration.OldPoolUnavailable},
		{outage{name: "hung", rule: fault.Rule{Kind: fault.Hang}}, migration.Timeout},
		{outage{name: "reset", rule: fault.Rule{Kind: fault.Reset}}, migration.OldPoolUnavailable},
		{outage{name: "throttled", rule: throws("", "TooManyRequestsException")}, migration.Throttled},
		{outage{name: "broken", rule: fault.Rule{Kind: fault.Error}}, migration.OldPoolUnavailable},
		{outage{name: "late", rule: fault.Rule{Kind: fault.Late, Delay: 5 * time.Second}}, migration.Timeout},
	} {
		for _, operation := range []string{"", "AdminGetUser", "AdminInitiateAuth"} {
			if o.refuse && operation != "" {
				continue // a connection is refused before anyone knows what it is for
			}
			t.Run(o.name+" "+operation, func(t *testing.T) {
				stack := deploy(t, nil)
				u := newUser(t, nil)
				o.rule.Operation = operation
				answer, failure := timed(t, stack, func() { o.strike(t, local.OldFaults) }, event(migration.SignIn, u.Username, u.Password))
				repair(t, local.OldFaults)
				if failure != unavailable {
					t.Errorf("answer %v, error %q; want %s", answer, failure, unavailable)
				}
				line := lastLine(t, stack.Logs("migrate"))
				if line.Outcome != "failed" || line.Reason != string(o.reason) {
					t.Errorf("%s %s, want failed %s", line.Outcome, line.Reason, o.reason)
				}
				stream, err := store(stack).Stream(t.Context(), u.Sub)
				if err != nil {
					t.Fatal(err)
				}
				if known := operation == "AdminInitiateAuth"; (len(stream) == 1) != known {
					t.Errorf("%d events, and the sub was known: %t", len(stream), known)
				} else if known && stream[0].Reason != o.reason {
					t.Errorf("recorded %s, want %s", stream[0].Reason, o.reason)
				}
			})
		}
	}
}

// AdminGetUser is asked again inside its budget. AdminInitiateAuth is sent once, since it may have counted as a wrong password.
func TestOnlyLookupsAreTriedAgain(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Reset, fault.Error, fault.DropAnswer} {
		t.Run(string(kind), func(t *testing.T) {
			stack := deploy(t, nil)
			u := newUser(t, nil)
			_, failure := timed(t, stack, func() {
				local.OldFaults.Set(fault.Rule{Kind: kind, Operation: "AdminGetUser", Probability: 1, Times: 1})
			}, event(migration.SignIn, u.Username, u.Password))
			if failure != "" {
				t.Errorf("one AdminGetUser lost: %s", failure)
			}

			before := local.OldFaults.Counts()[kind]
			local.OldFaults.Set(fault.Rule{Kind: kind, Operation: "AdminInitiateAuth", Probability: 1})
			_, failure = invoke(t, stack, event(migration.SignIn, u.Username, u.Password))
			sent := local.OldFaults.Counts()[kind] - before
			repair(t, local.OldFaults)
			if failure != unavailable || sent != 1 {
				t.Errorf("AdminInitiateAuth lost: error %q, sent %d times; want %s, once", failure, sent, unavailable)
			}
		})
	}
}

// However long the ledger is out of reach, what waits in the spool is not given up.
func TestLongOutage(t *testing.T) {
	stack := deploy(t, nil)
	u := newUser(t, nil)
	_, _ = timed(t, stack, func() { outage{refuse: true}.strike(t, local.DynamoDBFaults) }, event(migration.SignIn, u.Username, u.Password))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // as many receives as that gives
	defer cancel()
	_ = stack.Replay(ctx)
	repair(t, local.DynamoDBFaults)
	if waiting := stack.Spool.Messages(); len(waiting) != 1 || waiting[0].Receives < 5 {
		t.Fatalf("after five seconds of outage: %+v", waiting)
	}
	drain(t, stack)
	stream, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil || len(stream) != 1 || len(stack.DeadLetters.Messages()) != 0 {
		t.Errorf("%v; %d events, %d dead letters", err, len(stream), len(stack.DeadLetters.Messages()))
	}
}

// A damaged message ends in the dead-letter queue, and the rest of its batch goes on.
func TestDamagedMessages(t *testing.T) {
	stack := deploy(t, nil)
	u := newUser(t, nil)
	_, _ = timed(t, stack, func() { outage{refuse: true}.strike(t, local.DynamoDBFaults) }, event(migration.SignIn, u.Username, u.Password))
	repair(t, local.DynamoDBFaults)
	whole := stack.Spool.Messages()[0].Body
	damaged := []string{
		"no JSON", "{}", "null", `{"schema":1}`, whole[:len(whole)-9],
		strings.Replace(whole, `"schema":1`, `"schema":2`, 1),
		strings.Replace(whole, `"outcome":"migrated"`, `"outcome":"vanished"`, 1),
		strings.Replace(whole, `"reason":""`, `"reason":"wrong_password"`, 1),
		strings.Replace(whole, u.Sub, "", 1),
		strings.Replace(whole, `"id":"`, `"id":"x`, 1),
	}
	for _, body := range damaged {
		send(t, stack, body)
	}
	send(t, stack, whole) // twice, as SQS may deliver
	drain(t, stack)
	if n := len(stack.DeadLetters.Messages()); n != len(damaged) {
		t.Errorf("%d dead letters, want %d", n, len(damaged))
	}
	stream, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil || len(stream) != 1 {
		t.Errorf("%v; %d events, want 1", err, len(stream))
	}
}

// send puts a message into the stack's spool.
func send(t *testing.T, stack *sandbox.Stack, body string) {
	t.Helper()
	client := sqs.NewFromConfig(sandbox.Config(local.SQS.Endpoint()))
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(stack.Spool.URL()), MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}
