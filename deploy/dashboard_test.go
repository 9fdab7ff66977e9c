package deploy_test

import (
	"encoding/json"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/guard"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// metric is one that a dashboard or an alarm looks at.
type metric struct {
	where, namespace, name string
	dimensions             map[string]string
}

const namespace = "CognitoUserMigration/${MigrationName}"

type alarm struct {
	AlarmName             ref
	AlarmDescription      ref
	Namespace, MetricName ref
	Dimensions            []dimension
	TreatMissingData      string
	EvaluationPeriods     int
	DatapointsToAlarm     int
	Metrics               []struct {
		Expression string
		MetricStat *struct {
			Period int
			Stat   string
			Metric struct {
				Namespace, MetricName ref
				Dimensions            []dimension
			}
		}
	}
}

type dimension struct{ Name, Value ref }

func alarms(t *testing.T) map[string]alarm {
	t.Helper()
	all := map[string]alarm{}
	for name, r := range read(t, dashboardTemplate).Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			var a alarm
			decode(t, r.Properties, &a)
			all[name] = a
		}
	}
	return all
}

type widget struct {
	Type       string
	Properties struct {
		Title   string
		Metrics [][]any
		Alarms  []string
		Params  map[string]string
	}
}

func widgets(t *testing.T) []widget {
	t.Helper()
	var dashboard struct {
		DashboardBody struct {
			Text string `json:"Fn::Sub"`
		}
	}
	decode(t, read(t, dashboardTemplate).Resources["Dashboard"].Properties, &dashboard)
	var body struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(dashboard.DashboardBody.Text), &body); err != nil {
		t.Fatalf("the dashboard's body is no JSON: %v", err)
	}
	return body.Widgets
}

var search = regexp.MustCompile(`^SEARCH\('\{"([^"]*)",([\w,]+)\} MetricName="(\w+)"(?: (\w+)="(\w+)")?', '\w+', \d+\)$`)

// shown returns the metrics of the dashboard.
func shown(t *testing.T) []metric {
	t.Helper()
	var all []metric
	for _, w := range widgets(t) {
		var before []string
		for _, line := range w.Properties.Metrics {
			var cells []string
			for _, cell := range line {
				switch cell := cell.(type) {
				case string:
					cells = append(cells, cell)
				case map[string]any:
					expression, ok := cell["expression"].(string)
					if !ok {
						continue
					}
					found := search.FindStringSubmatch(expression)
					if found == nil {
						t.Fatalf("%s: not understood: %s", w.Properties.Title, expression)
					}
					m := metric{w.Properties.Title, found[1], found[3], map[string]string{}}
					for name := range strings.SplitSeq(found[2], ",") {
						m.dimensions[name] = ""
					}
					if found[4] != "" {
						m.dimensions[found[4]] = found[5]
					}
					all = append(all, m)
				}
			}
			if cells == nil {
				continue
			}
			cells = unabbreviate(cells, before)
			before = cells
			m := metric{w.Properties.Title, cells[0], cells[1], map[string]string{}}
			for pair := range slices.Chunk(cells[2:], 2) {
				m.dimensions[pair[0]] = pair[1]
			}
			all = append(all, m)
		}
	}
	return all
}

// unabbreviate writes out what a line takes from the line before: "." stands for one cell, "..." for all that are missing.
func unabbreviate(cells, before []string) []string {
	if cells[0] == "..." {
		return slices.Concat(before[:len(before)-len(cells)+1], cells[1:])
	}
	for i, cell := range cells {
		if cell == "." {
			cells[i] = before[i]
		}
	}
	return cells
}

// watched returns the metrics of the alarms.
func watched(t *testing.T) []metric {
	t.Helper()
	var all []metric
	add := func(where string, namespace, name ref, dimensions []dimension) {
		m := metric{where, string(namespace), string(name), map[string]string{}}
		for _, d := range dimensions {
			m.dimensions[string(d.Name)] = string(d.Value)
		}
		all = append(all, m)
	}
	for name, a := range alarms(t) {
		if a.MetricName != "" {
			add(name, a.Namespace, a.MetricName, a.Dimensions)
		}
		for _, m := range a.Metrics {
			if m.MetricStat != nil {
				add(name, m.MetricStat.Metric.Namespace, m.MetricStat.Metric.MetricName, m.MetricStat.Metric.Dimensions)
			}
		}
	}
	return all
}

// emitted returns the names of the metrics that the code emits: its string constants whose names begin with "Metric". The
// filters on log groups make others.
func emitted(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"../pkg/*", "../functions/*"} {
		folders, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range folders {
			for _, file := range parse(t, folder) {
				ast.Inspect(file, func(n ast.Node) bool {
					spec, ok := n.(*ast.ValueSpec)
					if !ok || !strings.HasPrefix(strings.ToLower(spec.Names[0].Name), "metric") || len(spec.Values) == 0 {
						return true
					}
					if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
						name, _ := strconv.Unquote(literal.Value)
						names = append(names, name)
					}
					return false
				})
			}
		}
	}
	for _, r := range read(t, dashboardTemplate).Resources {
		if r.Type == "AWS::Logs::MetricFilter" {
			var filter struct {
				MetricTransformations []struct{ MetricName string }
			}
			decode(t, r.Properties, &filter)
			names = append(names, filter.MetricTransformations[0].MetricName)
		}
	}
	return names
}

func TestDashboardAndAlarmsUseMetricsThatTheCodeEmits(t *testing.T) {
	known := emitted(t)
	dimensions := map[string][]string{ // of metrics that have any
		"Attempts":       {"Outcome", "Outcome Reason Trigger"},
		"ShadowAttempts": {"Outcome", "Outcome Reason Trigger"},
		"Users":          {"Status"},
		"BlockedUsers":   {"Reason"},
		"NotConfirmed":   {"Why"},
		"SignUps":        {"Answer"},
	}
	values := map[string][]string{
		"Trigger": text(migration.Triggers), "Outcome": text(migration.Outcomes), "Reason": text(migration.Reasons()),
		"Status": text(migration.Statuses), "Answer": {guard.Passed, guard.Refused, guard.Failed},
	}
	for _, m := range slices.Concat(shown(t), watched(t)) {
		if strings.HasPrefix(m.namespace, "AWS/") {
			continue
		}
		if m.namespace != namespace || !slices.Contains(known, m.name) {
			t.Errorf("%s: nothing emits %s in %s", m.where, m.name, m.namespace)
		}
		sets := dimensions[m.name]
		if sets == nil {
			sets = []string{""}
		}
		if set := strings.Join(slices.Sorted(maps.Keys(m.dimensions)), " "); !slices.Contains(sets, set) {
			t.Errorf("%s: %s is not emitted by %q, but by %q", m.where, m.name, set, sets)
		}
		for name, value := range m.dimensions {
			if value != "" && !slices.Contains(values[name], value) {
				t.Errorf("%s: %s has no %s %q", m.where, m.name, name, value)
			}
		}
	}
}

func text[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

func TestEveryMetricIsOnTheDashboard(t *testing.T) {
	on := map[string]bool{}
	for _, m := range shown(t) {
		on[m.name] = true
	}
	for _, name := range emitted(t) {
		if !on[name] {
			t.Errorf("%s is emitted, and not shown", name)
		}
	}
}

// playbook returns the file name of the playbook that the alarm's description ends with.
func (a alarm) playbook() string {
	_, name, ok := strings.Cut(string(a.AlarmDescription), " Playbook: ${Playbooks}/")
	if !ok {
		return "none"
	}
	return name
}

func TestThePlaybooksAreInThisRepository(t *testing.T) {
	const want = "https://github.com/cognito-user-migration/cognito-user-migration/blob/main/docs/playbooks"
	if got := read(t, dashboardTemplate).Parameters["Playbooks"].Default; got != want {
		t.Errorf("the playbooks' address is %v, want %s", got, want)
	}
}

func TestEveryAlarmIsOnTheDashboardAndHasItsPlaybook(t *testing.T) {
	var want, got []string
	for name, a := range alarms(t) {
		want = append(want, "${"+name+".Arn}")
		if _, err := os.Stat(filepath.Join("..", "docs", "playbooks", a.playbook())); err != nil {
			t.Errorf("%s names no playbook that is there: %q", name, a.AlarmDescription)
		}
		if a.TreatMissingData == "" {
			t.Errorf("%s does not say what missing data means", name)
		}
	}
	for _, w := range widgets(t) {
		got = append(got, w.Properties.Alarms...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms of the dashboard (-alarms +dashboard):\n%s", diff)
	}
}

func TestEveryPlaybookHasItsAlarm(t *testing.T) {
	var named []string
	for _, a := range alarms(t) {
		named = append(named, a.playbook())
	}
	playbooks, err := filepath.Glob("../docs/playbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range playbooks {
		if !slices.Contains(named, filepath.Base(path)) {
			t.Errorf("no alarm names %s", path)
		}
	}
}

// If data is missing, CloudWatch waits for more periods than an alarm names. So an alarm on missing data fills in zeros, and rings
// after as many empty periods as it looks at.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func TestWhenAlarmsRingThatNothingComes(t *testing.T) {
	for name, want := range map[string]struct{ period, periods int }{
		"GaugesStaleAlarm":     {300, 3},   // 15 minutes
		"SafeguardsStaleAlarm": {3600, 48}, // two days
		"ProbeStaleAlarm":      {3600, 2},
	} {
		a := alarms(t)[name]
		if len(a.Metrics) != 2 || a.Metrics[0].Expression != "FILL(m1, 0)" || a.Metrics[1].MetricStat.Stat != "SampleCount" ||
			a.Metrics[1].MetricStat.Period != want.period || a.EvaluationPeriods != want.periods || a.DatapointsToAlarm != 0 ||
			a.TreatMissingData != "breaching" {
			t.Errorf("%s does not ring after %d empty periods of %d s: %+v", name, want.periods, want.period, a)
		}
	}
}

// A message that replay gives back comes again after 6 minutes: of any two periods of 5 minutes one has it. SQS leaves it out of the age
// that it publishes.
func TestTheBacklogIsSeenWhileReplaysFail(t *testing.T) {
	a := alarms(t)["SpoolBacklogAlarm"]
	var metrics []string
	for _, m := range a.Metrics {
		if m.MetricStat != nil {
			metrics = append(metrics, string(m.MetricStat.Metric.MetricName)+" "+m.MetricStat.Stat)
		}
	}
	want := []string{"ApproximateAgeOfOldestMessage Maximum", "SpooledFor Maximum"}
	if diff := cmp.Diff(want, metrics); diff != "" || a.Metrics[0].Expression != "MAX([FILL(m1, 0), FILL(m2, 0)])" {
		t.Errorf("%q looks at (-want +got):\n%s", a.Metrics[0].Expression, diff)
	}
	if a.DatapointsToAlarm != 1 || a.EvaluationPeriods < 2 {
		t.Errorf("%d of %d periods: it would end between two tries", a.DatapointsToAlarm, a.EvaluationPeriods)
	}
}

// The filter on the trigger's log matches what Lambda writes of an invocation that has no answer, and none of the trigger's own lines.
func TestTheFilterSeesThatTheTriggerIsBroken(t *testing.T) {
	var filter struct{ FilterPattern string }
	var guards struct{ FilterPattern string }
	decode(t, read(t, dashboardTemplate).Resources["BrokenFilter"].Properties, &filter)
	decode(t, read(t, dashboardTemplate).Resources["GuardBrokenFilter"].Properties, &guards)
	if guards != filter {
		t.Errorf("the filter on the guard's log is another: %s", guards.FilterPattern)
	}
	// What CloudWatch takes. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html
	if !regexp.MustCompile(`^%[\w:#=@/;,^$?\[\]{}|\\*+.-]+%$`).MatchString(filter.FilterPattern) {
		t.Fatalf("no regular expression of CloudWatch's: %s", filter.FilterPattern)
	}
	pattern := regexp.MustCompile(strings.Trim(filter.FilterPattern, "%"))
	for line, want := range map[string]bool{
		"2026-07-14T12:00:05.010Z 8f1c0d5e Task timed out after 5.00 seconds":                                                          true,
		"RequestId: 8f1c0d5e Error: Runtime exited with error: exit status 1\nRuntime.ExitError":                                       true,
		"RequestId: 8f1c0d5e Error: Runtime exited without providing a reason\nRuntime.ExitError":                                      true,
		"RequestId: 8f1c0d5e Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]\nRuntime.InvalidEntrypoint": true,
		"RequestId: 8f1c0d5e Error: fork/exec /var/task/bootstrap: exec format error\nRuntime.InvalidEntrypoint":                       true,
		"INIT_REPORT Init Duration: 0.44 ms\tPhase: init\tStatus: error\tError Type: Runtime.InvalidEntrypoint":                        true,
		"REPORT RequestId: 8f1c0d5e\tDuration: 99.10 ms\tStatus: error\tError Type: Runtime.OutOfMemory":                               true,
		"INIT_START Runtime Version: provided:al2023.v16\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:23a5d01a":             false,
		"REPORT RequestId: 8f1c0d5e\tDuration: 99.10 ms\tBilled Duration: 100 ms\tMemory Size: 512 MB":                                 false,
		`{"level":"ERROR","msg":"panic","stack":"goroutine 1 [running]:\\nruntime/debug.Stack()\\nruntime.gopanic"}`:                   false,
		`{"level":"ERROR","msg":"attempt","Outcome":"failed","Reason":"timeout","fault":"DynamoDB did not answer GetItem in time"}`:    false,
	} {
		if got := pattern.MatchString(line); got != want {
			t.Errorf("%s: matched %t, want %t", line, got, want)
		}
	}
}

// An account's dashboards have one list for all Regions, and a stack of the same name may be in another.
func TestTheDashboardsNameHasItsRegion(t *testing.T) {
	var dashboard struct{ DashboardName ref }
	decode(t, read(t, dashboardTemplate).Resources["Dashboard"].Properties, &dashboard)
	if dashboard.DashboardName != "${MigrationName}-${AWS::Region}" {
		t.Errorf("the dashboard's name is %s", dashboard.DashboardName)
	}
}
