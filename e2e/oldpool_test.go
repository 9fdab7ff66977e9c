package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/sts"
)

const cognitoEndpoint = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"

// ownOldPool starts an old pool that only one test asks.
func ownOldPool(t *testing.T, config cognito.Config) *cognito.Pool {
	t.Helper()
	config.PoolID, config.ClientID = sandbox.OldPoolID, sandbox.OldClientID
	pool, err := cognito.Start(t.Context(), config, output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// before starts a proxy before an old pool.
func before(t *testing.T, pool *cognito.Pool) *fault.Proxy {
	t.Helper()
	proxy, err := fault.Start(pool.Endpoint(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return proxy
}

func put(t *testing.T, pool *cognito.Pool, users ...cognito.User) {
	t.Helper()
	if err := pool.Put(t.Context(), users...); err != nil {
		t.Fatal(err)
	}
}

// tried signs a user in, and returns the outcome and reason of the log line.
func tried(t *testing.T, stack *sandbox.Stack, u cognito.User) string {
	t.Helper()
	_, _ = invoke(t, stack, event(migration.SignIn, u.Username, u.Password))
	line := lastLine(t, stack.Logs("migrate"))
	return strings.TrimSuffix(line.Outcome+" "+line.Reason, " none")
}

// A connection that the old pool closed while the function was frozen costs nobody a sign-in.
func TestConnectionsClosedWhileFrozen(t *testing.T) {
	t.Parallel()
	proxy := before(t, local.Old)
	const closedAfter, environments = 4 * time.Second, 10
	if err := proxy.CloseIdle(closedAfter); err != nil {
		t.Fatal(err)
	}
	stack := deploy(t, map[string]string{cognitoEndpoint: proxy.Endpoint()})
	for round := range 2 {
		if round == 1 {
			<-time.After(closedAfter + 500*time.Millisecond)
		}
		// The answers are held back, so that each sign-in has an environment of its own.
		proxy.Set(fault.Rule{Kind: fault.Delay, Probability: 1, Delay: 500 * time.Millisecond})
		var group errgroup.Group
		for range environments {
			u := newUser(t, nil)
			payload, err := json.Marshal(event(migration.SignIn, u.Username, u.Password))
			if err != nil {
				t.Fatal(err)
			}
			group.Go(func() error {
				_, err := stack.Invoke(t.Context(), "migrate", payload)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Errorf("round %d: %v", round+1, err)
		}
	}
}

// A throttled sign-in asks at most once more: the old pool's app shares the quota.
func TestThrottledSignInsAskOnceMore(t *testing.T) {
	t.Parallel()
	proxy := before(t, local.Old)
	stack := deploy(t, map[string]string{cognitoEndpoint: proxy.Endpoint()})
	proxy.Set(throws("AdminGetUser", "TooManyRequestsException"))
	const signIns = 20
	var group errgroup.Group
	for range signIns {
		u := newUser(t, nil)
		payload, err := json.Marshal(event(migration.SignIn, u.Username, u.Password))
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() error {
			if _, err := stack.Invoke(t.Context(), "migrate", payload); err == nil {
				t.Error("a sign-in without AdminGetUser")
			}
			return nil
		})
	}
	_ = group.Wait()
	calls := 0
	for _, n := range proxy.Counts() {
		calls += n
	}
	if calls < signIns || calls > 2*signIns {
		t.Errorf("%d sign-ins asked AdminGetUser %d times, want at most %d", signIns, calls, 2*signIns)
	}
}

// The texts by which Cognito tells refusals apart, and the reasons that the function gives.
func TestTextsOfRefusals(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	for text, want := range map[string]string{
		"Unable to login because of security reasons.":                          "rejected threat_protection",
		"Temporary password has expired and must be reset by an administrator.": "rejected temporary_password_expired",
		"User is disabled.": "rejected disabled",
		"Client 1example23456789 is configured with secret but SECRET_HASH was not received": "failed misconfigured",
		"Something that nobody has heard of yet.":                                            "rejected wrong_password",
	} {
		u := newUser(t, func(u *cognito.User) { u.SignInError = text })
		if got := tried(t, stack, u); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		stream, err := store(stack).Stream(t.Context(), u.Sub)
		if err != nil || len(stream) != 1 {
			t.Fatalf("%s: %d events, %v", text, len(stream), err)
		}
		blocked := migration.Fold(stream).Status == migration.StatusBlocked
		if should := strings.HasPrefix(want, "rejected") && !strings.HasSuffix(want, "wrong_password"); blocked != should {
			t.Errorf("%s: blocked: %t, want %t", text, blocked, should)
		}
	}
}

// An old pool whose app client has a secret: it is read, sent as a hash, and a rotation costs nobody a sign-in.
func TestClientSecret(t *testing.T) {
	t.Parallel()
	pool := ownOldPool(t, cognito.Config{ClientSecrets: []string{"secret-number-one"}, AliasAttributes: []string{"email"}})
	proxy := before(t, pool)
	env := map[string]string{cognitoEndpoint: proxy.Endpoint(), "APP_CLIENT_HAS_SECRET": "yes"}
	user := func() cognito.User {
		name := unique("secretive")
		u := cognito.User{
			Username: name, Password: "Right-password-1",
			Attributes: map[string]string{"email": name + "@example.com", "email_verified": "true"},
		}
		put(t, pool, u)
		return u
	}
	check := func(what string, stack *sandbox.Stack, u cognito.User, want string) {
		t.Helper()
		if got := tried(t, stack, u); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	stack := deploy(t, env)
	check("with the secret", stack, user(), "migrated")
	byAlias := user()
	byAlias.Username = byAlias.Attributes["email"]
	check("the hash is over the name that was typed", stack, byAlias, "migrated")
	wrong := user()
	wrong.Password = "wrong"
	check("a wrong password", stack, wrong, "rejected wrong_password")
	rotate(t, pool, stack, user)

	without := deploy(t, map[string]string{cognitoEndpoint: proxy.Endpoint()})
	check("without the parameter", without, user(), "failed misconfigured")

	proxy.Set(throws("DescribeUserPoolClient", "TooManyRequestsException"))
	busy := deploy(t, env)
	check("the secret can't be read at start, nor at the sign-in", busy, user(), "failed throttled")
	proxy.Set()
	check("it can be read later", busy, user(), "migrated")

	for _, s := range []*sandbox.Stack{stack, without, busy} {
		if log := s.Logs("migrate"); strings.Contains(log, "secret-number") {
			t.Errorf("the log holds the secret:\n%s", log)
		}
	}
}

// rotate changes the app client's secret, by way of two, in the middle of sign-ins, and holds that each of them migrates.
func rotate(t *testing.T, pool *cognito.Pool, stack *sandbox.Stack, user func() cognito.User) {
	t.Helper()
	var group errgroup.Group
	for range 4 {
		users := []cognito.User{user(), user(), user(), user(), user(), user(), user(), user(), user(), user()}
		group.Go(func() error {
			for _, u := range users {
				payload, err := json.Marshal(event(migration.SignIn, u.Username, u.Password))
				if err != nil {
					return err
				}
				raw, err := stack.Invoke(t.Context(), "migrate", payload)
				if err != nil {
					return err
				}
				if !strings.Contains(string(raw), u.Attributes["email"]) {
					t.Errorf("%s was refused: %s", u.Username, raw)
				}
			}
			return nil
		})
	}
	err := pool.SetClientSecrets(t.Context(), "secret-number-one", "secret-number-two")
	if err := errors.Join(err, pool.SetClientSecrets(t.Context(), "secret-number-two"), group.Wait()); err != nil {
		t.Fatal(err)
	}
	if got := tried(t, stack, user()); got != "migrated" {
		t.Errorf("after the rotation: %s, want migrated", got)
	}
}

const oldRole = "arn:aws:iam::210987654321:role/old-pool"

// otherAccount is an STS, and an endpoint of the old pool that takes nobody's credentials but those that STS gave out.
func otherAccount(t *testing.T) (*sts.Server, map[string]string) {
	t.Helper()
	server, err := sts.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Trust(oldRole, "agreed")
	target, err := url.Parse(local.Old.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`Credential=(\w+)/`)
	proxy := httputil.NewSingleHostReverseProxy(target)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if signed := key.FindStringSubmatch(r.Header.Get("Authorization")); signed == nil || !server.Good(signed[1]) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(endpoint.Close)
	return server, map[string]string{
		cognitoEndpoint: endpoint.URL, "AWS_ENDPOINT_URL_STS": server.Endpoint(),
		"OLD_POOL_ROLE_ARN": oldRole, "OLD_POOL_EXTERNAL_ID": "agreed",
	}
}

// An old pool in another account is asked as a role of that account. Credentials last for many sign-ins.
func TestOldPoolInAnotherAccount(t *testing.T) {
	t.Parallel()
	server, env := otherAccount(t)
	stack := deploy(t, env)
	for range 3 {
		if got := tried(t, stack, newUser(t, nil)); got != "migrated" {
			t.Errorf("%s, want migrated", got)
		}
	}
	if n := server.Issued(); n != 1 {
		t.Errorf("three sign-ins took %d credentials, want 1", n)
	}
	u := newUser(t, nil)
	h := query[struct{ Summary string }](t, stack, "inspect", `{"view":"user","username":"`+u.Username+`"}`)
	if !strings.HasPrefix(h.Summary, "Not seen") {
		t.Errorf("inspect: %q", h.Summary)
	}
}

// Credentials are renewed before they end, and what STS refuses is a mistake in the configuration.
func TestCredentialsOfTheOldPoolsRole(t *testing.T) {
	t.Parallel()
	server, env := otherAccount(t)
	server.SetLifetime(4 * time.Minute) // it is time to renew them
	stack := deploy(t, env)
	for range 3 {
		if got := tried(t, stack, newUser(t, nil)); got != "migrated" {
			t.Errorf("%s, want migrated", got)
		}
	}
	if n := server.Issued(); n < 3 {
		t.Errorf("%d credentials, want new ones for each sign-in", n)
	}
	server.Distrust(oldRole)
	if got := tried(t, stack, newUser(t, nil)); got != "failed misconfigured" {
		t.Errorf("no longer trusted: %s, want failed misconfigured", got)
	}
	env["OLD_POOL_EXTERNAL_ID"] = "guessed"
	server.Trust(oldRole, "agreed")
	if got := tried(t, deploy(t, env), newUser(t, nil)); got != "failed misconfigured" {
		t.Errorf("with another external id: %s, want failed misconfigured", got)
	}
}

// What the app sends along reaches the old pool's triggers if the operator wants that, and nothing else ever.
func TestForwardedMetadata(t *testing.T) {
	t.Parallel()
	var told atomic.Pointer[map[string]string]
	trigger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Request struct{ ValidationData map[string]string }
		}
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &e)
		told.Store(&e.Request.ValidationData)
		_, _ = w.Write(raw)
	}))
	t.Cleanup(trigger.Close)
	pool := ownOldPool(t, cognito.Config{PreAuthentication: &cognito.Trigger{Endpoint: trigger.URL, Function: "pre-authentication"}})
	const canary = "canary-of-the-metadata"
	for name, tt := range map[string]struct {
		forward string
		request map[string]any
		want    map[string]string
	}{
		"not by default": {"no", map[string]any{"validationData": map[string]any{"device": canary}}, nil},
		"both": {"yes", map[string]any{
			"validationData": map[string]any{"device": canary, "number": 1, "none": nil}, "clientMetadata": map[string]any{"other": "text"},
		}, map[string]string{"device": canary, "other": "text"}},
		"client metadata":   {"yes", map[string]any{"validationData": nil, "clientMetadata": map[string]any{"device": canary}}, map[string]string{"device": canary}},
		"none":              {"yes", nil, nil},
		"what is no object": {"yes", map[string]any{"validationData": canary}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			stack := deploy(t, map[string]string{cognitoEndpoint: pool.Endpoint(), "FORWARD_METADATA": tt.forward})
			u := cognito.User{Username: unique("told"), Password: "Right-password-1", Sub: unique("sub")}
			put(t, pool, u)
			e := event(migration.SignIn, u.Username, u.Password)
			maps.Copy(e["request"].(map[string]any), tt.request)
			answer, failure := invoke(t, stack, e)
			if failure != "" {
				t.Fatal(failure)
			}
			got := *told.Load()
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the old pool's trigger was told (-want +got):\n%s", diff)
			}
			everywhere, err := json.Marshal([]any{answer, stack.Logs("migrate"), verify(t, stack, u)})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(everywhere), canary) {
				t.Errorf("the metadata is in the answer, the log or the record: %s", everywhere)
			}
		})
	}
}
