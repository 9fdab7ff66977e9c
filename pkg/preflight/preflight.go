// Package preflight says what stands in the way of a migration before the trigger is attached, and how to mend it.
//
// Check is pure: Look reads how both pools and the function are set up into a Snapshot, and Check judges that. Neither
// changes anything.
package preflight

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

// Severity is how much a finding matters.
type Severity string

// Error: users will be refused, or told something wrong. Warning: some users may be, or something was not looked at.
// Info: nothing is wrong, but the operator should know.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

var severities = []Severity{Error, Warning, Info}

// Issue is one thing that an operator should know.
type Issue struct {
	ID       string   `json:"id"` // never changes, so that others can rely on it
	Severity Severity `json:"severity"`
	What     string   `json:"what"` // what was found, and where
	Why      string   `json:"why"`  // what users would notice
	Mend     string   `json:"mend"` // in the console, and with CLI calls that reset no other setting
	Docs     string   `json:"docs"` // AWS's own page about it
}

// Conclusion sums issues up.
type Conclusion string

// OK: no error was found, and everything was looked at. Warnings are for the operator to weigh.
const (
	OK       Conclusion = "OK"
	Problems Conclusion = "PROBLEMS"
)

// Report is what a preflight found.
type Report struct {
	Verdict  Conclusion `json:"verdict"`
	Findings []Issue    `json:"findings"` // errors first
}

// Snapshot is how everything that a migration touches was set up at one moment. A part that could not be looked at is nil.
type Snapshot struct {
	OldPool    *types.UserPoolType
	OldClient  *types.UserPoolClientType
	NewPool    *types.UserPoolType
	NewMFA     *cognito.GetUserPoolMfaConfigOutput
	NewClients []types.UserPoolClientType // every app client of the new pool, or nil if any could not be looked at
	Policy     *ResourcePolicy            // who may invoke the trigger function; empty if it has no policy
	Variables  map[string]string          // the trigger function's environment variables
	OldGroups  []string                   // names of the old pool's groups; empty if users don't keep theirs
	NewGroups  []string                   // of the new pool's

	Function    string         // the trigger function: its name or its ARN, without version or alias
	Guard       string         // the guard of the sign-up: its name or its ARN
	ProbeClient string         // the app client that probes sign in by; empty if nothing is probed
	Errors      map[Part]error // why a part is nil

	settings Settings // what Check reads in Variables
	mistake  error    // why it can't
}

// Part names a part of a snapshot; parts add up to sets.
type Part uint

// The parts.
const (
	OldPool Part = 1 << iota
	OldClient
	NewPool
	NewMFA
	NewClients
	FunctionPolicy
	Variables
	OldGroups
	NewGroups

	settings // variables that the function starts with
)

// parts says of each part what reads it, with which permissions, and what names it.
var parts = []struct {
	part    Part
	of      string
	actions string
	names   string
	seen    func(Snapshot) bool
}{
	{OldPool, "the old pool", "cognito-idp:DescribeUserPool", "UserPoolId", func(s Snapshot) bool { return s.OldPool != nil }},
	{OldClient, "the old pool's app client", "cognito-idp:DescribeUserPoolClient", "AppClientId", func(s Snapshot) bool { return s.OldClient != nil }},
	{NewPool, "the new pool", "cognito-idp:DescribeUserPool", "NewUserPoolId", func(s Snapshot) bool { return s.NewPool != nil }},
	{NewMFA, "the new pool's MFA", "cognito-idp:GetUserPoolMfaConfig", "NewUserPoolId", func(s Snapshot) bool { return s.NewMFA != nil }},
	{NewClients, "the new pool's app clients", "cognito-idp:ListUserPoolClients and cognito-idp:DescribeUserPoolClient", "NewUserPoolId", func(s Snapshot) bool { return s.NewClients != nil }},
	{FunctionPolicy, "the trigger function's policy", "lambda:GetPolicy", "the function", func(s Snapshot) bool { return s.Policy != nil }},
	{Variables, "the trigger function's variables", "lambda:GetFunctionConfiguration", "the function", func(s Snapshot) bool { return s.Variables != nil }},
	{OldGroups, "the old pool's groups", "cognito-idp:ListGroups", "UserPoolId", func(s Snapshot) bool { return s.OldGroups != nil }},
	{NewGroups, "the new pool's groups", "cognito-idp:ListGroups", "NewUserPoolId", func(s Snapshot) bool { return s.NewGroups != nil }},
}

// Check judges a snapshot. What could not be looked at is a finding too, so that nothing looks right because it was not seen.
func Check(s Snapshot) Report {
	var seen Part
	for _, p := range parts {
		if p.seen(s) {
			seen |= p.part
		}
	}
	if s.settings, s.mistake = ParseSettings(s.Variables); s.mistake == nil && s.Variables != nil {
		seen |= settings
	}
	report := Report{Verdict: OK, Findings: []Issue{}}
	for _, r := range rules {
		if r.needs&^seen != 0 {
			continue
		}
		details := r.check(s)
		if len(details) == 0 {
			continue
		}
		if r.severity == Error || r.id == notChecked {
			report.Verdict = Problems
		}
		report.Findings = append(report.Findings, Issue{
			ID: r.id, Severity: r.severity, What: r.what + ": " + strings.Join(details, ", "), Why: r.why, Mend: r.mend, Docs: r.docs,
		})
	}
	slices.SortStableFunc(report.Findings, func(a, b Issue) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
	return report
}

const notChecked = "not_checked"

// unseen lists the parts that nobody could look at, and why.
func unseen(s Snapshot) []string {
	var details []string
	for _, p := range parts {
		if !p.seen(s) && !isNotFound(s.Errors[p.part]) {
			details = append(details, p.of+" ("+p.actions+": "+cause(s.Errors[p.part])+")")
		}
	}
	return details
}

// unknown lists the parts that do not exist.
func unknown(s Snapshot) []string {
	var details []string
	for _, p := range parts {
		if !p.seen(s) && isNotFound(s.Errors[p.part]) {
			details = append(details, p.of+" ("+p.names+")")
		}
	}
	return details
}

func isNotFound(err error) bool { return cause(err) == "ResourceNotFoundException" }

// cause names an error by its code alone: AWS's messages name roles and accounts.
func cause(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "not asked"
	case errors.As(err, &api):
		return api.ErrorCode()
	default:
		return "no answer"
	}
}
