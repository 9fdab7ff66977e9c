package preflight

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"
)

// cloud answers the calls of a preflight as AWS does, in the protocols of Cognito and Lambda.
type cloud struct {
	answers map[string]string // by action and what it is about: "DescribeUserPool eu-west-1_nEwP00l02"
	errors  map[string]string // the code to fail with instead, by action
	calls   []string
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call string
	if function, ok := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/"); ok {
		name, what, _ := strings.Cut(function, "/")
		call = map[string]string{"policy": "GetPolicy ", "configuration": "GetFunctionConfiguration "}[what] + name
	} else {
		var input struct{ UserPoolId, ClientId, NextToken string }
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &input); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		call = strings.TrimSpace(strings.Join([]string{action, input.UserPoolId, input.ClientId + input.NextToken}, " "))
	}
	c.calls = append(c.calls, call)
	action, _, _ := strings.Cut(call, " ")
	code, failed := c.errors[action]
	answer, known := c.answers[call]
	if !known && !failed {
		code, failed = "ResourceNotFoundException", true
	}
	if failed {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(http.StatusBadRequest)
		answer = fmt.Sprintf(`{"__type":%q,"message":"as told"}`, code)
	}
	_, _ = io.WriteString(w, answer)
}

func (c *cloud) look(t *testing.T, ctx context.Context) Snapshot {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	cfg := aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &server.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
	return Look(ctx, Targets{
		Old: cognito.NewFromConfig(cfg), OldPoolID: oldPoolID, OldClientID: "1old",
		New: cognito.NewFromConfig(cfg), NewPoolID: newPoolID,
		Lambda: lambda.NewFromConfig(cfg), Function: "stack-MigrateFunction-1", CarryGroups: true,
	})
}

func newCloud() *cloud {
	policy, _ := json.Marshal(`{"Statement":[` + statement(newPoolARN) + `]}`)
	newPool := func(trigger string) string {
		return fmt.Sprintf(`{"UserPool":{"Id":%q,"Arn":%q,"LambdaConfig":{"UserMigration":%q}}}`, newPoolID, newPoolARN, trigger)
	}
	return &cloud{errors: map[string]string{}, answers: map[string]string{
		"DescribeUserPool " + oldPoolID:                    fmt.Sprintf(`{"UserPool":{"Id":%q}}`, oldPoolID),
		"DescribeUserPoolClient " + oldPoolID + " 1old":    `{"UserPoolClient":{"ClientId":"1old"}}`,
		"DescribeUserPool " + newPoolID:                    newPool(functionArn),
		"GetUserPoolMfaConfig " + newPoolID:                `{"MfaConfiguration":"OFF"}`,
		"ListUserPoolClients " + newPoolID:                 `{"UserPoolClients":[{"ClientId":"1web"}],"NextToken":"more"}`,
		"ListUserPoolClients " + newPoolID + " more":       `{"UserPoolClients":[{"ClientId":"1mobile"}]}`,
		"DescribeUserPoolClient " + newPoolID + " 1web":    `{"UserPoolClient":{"ClientId":"1web"}}`,
		"DescribeUserPoolClient " + newPoolID + " 1mobile": `{"UserPoolClient":{"ClientId":"1mobile"}}`,
		"ListGroups " + oldPoolID:                          `{"Groups":[{"GroupName":"editors"}],"NextToken":"more"}`,
		"ListGroups " + oldPoolID + " more":                `{"Groups":[{"GroupName":"beta"}]}`,
		"ListGroups " + newPoolID:                          `{"Groups":[]}`,
		"GetPolicy " + functionArn:                         fmt.Sprintf(`{"Policy":%s}`, policy),
		"GetFunctionConfiguration " + functionArn:          `{"Environment":{"Variables":{"TYPED_NAME":"typed"}}}`,
		"GetFunctionConfiguration stack-MigrateFunction-1": `{"Environment":{"Variables":{"TYPED_NAME":"typed"}}}`, // if its ARN can't be known
	}}
}

func TestLookSeesEverything(t *testing.T) {
	s := newCloud().look(t, t.Context())
	if len(s.Errors) > 0 {
		t.Fatal(s.Errors)
	}
	got := []string{
		aws.ToString(s.OldPool.Id), aws.ToString(s.OldClient.ClientId), aws.ToString(s.NewPool.Id), string(s.NewMFA.MfaConfiguration),
		s.Policy.Statement[0].Sid, s.Variables["TYPED_NAME"], s.Function,
	}
	for _, c := range s.NewClients {
		got = append(got, aws.ToString(c.ClientId))
	}
	got = append(append(got, s.OldGroups...), s.NewGroups...)
	want := []string{oldPoolID, "1old", newPoolID, "OFF", "stack", "typed", "stack-MigrateFunction-1", "1web", "1mobile", "editors", "beta"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
}

// A call that is denied hides its part and no other.
func TestLookDenied(t *testing.T) {
	for action, want := range map[string]Part{
		"DescribeUserPool":       OldPool | NewPool,
		"DescribeUserPoolClient": OldClient | NewClients,
		"GetUserPoolMfaConfig":   NewMFA,
		"ListUserPoolClients":    NewClients,
		"GetPolicy":              FunctionPolicy,
		"ListGroups":             OldGroups | NewGroups,

		"GetFunctionConfiguration": Variables,
	} {
		t.Run(action, func(t *testing.T) {
			c := newCloud()
			c.errors[action] = "AccessDeniedException"
			s := c.look(t, t.Context())
			var unseen, failed Part
			for _, p := range parts {
				if !p.seen(s) {
					unseen |= p.part
				}
				if cause(s.Errors[p.part]) == "AccessDeniedException" {
					failed |= p.part
				}
			}
			if unseen != want || failed != want {
				t.Errorf("unseen %b, denied %b, want %b", unseen, failed, want)
			}
			if Check(s).Verdict != Problems {
				t.Error("a preflight that could not look is green")
			}
		})
	}
}

func TestLookForWhatIsNotThere(t *testing.T) {
	c := newCloud()
	delete(c.answers, "DescribeUserPool "+newPoolID)
	delete(c.answers, "GetPolicy "+functionArn)
	s := c.look(t, t.Context())
	if got := unknown(s); len(got) != 1 || !strings.Contains(got[0], "NewUserPoolId") {
		t.Errorf("missing is %q, want the new pool", got)
	}
	if s.Policy == nil || len(s.Policy.Statement) > 0 {
		t.Errorf("a function without a policy has %+v, want one that lets nobody in", s.Policy)
	}
}

// An alias has a policy of its own.
func TestLookAtTheAttachedAlias(t *testing.T) {
	c := newCloud()
	c.answers["DescribeUserPool "+newPoolID] = strings.Replace(c.answers["DescribeUserPool "+newPoolID], functionArn, functionArn+":live", 1)
	c.answers["GetPolicy "+functionArn+":live"] = c.answers["GetPolicy "+functionArn]
	delete(c.answers, "GetPolicy "+functionArn)
	if s := c.look(t, t.Context()); s.Policy == nil || len(s.Policy.Statement) == 0 {
		t.Errorf("the alias's policy was not read: %q", c.calls)
	}
}

func TestLookEndsInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newCloud().look(t, ctx)
	if got := Check(s); len(got.Findings) != 1 || got.Findings[0].ID != notChecked || strings.Count(got.Findings[0].What, "no answer") != len(parts) {
		t.Errorf("%+v", got)
	}
}

// Lambda says of variables that it can't decrypt why not.
func TestLookAtVariablesThatAreHidden(t *testing.T) {
	c := newCloud()
	c.answers["GetFunctionConfiguration "+functionArn] = `{"Environment":{"Error":{"ErrorCode":"AccessDeniedException","Message":"as told"}}}`
	if got := unseen(c.look(t, t.Context())); len(got) != 1 || !strings.Contains(got[0], "lambda:GetFunctionConfiguration: AccessDeniedException") {
		t.Errorf("unseen is %q", got)
	}
}

// A function may have no variables at all.
func TestLookAtNoVariables(t *testing.T) {
	c := newCloud()
	c.answers["GetFunctionConfiguration "+functionArn] = `{}`
	if s := c.look(t, t.Context()); s.Variables == nil {
		t.Error(s.Errors)
	}
}
