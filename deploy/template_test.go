// Package deploy_test holds the templates to the code, and deploys them.
package deploy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
)

const (
	mainTemplate       = "../template.yaml"
	dashboardTemplate  = "../dashboards/template.yaml"
	oldAccountTemplate = "old-account.yaml"
)

type template struct {
	Parameters map[string]struct{ Default any }
	Resources  map[string]resource
}

type resource struct {
	Type, Condition                     string
	DeletionPolicy, UpdateReplacePolicy string
	Properties                          json.RawMessage
}

// read reads a template; the short forms of CloudFormation's functions come as the long ones.
func read(t *testing.T, path string) template {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var parsed template
	decode(t, long(t, document.Content[0]), &parsed)
	return parsed
}

func long(t *testing.T, n *yaml.Node) any {
	t.Helper()
	var value any
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = long(t, n.Content[i+1])
		}
		value = m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, long(t, item))
		}
		value = list
	default:
		value = n.Value
		if strings.HasPrefix(n.Tag, "!!") {
			if err := n.Decode(&value); err != nil {
				t.Fatalf("line %d: %v", n.Line, err)
			}
		}
	}
	switch {
	case strings.HasPrefix(n.Tag, "!!"):
		return value
	case n.Tag == "!Ref":
		return map[string]any{"Ref": value}
	default:
		return map[string]any{"Fn::" + n.Tag[1:]: value}
	}
}

// decode puts a value of plain maps and lists, or of JSON, into a struct.
func decode(t *testing.T, value, into any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// list is a list that may be written as its one element.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	var one T
	err := json.Unmarshal(text, &one)
	*l = list[T]{one}
	return err
}

// ref is a value as people would write it: Name, Name.Attribute, or text with such in it.
type ref string

var split = regexp.MustCompile(`"([^"]*)"`)

func (r *ref) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*r = ref(plain)
		return nil
	}
	var call map[string]json.RawMessage
	if err := json.Unmarshal(text, &call); err != nil {
		return err
	}
	for name, argument := range call {
		first := split.FindStringSubmatch(string(argument))[1]
		if name == "Ref" || name == "Fn::GetAtt" {
			first = "${" + first + "}"
		}
		*r = ref(first)
	}
	return nil
}

type statement struct {
	If        string // the template's condition; "not …" where it does not hold; empty for always
	Effect    string
	Principal any
	Action    list[string]
	Resource  list[ref]
	Condition map[string]map[string]list[ref]
}

type policy struct{ Statement []statement }

// UnmarshalJSON also reads statements that depend on a condition.
func (p *policy) UnmarshalJSON(text []byte) error {
	var written struct{ Statement []json.RawMessage }
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	for _, raw := range written.Statement {
		var choice struct {
			If []json.RawMessage `json:"Fn::If"`
		}
		if err := json.Unmarshal(raw, &choice); err != nil {
			return err
		}
		branches := map[string]json.RawMessage{"": raw}
		if choice.If != nil {
			var condition string
			if err := json.Unmarshal(choice.If[0], &condition); err != nil {
				return err
			}
			branches = map[string]json.RawMessage{condition: choice.If[1], "not " + condition: choice.If[2]}
		}
		for condition, branch := range branches {
			var s statement
			if err := json.Unmarshal(branch, &s); err != nil {
				return err
			}
			if s.Effect != "" { // else it is AWS::NoValue
				s.If = condition
				p.Statement = append(p.Statement, s)
			}
		}
	}
	return nil
}

// grant is one action on one resource, as a role may do it.
type grant struct {
	when         string // the template's condition, as of a statement
	role, action string
	resource     ref
	condition    map[string]map[string]list[ref]
}

func grants(t *testing.T) []grant {
	t.Helper()
	var all []grant
	add := func(role string, p policy) {
		for _, s := range p.Statement {
			if s.Effect != "Allow" {
				t.Errorf("%s has a statement of effect %q: allow what is needed, the rest is denied", role, s.Effect)
			}
			for _, action := range s.Action {
				for _, r := range s.Resource {
					all = append(all, grant{s.If, role, action, r, s.Condition})
				}
			}
		}
	}
	for name, r := range read(t, mainTemplate).Resources {
		switch r.Type {
		case "AWS::IAM::Role":
			var role struct {
				Policies          []struct{ PolicyDocument policy }
				ManagedPolicyArns []any
			}
			decode(t, r.Properties, &role)
			if len(role.ManagedPolicyArns) > 0 {
				t.Errorf("%s has managed policies: write its rights out", name)
			}
			for _, p := range role.Policies {
				add(name, p.PolicyDocument)
			}
		case "AWS::IAM::Policy":
			var shared struct{ PolicyDocument policy }
			decode(t, r.Properties, &shared)
			add(name, shared.PolicyDocument)
		}
	}
	return all
}

func TestRightsAreNarrow(t *testing.T) {
	for _, g := range grants(t) {
		if strings.Contains(g.action, "*") {
			t.Errorf("%s has %s: name the actions", g.role, g.action)
		}
		if g.resource != "*" || g.action == "lambda:ListEventSourceMappings" && g.role == "MaintainRole" { // which nothing narrows
			continue
		}
		namespace := g.condition["StringEquals"]["cloudwatch:namespace"]
		if g.action != "cloudwatch:PutMetricData" || !slices.Equal(namespace, list[ref]{"CognitoUserMigration/${AWS::StackName}"}) {
			t.Errorf("%s has %s on *: name the resource", g.role, g.action)
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	const audit, progress, spool = "${AuditTable.Arn}", "${ProgressTable.Arn}", "${SpoolQueue.Arn}"
	const oldPool = "arn:${AWS::Partition}:cognito-idp:${OldRegion}:${AWS::AccountId}:userpool/${UserPoolId}"
	const newPool = "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/${NewUserPoolId}"
	const migrate, report, inspect, maintain, replay = "MigrateRole", "ReportRole", "InspectRole", "MaintainRole", "ReplayRole"
	const confirm, groups = "ConfirmRole", "GroupsPolicy"
	const census, journal, probe = "CensusRole", "JournalRole", "ProbeRole"
	const guard = "GuardRole"
	all := grants(t)
	for _, test := range []struct {
		action   string
		resource string
		roles    []string
	}{
		{"dynamodb:PutItem", audit, []string{census, confirm, journal, migrate, replay}},
		{"dynamodb:UpdateItem", audit, nil},
		{"dynamodb:DeleteItem", audit, nil},
		{"dynamodb:BatchWriteItem", audit, nil},
		{"dynamodb:Query", audit, []string{inspect, maintain, replay}},
		{"dynamodb:GetItem", audit, []string{maintain}},
		{"dynamodb:Scan", audit, []string{maintain}},
		{"dynamodb:PutItem", progress, []string{census, confirm, journal, maintain, migrate, replay}},
		{"dynamodb:UpdateItem", progress, []string{census, confirm, maintain, migrate, probe, replay}},
		{"dynamodb:DeleteItem", progress, []string{maintain}},
		{"dynamodb:BatchWriteItem", progress, nil},
		{"dynamodb:GetItem", progress, []string{census, confirm, guard, journal, maintain, migrate, replay, report}},
		{"dynamodb:BatchGetItem", progress, []string{census, inspect, maintain}},
		{"dynamodb:Query", progress, []string{journal, maintain, report}},
		{"dynamodb:Scan", progress, []string{maintain}},
		{"dynamodb:GetResourcePolicy", audit, []string{maintain}},
		{"dynamodb:DescribeTable", audit, []string{maintain}},
		{"dynamodb:DescribeTable", progress, []string{maintain}},
		{"sqs:GetQueueAttributes", spool, []string{journal, maintain, replay, report}},
		{"lambda:ListEventSourceMappings", "*", []string{maintain}},
		{"sqs:SendMessage", spool, []string{census, confirm, migrate}},
		{"sqs:ReceiveMessage", spool, []string{replay}},
		{"cognito-idp:AdminInitiateAuth", oldPool, []string{migrate}},
		{"cognito-idp:AdminGetUser", oldPool, []string{confirm, guard, inspect, migrate}},
		{"cognito-idp:DescribeUserPoolClient", oldPool, []string{inspect, migrate}},
		{"sts:AssumeRole", "${OldPoolRoleArn}", []string{census, confirm, guard, inspect, migrate}},
		{"cognito-idp:ListUsers", oldPool, []string{census, confirm, guard, inspect}},
		{"cognito-idp:AdminListGroupsForUser", oldPool, []string{groups}},
		{"cognito-idp:AdminGetUser", newPool, []string{confirm, inspect}},
		{"cognito-idp:ListUsers", newPool, []string{census}},
		{"cognito-idp:DescribeUserPoolClient", newPool, []string{inspect, probe}},
		{"cognito-idp:DescribeUserPool", newPool, []string{census, inspect}},
		{"cognito-idp:ListGroups", oldPool, []string{inspect}},
		{"cognito-idp:ListGroups", newPool, []string{inspect}},
		{"cognito-idp:AdminAddUserToGroup", newPool, []string{groups}},
	} {
		var roles []string
		for _, g := range all {
			if g.action == test.action && string(g.resource) == test.resource {
				roles = append(roles, g.role)
			}
		}
		slices.Sort(roles)
		if diff := cmp.Diff(test.roles, slices.Compact(roles)); diff != "" {
			t.Errorf("%s on %s (-want +got):\n%s", test.action, test.resource, diff)
		}
	}
	for _, g := range all {
		asksCognito := strings.HasPrefix(g.action, "cognito-idp:")
		readsEvents := strings.Contains(string(g.resource), "AuditTable") && g.action != "dynamodb:PutItem"
		if asksCognito && !slices.Contains([]string{migrate, inspect, confirm, groups, census, probe, guard}, g.role) || readsEvents && (g.role == report || g.role == census || g.role == probe || g.role == guard) {
			t.Errorf("%s has %s on %s", g.role, g.action, g.resource)
		}
	}
}

// The old pool is asked with the functions' own rights, or as a role of its account; and the trigger reads the app client's secret only if
// there is one.
func TestTheOldPoolIsAskedInOneWay(t *testing.T) {
	const oldPool = "arn:${AWS::Partition}:cognito-idp:${OldRegion}:${AWS::AccountId}:userpool/${UserPoolId}"
	var own []string
	for _, g := range grants(t) {
		want := "not OldPoolRole"
		switch {
		case g.action == "sts:AssumeRole":
			want = "OldPoolRole"
		case g.resource != oldPool:
			continue
		case g.role == "MigrateRole" && g.action == "cognito-idp:DescribeUserPoolClient":
			want = "ReadSecret"
		default:
			own = append(own, g.action)
		}
		if g.when != want {
			t.Errorf("%s has %s on %s if %q, want %q", g.role, g.action, g.resource, g.when, want)
		}
	}
	var role struct {
		AssumeRolePolicyDocument policy
		Policies                 []struct{ PolicyDocument policy }
	}
	decode(t, read(t, oldAccountTemplate).Resources["OldPoolRole"].Properties, &role)
	trusted := role.AssumeRolePolicyDocument.Statement[0]
	conditions := map[string]map[string]list[ref]{
		"StringEquals": {"sts:ExternalId": {"${ExternalId}"}},
		"ArnLike": {"aws:PrincipalArn": {
			"arn:${AWS::Partition}:iam::${MigrationAccount}:role/${MigrationStack}-MigrateRole-*",
			"arn:${AWS::Partition}:iam::${MigrationAccount}:role/${MigrationStack}-InspectRole-*",
			"arn:${AWS::Partition}:iam::${MigrationAccount}:role/${MigrationStack}-ConfirmRole-*",
			"arn:${AWS::Partition}:iam::${MigrationAccount}:role/${MigrationStack}-CensusRole-*",
			"arn:${AWS::Partition}:iam::${MigrationAccount}:role/${MigrationStack}-GuardRole-*",
		}},
	}
	if diff := cmp.Diff(conditions, trusted.Condition); diff != "" {
		t.Errorf("who may take the role on (-want +got):\n%s", diff)
	}
	allowed := role.Policies[0].PolicyDocument.Statement[0]
	slices.Sort(own)
	if diff := cmp.Diff(slices.Compact(own), slices.Sorted(slices.Values(allowed.Action))); diff != "" {
		t.Errorf("rights on the old pool (-own +role in the other account):\n%s", diff)
	}
	if !slices.Equal(allowed.Resource, list[ref]{"arn:${AWS::Partition}:cognito-idp:${PoolRegion}:${AWS::AccountId}:userpool/${UserPoolId}"}) {
		t.Errorf("the role may ask %s", allowed.Resource)
	}
}

func TestEventsAreWrittenOnlyInTransactionsAndOnlyTheirItems(t *testing.T) {
	inTransaction := func(keys ...ref) map[string]map[string]list[ref] {
		condition := map[string]map[string]list[ref]{
			"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": {"TransactWriteItems"}},
		}
		if keys != nil {
			condition["ForAllValues:StringLike"] = map[string]list[ref]{"dynamodb:LeadingKeys": keys}
		}
		return condition
	}
	want := map[string]map[string]map[string]list[ref]{
		"dynamodb:PutItem on ${AuditTable.Arn}":       inTransaction(),
		"dynamodb:PutItem on ${ProgressTable.Arn}":    inTransaction("user#*"),
		"dynamodb:UpdateItem on ${ProgressTable.Arn}": inTransaction("tally#??"),
	}
	for _, role := range []string{"MigrateRole", "ReplayRole", "ConfirmRole", "CensusRole"} {
		got := map[string]map[string]map[string]list[ref]{}
		for _, g := range grants(t) {
			if g.role == role && !censusOwn(g) && (strings.HasSuffix(g.action, ":PutItem") || strings.HasSuffix(g.action, ":UpdateItem")) {
				got[g.action+" on "+string(g.resource)] = g.condition
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", role, diff)
		}
	}
}

// Confirm is fed as the sandbox feeds it, and the rights to carry groups are there only for those who carry them.
func TestConfirmIsFedWithWhoWasHandedOver(t *testing.T) {
	resources := read(t, mainTemplate).Resources
	var f struct {
		Events struct {
			HandedOver struct {
				Properties struct {
					BatchSize, MaximumRetryAttempts, ParallelizationFactor int
					BisectBatchOnFunctionError                             bool
					FunctionResponseTypes                                  []string
					FilterCriteria                                         struct{ Filters []struct{ Pattern string } }
				}
			}
		}
	}
	decode(t, resources["ConfirmFunction"].Properties, &f)
	got := f.Events.HandedOver.Properties
	if got.BatchSize != sandbox.ConfirmMapping.BatchSize || got.MaximumRetryAttempts != sandbox.ConfirmMapping.MaximumRetryAttempts ||
		got.ParallelizationFactor != 1 || !got.BisectBatchOnFunctionError ||
		!slices.Equal(got.FunctionResponseTypes, []string{"ReportBatchItemFailures"}) {
		t.Errorf("%+v", got)
	}
	const pattern = `{"eventName":["INSERT"],"dynamodb":{"NewImage":{"outcome":{"S":["migrated"]}}}}`
	if len(got.FilterCriteria.Filters) != 1 || got.FilterCriteria.Filters[0].Pattern != pattern {
		t.Errorf("filters %v, want %s", got.FilterCriteria.Filters, pattern)
	}
	var table struct {
		StreamSpecification struct{ StreamViewType string }
	}
	decode(t, resources["AuditTable"].Properties, &table)
	if table.StreamSpecification.StreamViewType != "NEW_IMAGE" {
		t.Errorf("the stream shows %s", table.StreamSpecification.StreamViewType)
	}
	if resources["GroupsPolicy"].Condition != "Groups" {
		t.Error("confirm may read groups and put users into them whether or not groups are carried")
	}
}

// censusOwn tells whether a right is to the items alone in which a census keeps its counts.
func censusOwn(g grant) bool {
	return slices.Equal(g.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"], list[ref]{"census*"})
}

// A census lists users, and asks for none by name: Cognito would bill each of them. It keeps what it counts, reads records, and writes
// confirmations as the other writers do.
func TestWhatACensusMay(t *testing.T) {
	keys := func(keys ref) map[string]map[string]list[ref] {
		return map[string]map[string]list[ref]{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {keys}}}
	}
	want := map[string]map[string]map[string]list[ref]{
		"cognito-idp:DescribeUserPool": nil, "cognito-idp:ListUsers": nil, "sts:AssumeRole": nil, "sqs:SendMessage": nil,
		"dynamodb:BatchGetItem": keys("user#*"), "dynamodb:GetItem": keys("user#*"),
		"own dynamodb:GetItem": keys("census*"), "own dynamodb:PutItem": keys("census*"),
	}
	got := map[string]map[string]map[string]list[ref]{}
	for _, g := range grants(t) {
		inTransaction := g.condition["ForAnyValue:StringEquals"] != nil // what TestEventsAreWrittenOnlyInTransactionsAndOnlyTheirItems holds
		if g.role != "CensusRole" || inTransaction || strings.HasPrefix(g.action, "logs:") {
			continue
		}
		name := g.action
		if censusOwn(g) {
			name = "own " + name
		}
		got[name] = g.condition
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The guard reads, and writes nothing. Only the new pool may call it.
func TestWhatTheGuardMay(t *testing.T) {
	want := map[string]map[string]map[string]list[ref]{
		"cognito-idp:AdminGetUser": nil, "cognito-idp:ListUsers": nil, "sts:AssumeRole": nil,
		"dynamodb:GetItem": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {"user#*"}}},
	}
	got := map[string]map[string]map[string]list[ref]{}
	for _, g := range grants(t) {
		if g.role == "GuardRole" && !strings.HasPrefix(g.action, "logs:") {
			got[g.action] = g.condition
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	resources := read(t, mainTemplate).Resources
	type permission struct{ FunctionName, Action, Principal, SourceAccount, SourceArn ref }
	var migrate, guard permission
	decode(t, resources["MigratePermission"].Properties, &migrate)
	decode(t, resources["GuardPermission"].Properties, &guard)
	migrate.FunctionName = "${GuardFunction}"
	if diff := cmp.Diff(migrate, guard); diff != "" {
		t.Errorf("permission (-the trigger's +the guard's):\n%s", diff)
	}
}

// A probe reads its app client and counts. Its sign-in takes no right.
func TestWhatAProbeMay(t *testing.T) {
	want := map[string]map[string]map[string]list[ref]{
		"cognito-idp:DescribeUserPoolClient": nil,
		"dynamodb:UpdateItem":                {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": {"probe"}}},
	}
	got := map[string]map[string]map[string]list[ref]{}
	for _, g := range grants(t) {
		if g.role == "ProbeRole" && !strings.HasPrefix(g.action, "logs:") {
			got[g.action] = g.condition
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Without an app client to probe by nothing is scheduled, and no alarm waits for a probe.
func TestTheProbeIsScheduledIfThereIsAClient(t *testing.T) {
	var f struct {
		Events struct {
			Run struct {
				Properties struct {
					Schedule string
					State    struct {
						If []string `json:"Fn::If"`
					}
				}
			}
		}
	}
	decode(t, read(t, mainTemplate).Resources["ProbeFunction"].Properties, &f)
	run := f.Events.Run.Properties
	if run.Schedule != "rate(1 hour)" || !slices.Equal(run.State.If, []string{"Probe", "ENABLED", "DISABLED"}) {
		t.Errorf("%+v", run)
	}
	var alarm struct {
		ComparisonOperator string
		Threshold          struct {
			If []any `json:"Fn::If"`
		}
	}
	decode(t, read(t, dashboardTemplate).Resources["ProbeStaleAlarm"].Properties, &alarm)
	if alarm.ComparisonOperator != "LessThanThreshold" || !slices.Equal(alarm.Threshold.If, []any{"Probe", 1.0, 0.0}) {
		t.Errorf("%+v", alarm)
	}
}

func TestTheAuditTableDeniesEveryoneChanges(t *testing.T) {
	var table struct {
		ResourcePolicy struct{ PolicyDocument policy }
	}
	decode(t, read(t, mainTemplate).Resources["AuditTable"].Properties, &table)
	want := []statement{{
		Effect: "Deny", Principal: "*", Resource: list[ref]{"*"},
		Action: list[string]{
			"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert",
			"dynamodb:PartiQLUpdate", "dynamodb:UpdateItem",
		},
	}}
	if diff := cmp.Diff(want, table.ResourcePolicy.PolicyDocument.Statement); diff != "" {
		t.Errorf("resource policy (-want +got):\n%s", diff)
	}
}

func TestWhatHoldsTheRecordOutlivesTheStack(t *testing.T) {
	resources := read(t, mainTemplate).Resources
	for _, name := range []string{"AuditTable", "ProgressTable", "SpoolQueue", "SpoolDeadLetterQueue", "MigrateLogGroup"} {
		if r := resources[name]; r.DeletionPolicy != "Retain" || r.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s is not retained", name)
		}
	}
	for _, name := range []string{"AuditTable", "ProgressTable"} {
		var table struct {
			DeletionProtectionEnabled        bool
			PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled bool }
		}
		decode(t, resources[name].Properties, &table)
		if !table.DeletionProtectionEnabled || !table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled {
			t.Errorf("%s lacks deletion protection or point-in-time recovery", name)
		}
	}
}

type function struct {
	CodeURI       string `json:"CodeUri"`
	Role          ref
	LoggingConfig struct {
		LogFormat string
		LogGroup  ref
	}
	Environment struct{ Variables map[string]any }
	Events      map[string]struct {
		Properties struct{ Schedule, Input string }
	}
}

// functions returns the stack's functions by their folders' names.
func functions(t *testing.T) map[string]function {
	t.Helper()
	all := map[string]function{}
	for name, r := range read(t, mainTemplate).Resources {
		if r.Type == "AWS::Serverless::Function" {
			var f function
			decode(t, r.Properties, &f)
			all[strings.ToLower(strings.TrimSuffix(name, "Function"))] = f
		}
	}
	return all
}

func TestEachFunctionHasItsOwnCodeRoleAndLog(t *testing.T) {
	folders, err := filepath.Glob("../functions/*")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, folder := range folders {
		want = append(want, filepath.Base(folder))
	}
	for name, f := range functions(t) {
		got = append(got, name)
		title := strings.ToUpper(name[:1]) + name[1:]
		if f.CodeURI != "build/"+name+"/" || f.Role != ref("${"+title+"Role.Arn}") ||
			f.LoggingConfig.LogGroup != ref("${"+title+"LogGroup}") || f.LoggingConfig.LogFormat != "Text" {
			t.Errorf("%s has another's code, role or log, or not the log format of its own lines: %+v", name, f)
		}
		for _, g := range grants(t) {
			if g.role == title+"Role" && strings.HasPrefix(g.action, "logs:") && g.resource != ref("${"+title+"LogGroup.Arn}") {
				t.Errorf("%s may write another log: %s", name, g.resource)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("functions of the code and the template (-code +template):\n%s", diff)
	}
}

// What has to be done by itself is asked for by a schedule, as often as the documentation says.
func TestWhatIsAskedForBySchedule(t *testing.T) {
	want := map[string][]string{
		"census":   {`rate(15 minutes) {"view":"run","every_hours":23}`},
		"confirm":  {`rate(15 minutes) {"view":"sweep"}`},
		"journal":  {`rate(1 hour) {"view":"record","every_hours":23}`},
		"maintain": {`rate(1 day) {"view":"safeguards"}`, `rate(1 hour) {"view":"close"}`, `rate(1 hour) {"view":"verify","every_hours":23}`},
		"probe":    {`rate(1 hour) {"view":"run"}`},
		"report":   {`rate(5 minutes) {"view":"gauges"}`},
	}
	got := map[string][]string{}
	for name, f := range functions(t) {
		for _, event := range f.Events {
			if p := event.Properties; p.Schedule != "" {
				got[name] = append(got[name], p.Schedule+" "+p.Input)
			}
		}
		slices.Sort(got[name])
	}
	maps.DeleteFunc(got, func(_ string, asked []string) bool { return asked == nil })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("asked for by a schedule (-want +got):\n%s", diff)
	}
}
