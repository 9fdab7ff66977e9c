package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// oneCognito is the endpoint of a Cognito that has several pools, each by its id, and how often which operation was called of which.
func oneCognito(t *testing.T, pools map[string]*cognito.Pool) (endpoint string, called func() map[string]int) {
	t.Helper()
	var mu sync.Mutex
	calls := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var about struct{ UserPoolId string }
		_ = json.Unmarshal(body, &about)
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		mu.Lock()
		calls[operation+" "+about.UserPoolId]++
		mu.Unlock()
		target, _ := url.Parse(pools[about.UserPoolId].Endpoint())
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(calls)
	}
}

// A survey of the old pool's users counts what would go wrong with each, and names nobody unasked.
func TestToolSurveysUsers(t *testing.T) {
	t.Parallel()
	const oldID, newID = "eu-west-1_surveyOld", "eu-west-1_surveyNew"
	pools := map[string]*cognito.Pool{
		oldID: startPool(t, cognito.Config{
			PoolID: oldID, ClientID: sandbox.OldClientID, SchemaAttributes: []types.SchemaAttributeType{{Name: aws.String("custom:legacy")}},
		}),
		newID: startPool(t, cognito.Config{
			PoolID: newID, ClientID: sandbox.NewClientID, AliasAttributes: []string{"email"},
			UsernameConfiguration: &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)},
			SchemaAttributes: []types.SchemaAttributeType{
				{Name: aws.String("family_name"), Required: aws.Bool(true)}, {Name: aws.String("custom:old_sub"), Mutable: aws.Bool(false)},
			},
		}),
	}
	if t.Failed() {
		t.FailNow()
	}
	var users []cognito.User
	user := func(name string, attributes map[string]string) {
		attributes["family_name"], attributes["custom:legacy"] = "Lovelace", "x"
		users = append(users, cognito.User{Username: name, Attributes: attributes})
	}
	address := func(email, verified string) map[string]string {
		return map[string]string{"email": email, "email_verified": verified}
	}
	for i := range 65 { // more than a page
		user(fmt.Sprintf("user%d", i), address(fmt.Sprintf("user%d@example.org", i), "true"))
	}
	user("Capital", address("capital@example.org", "true"))
	user("twin", address("twin@example.org", "true"))
	user("Twin", address("twin@example.org", "true"))
	user("pat@example.org", address("pat@example.org", "true"))
	user("sam@example.org", address("sam@example.org", "false"))
	user("quiet", address("quiet@example.org", "false"))
	user("nameless", map[string]string{})
	delete(users[len(users)-1].Attributes, "family_name")
	user("gone", map[string]string{})
	users[len(users)-1].Disabled = true
	if err := pools[oldID].Put(t.Context(), users...); err != nil {
		t.Fatal(err)
	}
	stack := deploy(t, map[string]string{
		"USER_POOL_ID": oldID, "NEW_USER_POOL_ID": newID, "TYPED_NAME": "typed", "NEW_POOL": "", "ATTRIBUTES": "custom:old_sub=sub,-custom:legacy",
	})
	endpoint, called := oneCognito(t, pools)
	env := []string{"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=" + endpoint}
	stdout, stderr, code := toolIn(t, stack, env, "preflight", "--users", "--json")
	var answer struct {
		Users int
		Kinds []struct {
			ID, Detail string
			Users      int
		}
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || code != 0 || answer.Users != len(users) {
		t.Fatalf("%v, exit code %d, %d users of %d: %s%s", err, code, answer.Users, len(users), stdout, stderr)
	}
	got := map[string]int{}
	for _, k := range answer.Kinds {
		got[strings.TrimSpace(k.ID+" "+k.Detail)] = k.Users
	}
	want := map[string]int{
		"capitals": 2, "case_twin": 1, "username_like_alias email": 2, "unverified_alias email": 1, "shared_verified_address email": 1,
		"refused alias_unverified email_verified": 1, "refused attribute_rejected family_name": 1, "refused disabled": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	wantCalls := map[string]int{"DescribeUserPool " + oldID: 1, "DescribeUserPool " + newID: 1, "ListUsers " + oldID: 2}
	if diff := cmp.Diff(wantCalls, called()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for _, u := range users {
		if strings.Contains(stdout+stderr, u.Username) && u.Username != "twin" {
			t.Errorf("%s is named in %s%s", u.Username, stdout, stderr)
		}
	}
	stdout, stderr, code = toolIn(t, stack, env, "preflight", "--users", "--show=1")
	if code != 0 || !strings.Contains(stdout, "    nameless\n") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
