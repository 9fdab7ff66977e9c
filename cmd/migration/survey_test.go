package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// startSurvey makes a fake of a stack whose old pool, in another Region, has some users and whose new pool signs in by email.
func startSurvey(t *testing.T, users ...string) *fakeAWS {
	t.Helper()
	fake := startFake(t, nil)
	fake.parameters = map[string]string{
		"UserPoolId": "eu-central-1_old", "NewUserPoolId": "eu-west-1_new", "Attributes": "-custom:legacy", "SecondFactor": "drop", "Region": "",
	}
	fake.cognito = func(operation string, input map[string]any) any {
		switch {
		case operation == "ListUsers":
			return page(input, users)
		case input["UserPoolId"] == "eu-west-1_new":
			return map[string]any{"UserPool": map[string]any{"Id": "eu-west-1_new", "UsernameAttributes": []string{"email"}}}
		default:
			return map[string]any{"UserPool": map[string]any{
				"Id": "eu-central-1_old", "AliasAttributes": []string{"email"}, "EstimatedNumberOfUsers": len(users),
			}}
		}
	}
	return fake
}

// page lists two users a page.
func page(input map[string]any, users []string) map[string]any {
	from := 0
	if token, ok := input["PaginationToken"].(string); ok {
		_, _ = fmt.Sscan(token, &from)
	}
	to := min(from+2, len(users))
	listed := []map[string]any{}
	for _, name := range users[from:to] {
		attributes := []map[string]string{{"Name": "sub", "Value": "sub-of-" + name}, {"Name": "custom:legacy", "Value": "x"}}
		if name != "homeless" {
			attributes = append(attributes, map[string]string{"Name": "email", "Value": name + "@example.org"},
				map[string]string{"Name": "email_verified", "Value": "true"})
		}
		listed = append(listed, map[string]any{"Username": name, "Enabled": name != "gone", "UserStatus": "CONFIRMED", "Attributes": attributes})
	}
	answer := map[string]any{"Users": listed}
	if to < len(users) {
		answer["PaginationToken"] = fmt.Sprint(to)
	}
	return answer
}

func TestSurveyOfUsers(t *testing.T) {
	for name, tt := range map[string]struct {
		args  []string
		users []string
	}{
		"survey":                  {nil, []string{"ada", "bob", "homeless", "gone", "eve"}},
		"survey that shows":       {[]string{"--show=1"}, []string{"ada", "bob", "homeless", "gone", "eve"}},
		"survey as JSON":          {[]string{"--json"}, []string{"ada", "gone"}},
		"survey of an empty pool": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startSurvey(t, tt.users...)
			stdout, stderr, code := tool(t, append([]string{"preflight", "--users", "--stack=live"}, tt.args...)...)
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			golden(t, stdout+stderr)
			// Each pool is asked in its own Region.
			if !slices.Contains(fake.regions, "eu-central-1") || !slices.Contains(fake.regions, "eu-west-1") {
				t.Errorf("asked in %v", fake.regions)
			}
		})
	}
}

// Nobody is named unless the operator asks for it.
func TestASurveyNamesNobodyUnasked(t *testing.T) {
	startSurvey(t, "ada", "homeless", "gone")
	for _, args := range [][]string{nil, {"--json"}} {
		stdout, stderr, _ := tool(t, append([]string{"preflight", "--users", "--stack=live"}, args...)...)
		if said := stdout + stderr; strings.Contains(said, "ada") || strings.Contains(said, "homeless") || strings.Contains(said, "gone") {
			t.Error(said)
		}
	}
}

func TestASurveyThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fakeAWS)
		says   string
	}{
		"may not describe the stack": {
			func(f *fakeAWS) {
				f.refuse = map[string][2]string{"DescribeStacks": {"AccessDenied", "is not authorized to perform: cloudformation:DescribeStacks"}}
			},
			"your credentials need the permission cloudformation:DescribeStacks",
		},
		"may not list users": {
			func(f *fakeAWS) {
				f.refuse = map[string][2]string{"ListUsers": {"AccessDeniedException", "is not authorized to perform: cognito-idp:ListUsers"}}
			},
			"your credentials need the permission cognito-idp:ListUsers",
		},
		"a pool is gone": {
			func(f *fakeAWS) {
				f.refuse = map[string][2]string{"DescribeUserPool": {"ResourceNotFoundException", "User pool does not exist."}}
			},
			"User pool does not exist.",
		},
		"the stack is another": {func(f *fakeAWS) { f.parameters = nil }, "has no parameter for USER_POOL_ID"},
		"a parameter is wrong": {func(f *fakeAWS) { f.parameters["Attributes"] = "x" }, "the stack's parameters are wrong: ATTRIBUTES: rule 1"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.change(startSurvey(t, "ada"))
			stdout, stderr, code := tool(t, "preflight", "--users", "--stack=live")
			if code != 1 || !strings.Contains(stderr, tt.says) || stdout != "" {
				t.Errorf("exit code %d; said %swant %s\n%s", code, stderr, tt.says, stdout)
			}
		})
	}
}
