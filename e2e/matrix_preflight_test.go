package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// deployedFunction is what Lambda tells of the trigger function.
type deployedFunction map[string]string

func (d deployedFunction) GetFunctionConfiguration(
	context.Context, *awslambda.GetFunctionConfigurationInput, ...func(*awslambda.Options),
) (*awslambda.GetFunctionConfigurationOutput, error) {
	return &awslambda.GetFunctionConfigurationOutput{Environment: &lambdatypes.EnvironmentResponse{Variables: d}}, nil
}

func (deployedFunction) GetPolicy(
	context.Context, *awslambda.GetPolicyInput, ...func(*awslambda.Options),
) (*awslambda.GetPolicyOutput, error) {
	return &awslambda.GetPolicyOutput{Policy: aws.String(`{"Statement":[]}`)}, nil
}

var otherCase = [2]string{"case_split", "address or preferred username in another case"}

// announced says which finding announces a refusal, with a word that it has to say.
var announced = map[string][][2]string{
	"attribute_rejected, typed the username":                 {{"username_not_address"}, {"sign_in_unknown"}},
	"attribute_rejected, typed the username in another case": {{"username_not_address"}, {"sign_in_unknown"}},
	"attribute_rejected, typed the email address":            {{"sign_in_lost", "email"}, otherCase},
	"attribute_rejected, typed the phone number":             {{"sign_in_lost", "phone_number"}},
	"attribute_rejected, typed the preferred username":       {{"sign_in_lost", "preferred_username"}, otherCase},
	"attribute_rejected, typed the email in another case":    {{"sign_in_lost", "email"}, otherCase},
}

// alwaysRefused are the findings that say of users for certain that they are refused.
var alwaysRefused = []string{"sign_in_unknown", "sign_in_lost", "username_not_address", "case_not_told", "sign_in_withheld"}

// checkPreflight holds preflight to what became of two pools' cells: what was refused is announced, and nothing where all move.
func checkPreflight(t *testing.T, kind kindOfPool, old *cognito.Pool, oldID string, n *newPool, newID string, refused map[string]bool) {
	t.Helper()
	snapshot := preflight.Look(t.Context(), preflight.Targets{
		Old: cognitoidp.NewFromConfig(sandbox.Config(old.Endpoint())), OldPoolID: oldID, OldClientID: sandbox.NewClientID,
		New: cognitoidp.NewFromConfig(sandbox.Config(n.Endpoint())), NewPoolID: newID,
		Lambda: deployedFunction{"NEW_POOL": n.kind.described(), "TYPED_NAME": "typed"}, Function: "migrate",
	})
	findings := preflight.Check(snapshot).Findings
	found := func(id, word string) bool {
		return slices.ContainsFunc(findings, func(f preflight.Issue) bool {
			return f.ID == id && strings.Contains(f.What+f.Why, word)
		})
	}
	for cell := range refused {
		if kind.by != nil && strings.Contains(cell, "typed the username") {
			delete(refused, cell) // the old pool made it up: no user knows it
			continue
		}
		if !slices.ContainsFunc(announced[cell], func(a [2]string) bool { return found(a[0], a[1]) }) {
			t.Errorf("from %s to %s: preflight does not announce %s", kind.name, n.kind.name, cell)
		}
	}
	for _, f := range findings {
		if len(refused) == 0 && slices.Contains(alwaysRefused, f.ID) {
			t.Errorf("from %s to %s: preflight announces %s, and all move", kind.name, n.kind.name, f.ID)
		}
		if slices.Contains([]string{"not_checked", "not_found", "settings_wrong", "new_pool_unknown", "new_pool_changed"}, f.ID) {
			t.Errorf("from %s to %s: %s", kind.name, n.kind.name, f.What)
		}
	}
}
