package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
)

var environ = []string{
	"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
	"USER_POOL_ID=eu-central-1_oLdP00l01", "APP_CLIENT_ID=1old", "AUDIT_TABLE=audit", "PROGRESS_TABLE=progress",
	"NEW_USER_POOL_ID=eu-west-1_nEwP00l02", "MIGRATE_FUNCTION=stack-MigrateFunction-1",
}

// Each pool is asked in its own Region, and the function in the stack's.
func TestPreflightAsksEveryRegion(t *testing.T) {
	scope := regexp.MustCompile(`/([a-z]+-[a-z]+-\d)/([a-z-]+)/aws4_request`)
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		asked = append(asked, strings.Join(append(scope.FindStringSubmatch(r.Header.Get("Authorization"))[1:], action), " "))
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	handle, err := run(t.Context(), append(slices.Clone(environ), "AWS_ENDPOINT_URL="+server.URL))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := handle(t.Context(), json.RawMessage(`{"view":"preflight"}`))
	if err != nil {
		t.Fatal(err)
	}
	if report := answer.(preflight.Report); report.Verdict != preflight.Problems || len(report.Findings) != 1 {
		t.Errorf("%+v, want one finding: that nothing could be looked at", report)
	}
	slices.Sort(asked)
	want := []string{
		"eu-central-1 cognito-idp DescribeUserPool", "eu-central-1 cognito-idp DescribeUserPoolClient",
		"eu-west-1 cognito-idp DescribeUserPool", "eu-west-1 cognito-idp GetUserPoolMfaConfig", "eu-west-1 cognito-idp ListUserPoolClients",
		"eu-west-1 lambda ", "eu-west-1 lambda ",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// A secret of the old pool's app client is a mistake unless the trigger knows of it.
func TestPreflightKnowsOfTheSecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeUserPoolClient") {
			_, _ = w.Write([]byte(`{"UserPoolClient":{"ClientId":"1old","ClientSecret":"canary"}}`))
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	for choice, want := range map[string]bool{"no": true, "yes": false} {
		handle, err := run(t.Context(), append(slices.Clone(environ), "AWS_ENDPOINT_URL="+server.URL, "APP_CLIENT_HAS_SECRET="+choice))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := handle(t.Context(), json.RawMessage(`{"view":"preflight"}`))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if found := strings.Contains(string(text), `"old_client_secret"`); found != want || strings.Contains(string(text), "canary") {
			t.Errorf("%s: found: %t, want %t: %s", choice, found, want, text)
		}
	}
}

func TestPreflightNeedsItsVariables(t *testing.T) {
	handle, err := run(t.Context(), environ[:7])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handle(t.Context(), json.RawMessage(`{"view":"preflight"}`)); err == nil || !strings.Contains(err.Error(), "NEW_USER_POOL_ID") {
		t.Errorf("%v does not name the variable", err)
	}
}

func TestUnknownViewNamesWhatIsAllowed(t *testing.T) {
	handle, err := run(t.Context(), environ)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handle(t.Context(), json.RawMessage(`{"view":"preflght"}`)); err == nil || !strings.Contains(err.Error(), `{"view":"preflight"}`) {
		t.Errorf("%v does not name the view", err)
	}
}
