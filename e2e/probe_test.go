package e2e

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// probed is the answer of the function probe.
type probed struct {
	Measured, Answered bool
	Reason             probe.Reason
	Tries              int
}

func runProbe(t *testing.T, stack *sandbox.Stack) probed {
	t.Helper()
	return query[probed](t, stack, "probe", `{"view":"run"}`)
}

// A probe that runs once an hour sees within the hour that the trigger is detached, that the permission to call it is gone, that the
// function is broken or turned off, that the old pool is down or throttles, and that the app client does not allow the flow. It sees as
// well that all is well again.
func TestTheProbeSeesWhatIsBroken(t *testing.T) {
	ctx := t.Context()
	stack := attach(t, deploy(t, nil))
	flows := func(flows ...string) {
		if err := local.New.SetExplicitAuthFlows(ctx, flows...); err != nil {
			t.Fatal(err)
		}
	}
	secrets := func(secrets ...string) {
		if err := local.New.SetClientSecrets(ctx, secrets...); err != nil {
			t.Fatal(err)
		}
	}
	trigger := func(attached bool) {
		if err := local.SetTrigger(ctx, attached); err != nil {
			t.Fatal(err)
		}
	}
	other := func(env map[string]string) func() { return func() { attach(t, deploy(t, env)) } }
	again := func() { attach(t, stack) }
	old, anew := local.OldFaults, local.NewFaults
	for _, tt := range []struct {
		name        string
		change      func()
		back        func()
		want        probe.Reason
		wantRefused string // what the log names of Cognito's answer
	}{
		{"the trigger is detached", func() { trigger(false) }, func() { trigger(true) }, probe.NotAnswered, "NotAuthorizedException"},
		{"the permission is gone", local.RevokePermission, again, probe.NotPermitted, "UnexpectedLambdaException"},
		{"the function does not start", other(map[string]string{"BUDGET": "never"}), again, probe.FunctionFailed, "UserLambdaValidationException"},
		{"the function is another pool's", other(map[string]string{"NEW_USER_POOL_ID": "eu-west-1_other"}), again, probe.FunctionFailed, "UserLambdaValidationException"},
		{"the mode is off", other(map[string]string{"MODE": "off"}), again, probe.NotAnswered, "NotAuthorizedException"},
		{"the mode is shadow", other(map[string]string{"MODE": "shadow"}), again, probe.NotAnswered, "NotAuthorizedException"},
		{"the old pool is down", func() { _ = old.Refuse(true) }, func() { repair(t, old) }, probe.OldPool, "UserLambdaValidationException"},
		{"the old pool throttles", func() { old.Set(throws("", "TooManyRequestsException")) }, func() { repair(t, old) }, probe.OldPool, "UserLambdaValidationException"},
		{"the old pool throttles sign-ins", func() { old.Set(throws("AdminInitiateAuth", "TooManyRequestsException")) }, func() { repair(t, old) }, probe.OldPool, "UserLambdaValidationException"},
		{"the old pool's client is gone", func() { old.Set(throws("AdminInitiateAuth", "ResourceNotFoundException")) }, func() { repair(t, old) }, probe.OldPool, "UserLambdaValidationException"},
		{
			"the flow is not allowed", func() { flows("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH") },
			func() {
				flows("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
			}, probe.AppClient, "InvalidParameterException",
		},
		{"the new pool throttles", func() { anew.Set(throws("InitiateAuth", "TooManyRequestsException")) }, func() { repair(t, anew) }, probe.Throttled, "TooManyRequestsException"},
		{"the new pool throttles once", func() {
			rule := throws("InitiateAuth", "TooManyRequestsException")
			rule.Times = 1
			anew.Set(rule)
		}, func() { repair(t, anew) }, "", ""},
		{"the new pool is down", func() { anew.Set(fault.Rule{Kind: fault.Reset, Probability: 1}) }, func() { repair(t, anew) }, probe.Unreachable, "could not be reached"},
		{"the app client has a secret", func() { secrets("a secret") }, func() { secrets() }, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Cleanup(tt.back)
			tt.change()
			got := runProbe(t, stack)
			if got.Answered != (tt.want == "") || got.Reason != tt.want || got.Tries > 3 || !got.Answered && got.Tries != 3 {
				t.Errorf("%+v, want the reason %q", got, tt.want)
			}
			lines := strings.Split(strings.TrimSpace(stack.Logs("probe")), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, tt.wantRefused) || strings.Contains(last, "example.com") {
				t.Errorf("the log says %s, want %s", last, tt.wantRefused)
			}
		})
		if got := runProbe(t, stack); !got.Answered || got.Tries != 1 {
			t.Fatalf("after %s: %+v", tt.name, got)
		}
	}
	days, err := store(stack).Probes(ctx, "")
	if err != nil || len(days) == 0 || days[0].State() != probe.Dead || days[0].LastOK.IsZero() || days[0].LastFailed.IsZero() || days[0].Reason == "" {
		t.Errorf("%+v, %v", days, err)
	}
}

// An old pool whose client tells nobody from a wrong password, and one whose client does not, both let a probe be answered. (The new
// pool's own answer is the same in both.)
func TestAProbeIsAnsweredByOldPoolsOfBothKinds(t *testing.T) {
	stack := attach(t, deploy(t, nil))
	defer repair(t, local.OldFaults)
	for _, e := range []fault.Exception{
		{Status: 400, Type: "NotAuthorizedException", Message: "Incorrect username or password."},
		{Status: 400, Type: "UserNotFoundException", Message: "User does not exist."},
	} {
		local.OldFaults.Set(fault.Rule{Kind: fault.Error, Probability: 1, Operation: "AdminInitiateAuth", Exception: e})
		if got := runProbe(t, stack); !got.Answered {
			t.Errorf("%s: %+v", e.Type, got)
		}
	}
}

// Without an app client to probe by nothing is measured, and nothing is counted.
func TestWithoutAnAppClientNothingIsProbed(t *testing.T) {
	t.Parallel()
	stack := deploy(t, map[string]string{"PROBE_APP_CLIENT_ID": ""})
	if got := runProbe(t, stack); got.Measured || got.Answered {
		t.Errorf("%+v", got)
	}
	if days, err := store(stack).Probes(t.Context(), ""); err != nil || len(days) != 0 {
		t.Errorf("%+v, %v", days, err)
	}
}

// No figure moves by probes, answered or not: not in the report, not in the trigger's metrics, and not in the audit table.
func TestProbesCountInNoFigure(t *testing.T) {
	stack := attach(t, deploy(t, nil))
	user := newUser(t, nil)
	if err := signIn(t.Context(), user.Username, user.Password); err != nil {
		t.Fatal(err)
	}
	before := report(t, stack)
	for _, rules := range [][]fault.Rule{nil, {throws("AdminInitiateAuth", "TooManyRequestsException")}, {throws("", "AccessDeniedException")}} {
		local.OldFaults.Set(rules...)
		if got := runProbe(t, stack); got.Answered != (rules == nil) {
			t.Errorf("%+v", got)
		}
	}
	repair(t, local.OldFaults)
	after := report(t, stack)
	before.AsOf = after.AsOf
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the report (-before +after the probes):\n%s", diff)
	}
	verify(t, stack, user)
	attempts, probes := 0, 0
	for line := range strings.Lines(local.Lambda.Logs("attached-migrate")) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		switch entry["msg"] {
		case "attempt":
			attempts++
		case "probe":
			if probes++; entry["_aws"] != nil {
				t.Errorf("a probe has metrics: %s", line)
			}
		}
	}
	if attempts != 1 || probes != 7 { // one answered, and three tries each of two that were not
		t.Errorf("the trigger's log has %d attempts and %d probes", attempts, probes)
	}
}

// The mark tells nothing about anybody: with it a client of the new pool reads the same as without it, for every name that is not a
// probe's own, and for a probe's name whom the old pool knows.
func TestTheMarkIsNoOracle(t *testing.T) {
	stack := attach(t, deploy(t, nil))
	known, moved := newUser(t, nil), newUser(t, nil)
	disabled := newUser(t, func(u *cognito.User) { u.Disabled = true })
	if failure := signInAtNewPool(t, moved.Username, moved.Password); failure != "" {
		t.Fatal(failure)
	}
	impostor := newUser(t, func(u *cognito.User) { // somebody who signed up at the old pool with a probe's name
		u.Username, u.Attributes = probe.NewName(), map[string]string{"custom:note": "x"}
	})
	own := probe.NewName()
	for name, username := range map[string]string{
		"a known user": known.Username, "nobody": unique("nobody"), "a user who has moved": moved.Username, "a disabled user": disabled.Username,
		"a known address": "x" + known.Attributes["email"], "a probe's name in the old pool": impostor.Username,
		"almost a probe's name": own + "x", "a probe's name in another case": strings.ToUpper(own), "a probe's name that is too short": own[1:],
		"a probe's name with another part": "migration-probe-" + strings.Repeat("1", 26) + "@probe.invalid",
	} {
		for _, rules := range [][]fault.Rule{nil, {throws("AdminInitiateAuth", "TooManyRequestsException")}} {
			local.OldFaults.Set(rules...)
			without, with := signInMarked(t, username, nil), signInMarked(t, username, probe.Metadata())
			if with != without || strings.Contains(with, probe.Answered) {
				t.Errorf("%s reads %q with the mark, %q without it", name, with, without)
			}
		}
		repair(t, local.OldFaults)
	}
	nobody := signInMarked(t, unique("nobody"), nil)
	for name, username := range map[string]string{"known": known.Username, "of a probe's name": impostor.Username} {
		if got := signInMarked(t, username, probe.Metadata()); got != nobody {
			t.Errorf("a user who is %s reads %q with the mark, nobody reads %q", name, got, nobody)
		}
	}
	if got := signInMarked(t, own, probe.Metadata()); !strings.Contains(got, probe.Answered) {
		t.Errorf("a probe reads %q", got)
	}
	if got := signInMarked(t, own, nil); got != nobody {
		t.Errorf("a probe's name without the mark reads %q", got)
	}
	if record, err := store(stack).Record(t.Context(), impostor.Sub); err != nil || record.Version == 0 {
		t.Errorf("a user of a probe's name is not recorded: %+v, %v", record, err)
	}
}

// signInMarked returns what a client of the new pool reads who signs in with a wrong password and client metadata.
func signInMarked(t *testing.T, username string, metadata map[string]string) string {
	t.Helper()
	_, err := local.NewPoolClient().InitiateAuth(t.Context(), &cognitoidp.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(sandbox.NewClientID), ClientMetadata: metadata,
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": "Wrong-password-1"},
	})
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		t.Fatalf("%s: %v", username, err)
	}
	return refused.ErrorCode() + ": " + refused.ErrorMessage()
}

// Hours that have several probes and days that have none: each day is what its hours make it.
func TestAliveDaysAreExact(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2024, 2, 20, 0, 0, 0, 0, time.UTC)
	const days = 30
	want := map[string]probe.Day{}
	for i := range days {
		day, kind := begin.AddDate(0, 0, i), random.IntN(4) // a day without probes, a good one, a bad one, and one of both
		alive := map[int]bool{}
		for range 40 * min(kind, 1) { // an invocation may come twice
			hour, answered := random.IntN(24), kind == 1 || kind == 3 && random.IntN(8) > 0
			if before, counted := alive[hour]; !counted || before {
				alive[hour] = answered
			}
			result := probe.Result{Answered: answered}
			if !answered {
				result.Reason = probe.OldPool
			}
			at := day.Add(time.Duration(hour)*time.Hour + time.Duration(random.IntN(3600))*time.Second)
			if err := store(stack).CountProbe(t.Context(), at, result); err != nil {
				t.Fatal(err)
			}
		}
		sum := probe.Day{Day: ledger.Day(day)}
		for _, answered := range alive {
			if answered {
				sum.OK++
			} else {
				sum.Failed++
			}
		}
		want[sum.Day] = sum
	}
	got, err := store(stack).Probes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range days {
		day := ledger.Day(begin.AddDate(0, 0, i))
		state := probe.Alive
		switch w := want[day]; {
		case w.OK+w.Failed == 0:
			state = probe.NotProbed
		case w.Failed > 0:
			state = probe.Dead
		}
		s := probe.NotProbed
		if i := slices.IndexFunc(got, func(d probe.Day) bool { return d.Day == day }); i >= 0 {
			s = got[i].State()
		}
		if s != state {
			t.Errorf("%s is %s, want %s", day, s, state)
		}
	}
	for i, day := range got {
		if w := want[day.Day]; day.OK != w.OK || day.Failed != w.Failed || i > 0 && day.Day <= got[i-1].Day {
			t.Errorf("%+v, want %+v", day, w)
		}
	}
	const from = "2024-03-01"
	later, err := store(stack).Probes(t.Context(), from)
	if err != nil || len(later) == 0 || later[0].Day < from || later[len(later)-1] != got[len(got)-1] {
		t.Errorf("from a day on: %+v, %v", later, err)
	}
}

// Two years of days with a probe in each hour are read for some ten units.
func TestTwoYearsOfProbesAreCheap(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	const days = 730
	countProbes(t, stack, time.Date(2024, 2, 20, 0, 0, 0, 0, time.UTC), days)
	counted := newCalls()
	cfg := sandbox.Config(local.DynamoDB.Endpoint())
	cfg.APIOptions = []func(*middleware.Stack) error{counted.count}
	got, err := dynamo.New(cfg, stack.Tables, 10*time.Second).Probes(t.Context(), "")
	if units := counted.units[stack.Tables.ProgressTable]; err != nil || len(got) != days || units == 0 || units > 12 {
		t.Errorf("%d days for %v read units, %v", len(got), units, err)
	}
}

// The report says what the latest probe came to, if something is probed. Its evidence counts the days by their probes.
func TestTheReportHasTheProbes(t *testing.T) {
	t.Parallel()
	type answer struct {
		Probe     *probe.Latest
		Readiness struct {
			Evidence struct{ Probed map[string]int }
		}
	}
	for client, probed := range map[string]bool{sandbox.NewClientID: true, "": false} {
		stack := deploy(t, map[string]string{"PROBE_APP_CLIENT_ID": client})
		now := time.Now().UTC()
		for daysAgo, result := range map[int]probe.Result{0: {Answered: true}, 1: {Answered: true}, 2: {Reason: probe.OldPool}, 4: {Answered: true}} {
			if err := store(stack).CountProbe(t.Context(), now.AddDate(0, 0, -daysAgo), result); err != nil {
				t.Fatal(err)
			}
		}
		got := query[answer](t, stack, "report", `{"view":"progress"}`)
		if probed != (got.Probe != nil) || probed && (got.Probe.State != probe.Alive || got.Probe.Reason != probe.OldPool) {
			t.Errorf("with the client %q the latest is %+v", client, got.Probe)
		}
		if diff := cmp.Diff(map[string]int{"ok": 2, "failed": 1, "none": 1}, got.Readiness.Evidence.Probed); diff != "" {
			t.Errorf("days (-want +got):\n%s", diff)
		}
	}
}

// countProbes lays down days with a probe in each hour.
func countProbes(t *testing.T, stack *sandbox.Stack, begin time.Time, days int) {
	t.Helper()
	for hour := range 24 {
		if err := store(stack).CountProbe(t.Context(), begin.Add(time.Duration(hour)*time.Hour), probe.Result{Answered: true}); err != nil {
			t.Fatal(err)
		}
	}
	client, key := local.DynamoDBClient(), map[string]dynamotypes.AttributeValue{
		"pk": &dynamotypes.AttributeValueMemberS{Value: "probe"}, "sk": &dynamotypes.AttributeValueMemberS{Value: ledger.Day(begin)},
	}
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &stack.Tables.ProgressTable, Key: key})
	if err != nil || out.Item == nil {
		t.Fatalf("%v, %v", out, err)
	}
	var group errgroup.Group
	group.SetLimit(16)
	for i := range days {
		item := maps.Clone(out.Item)
		item["sk"] = &dynamotypes.AttributeValueMemberS{Value: ledger.Day(begin.AddDate(0, 0, i))}
		group.Go(func() error {
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &stack.Tables.ProgressTable, Item: item})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}
