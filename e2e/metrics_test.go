package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// published is a metric with its unit and the sets of dimensions that it is published under.
type published struct {
	unit       string
	dimensions string // "Outcome; Outcome Reason Trigger"
}

// documented reads the tables of docs/metrics.md.
func documented(t *testing.T) map[string]published {
	t.Helper()
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`(\\w+)`")
	metrics := map[string]published{}
	same := ""
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !slices.Contains([]string{"Count", "Milliseconds", "Seconds"}, strings.TrimSpace(cells[2])) {
			continue
		}
		var sets []string
		for set := range strings.SplitSeq(cells[3], ";") {
			var names []string
			for _, m := range name.FindAllStringSubmatch(set, -1) {
				names = append(names, m[1])
			}
			slices.Sort(names)
			sets = append(sets, strings.Join(names, " "))
		}
		if strings.Contains(cells[3], "the same") {
			sets = []string{same}
		}
		same = strings.Join(sets, "; ")
		for _, m := range name.FindAllStringSubmatch(cells[1], -1) {
			metrics[m[1]] = published{strings.TrimSpace(cells[2]), same}
		}
	}
	return metrics
}

// Whatever a function publishes is documented, by name, unit and dimensions; the dashboard is held to the same document.
func TestMetricsAreDocumented(t *testing.T) {
	stack := deploy(t, nil)
	mixed(t, stack)
	u := newUser(t, nil)
	invoke(t, stack, event(migration.SignIn, u.Username, u.Password))
	invoke(t, stack, event(migration.SignIn, u.Username, u.Password)) // a repeat
	outage{rule: fault.Rule{Kind: fault.Error}}.strike(t, local.DynamoDBFaults)
	spooled := newUser(t, nil)
	invoke(t, stack, event(migration.SignIn, spooled.Username, spooled.Password))
	denied := fault.Exception{Status: http.StatusBadRequest, Type: "AccessDenied"}
	outage{rule: fault.Rule{Kind: fault.Error, Exception: denied}}.strike(t, local.SQSFaults)
	lost := newUser(t, nil)
	invoke(t, stack, event(migration.SignIn, lost.Username, lost.Password))
	repair(t, local.DynamoDBFaults, local.SQSFaults)
	send(t, stack, "damaged")
	drain(t, stack)
	logs := stack.Logs("migrate") + stack.Logs("replay")
	for _, mode := range []string{"shadow", "off"} {
		other := deploy(t, map[string]string{"MODE": mode})
		checkMode(t, other.Name, func() { invoke(t, other, event(migration.SignIn, u.Username, u.Password)) })
		logs += other.Logs("migrate")
	}

	seen := map[string]published{}
	for line := range strings.Lines(logs) {
		var entry struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, directive := range entry.AWS.CloudWatchMetrics {
			var sets []string
			for _, set := range directive.Dimensions {
				slices.Sort(set)
				sets = append(sets, strings.Join(set, " "))
			}
			for _, m := range directive.Metrics {
				seen[m.Name] = published{m.Unit, strings.Join(sets, "; ")}
			}
		}
	}
	want := maps.Clone(documented(t))
	maps.DeleteFunc(want, func(name string, _ published) bool { _, ok := seen[name]; return !ok })
	if diff := cmp.Diff(want, seen, cmp.AllowUnexported(published{})); diff != "" {
		t.Errorf("metrics (-documented +published):\n%s", diff)
	}
	for _, name := range []string{
		"Attempts", "ShadowAttempts", "TurnedAway", "Latency", "OldPoolLatency", "LedgerLatency", "Repeats", "Spooled", "LostToLog",
		"Replayed", "ReplayFailed", "SpooledFor",
	} {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s was not published", name)
		}
	}
}

// checkMode holds that what is done leaves no trace in the ledger.
func checkMode(t *testing.T, name string, do func()) {
	t.Helper()
	do()
	if items := append(scan(t, local, name+"-audit"), scan(t, local, name+"-progress")...); len(items) != 0 {
		t.Errorf("recorded: %v", items)
	}
}

// In the modes shadow and off nobody exists, as far as Cognito is told, and nothing is recorded. Shadow asks the old pool and logs
// what it would have done; off asks nobody.
func TestModes(t *testing.T) {
	for mode, logged := range map[string]string{"shadow": `"Outcome":"migrated"`, "off": `"TurnedAway":1`} {
		stack := attach(t, deploy(t, map[string]string{"MODE": mode}))
		u := newUser(t, nil)
		sent := event(migration.SignIn, u.Username, u.Password)
		answer, failure := invoke(t, stack, sent)
		sent["request"] = map[string]any{"userAttributes": nil}
		if diff := cmp.Diff(sent, answer); diff != "" || failure != "" {
			t.Errorf("%s: error %q, answer (-sent +got):\n%s", mode, failure, diff)
		}
		if !strings.Contains(stack.Logs("migrate"), logged) {
			t.Errorf("%s: log: %s", mode, stack.Logs("migrate"))
		}
		challenged := newUser(t, func(u *cognito.User) { u.MFA = []string{"SMS_MFA"} })
		if _, failure := invoke(t, stack, event(migration.SignIn, challenged.Username, challenged.Password)); failure != "" {
			t.Errorf("%s, with a challenge: %s", mode, failure)
		}
		if got := browser(t, "signIn", u.Username, u.Password); got.Code != "NotAuthorizedException" {
			t.Errorf("%s: the app: %+v", mode, got)
		}
		if len(arrived(t, u.Username)) != 0 {
			t.Errorf("%s: the user arrived", mode)
		}
		verify(t, stack, u, challenged)
	}
}
