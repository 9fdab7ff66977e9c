package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// What IAM must refuse is refused only if it says so, by the policy that should. Everything else is a failure at AWS, and what an emulator
// can't stand elsewhere.
func TestWhatCountsAsRefused(t *testing.T) {
	denied := func(why string) error {
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: x is not authorized to perform: dynamodb:UpdateItem " + why}
	}
	for name, tt := range map[string]struct {
		err     error
		refused bool
	}{
		"by the table's policy":   {denied("with an explicit deny in a resource-based policy"), true},
		"by nobody's permission":  {denied("because no identity-based policy allows it"), false}, // says nothing about the table's policy
		"served":                  {nil, false},
		"stopped by a condition":  {&dynamodbtypes.ConditionalCheckFailedException{}, false},
		"stopped by the network":  {errors.New("no route"), false},
		"stopped by a wrong name": {&dynamodbtypes.ResourceNotFoundException{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, atAWS := (&smoke{}).refused(tt.err, "explicit deny")
			if (atAWS == nil) != tt.refused {
				t.Errorf("at AWS: %v", atAWS)
			}
			var lacking unavailable
			if _, elsewhere := (&smoke{local: true}).refused(tt.err, "explicit deny"); (elsewhere == nil) != tt.refused || elsewhere != nil && !errors.As(elsewhere, &lacking) {
				t.Errorf("elsewhere: %v", elsewhere)
			}
			if errors.As(atAWS, &lacking) {
				t.Error("at AWS nothing is unavailable")
			}
		})
	}
}

// Only what has a trial's tag is a trial's; a stack that is a change set and no more has no tags.
func TestWhichStacksAreATrials(t *testing.T) {
	tagged := []types.Tag{{Key: ptr("team"), Value: ptr("a")}, {Key: ptr(smokeTag), Value: ptr("migration-smoke-1")}}
	for name, tt := range map[string]struct {
		stack types.Stack
		want  string
	}{
		"the tag":                  {types.Stack{StackName: ptr("x"), Tags: tagged, StackStatus: types.StackStatusCreateComplete}, "migration-smoke-1"},
		"a name alone":             {types.Stack{StackName: ptr("migration-smoke-1"), StackStatus: types.StackStatusCreateComplete}, ""},
		"a change set alone":       {types.Stack{StackName: ptr("migration-smoke-1"), StackStatus: types.StackStatusReviewInProgress}, "migration-smoke-1"},
		"another's change set":     {types.Stack{StackName: ptr("production"), StackStatus: types.StackStatusReviewInProgress}, ""},
		"another's tags":           {types.Stack{StackName: ptr("production"), Tags: tagged[:1]}, ""},
		"a stack that is not done": {types.Stack{StackName: ptr("x"), Tags: tagged, StackStatus: types.StackStatusRollbackInProgress}, "migration-smoke-1"},
	} {
		if got := trialOf(tt.stack); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// What a trial takes for another function's right is so in the template.
func TestWhoseRightsATrialKnows(t *testing.T) {
	template, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string][]string{}
	for _, part := range regexp.MustCompile(`(?m)^  \w+:\n`).FindAllIndex(template, -1) {
		id := strings.Trim(string(template[part[0]:part[1]]), " :\n")
		body := string(template[part[1]:])
		if end := regexp.MustCompile(`(?m)^  \w+:\n`).FindStringIndex(body); end != nil {
			body = body[:end[0]]
		}
		for action := range owned() {
			if strings.HasSuffix(id, "Role") && strings.Contains(body, action) {
				owners[action] = append(owners[action], id)
			}
		}
		for _, action := range slices.Concat(nobodysOnTable, nobodysOnPool) {
			if strings.HasSuffix(id, "Role") && strings.HasPrefix(action, "cognito-idp:") && strings.Contains(body, action) {
				t.Errorf("%s has the right to %s", id, action)
			}
		}
	}
	for action, want := range owned() {
		if !slices.Equal(owners[action], want) {
			t.Errorf("%s is the right of %v, want %v", action, owners[action], want)
		}
	}
}

// owned is both maps of owners.
func owned() map[string][]string {
	all := map[string][]string{}
	for _, owners := range []map[string][]string{ownersOnTable, ownersOnPool} {
		for action, roles := range owners {
			all[action] = roles
		}
	}
	return all
}

// A row says what was seen, and whether it counts; what was not tried because the run was interrupted is no row.
func TestVerdictsOfATrial(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		open   bool
		want   string
		failed bool
	}{
		"so":                       {nil, false, "yes", false},
		"not so":                   {errors.New("boom"), false, "FAILED", true},
		"can't be so here":         {fmt.Errorf("it: %w", unavailable{"no alarms"}), false, "not available here", false},
		"an open fact":             {nil, true, "observed", false},
		"an open fact, not seen":   {errors.New("boom"), true, "not observed", false},
		"an open fact, not served": {unavailable{"no"}, true, "not available here", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := &smoke{out: &output{stdout: t.Output(), stderr: t.Output()}}
			look := func(context.Context) (string, error) { return "seen", tt.err }
			if tt.open {
				m.observe(t.Context(), "it", "so", look)
			} else {
				m.promise(t.Context(), "it", "so", look)
			}
			if m.rows[0][0] != tt.want || m.failed != tt.failed {
				t.Errorf("%v, failed %t", m.rows, m.failed)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if m.promise(ctx, "it", "so", look); len(m.rows) != 1 {
				t.Error("a row of what was not tried")
			}
		})
	}
}

// Without a release there is nothing to try, and nothing is made.
func TestATrialNeedsARelease(t *testing.T) {
	startFake(t, nil)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/aws", []byte("#!/bin/sh\necho 123456789012\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	_, stderr, code := tool(t, "smoke", "--yes", "--release="+dir)
	if code != 2 || !strings.Contains(stderr, "holds no release: run make package") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, stderr, code = tool(t, "smoke"); code != 2 || !strings.Contains(stderr, "there is no terminal to ask on") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
