package oldpool

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

var names = Config{UserPoolID: "eu-west-1_aB3dE5gH7", AppClientID: "1example23456789"}

const (
	ada    = `{"Username":"ada","Enabled":true,"UserStatus":"CONFIRMED","UserAttributes":[{"Name":"sub","Value":"0f6bd1c2"}]}`
	tokens = `{"AuthenticationResult":{"IdToken":"token"},"ChallengeParameters":{}}`
)

// cognitoServer answers Cognito's operations.
func cognitoServer(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, operation string)) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		handle(w, r, operation)
	}))
	t.Cleanup(server.Close)
	return server
}

func poolAt(endpoint string, config Config, try time.Duration) *Pool {
	signed := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})
	return New(Connect(context.Background(), aws.Config{Credentials: signed, BaseEndpoint: &endpoint}, config), config, try)
}

func succeed(w http.ResponseWriter, operation string) {
	answer := map[string]string{"AdminGetUser": ada, "AdminInitiateAuth": tokens}[operation]
	_, _ = io.WriteString(w, answer)
}

func throttle(w http.ResponseWriter) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"__type":"TooManyRequestsException","message":"Rate exceeded"}`)
}

// A sign-in does not meet a connection that has been idle for long: the other side may have closed it while the process was
// frozen, and did not get to say so.
func TestIdleConnectionsAreNotTrusted(t *testing.T) {
	t.Parallel()
	var opened sync.Map // when, by the client's address
	server := cognitoServer(t, func(w http.ResponseWriter, r *http.Request, operation string) {
		if at, _ := opened.Load(r.RemoteAddr); time.Since(at.(time.Time)) > maxIdle {
			panic(http.ErrAbortHandler) // as if it had been closed
		}
		<-time.After(30 * time.Millisecond) // so that each of the two calls takes a connection of its own
		succeed(w, operation)
	})
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Store(conn.RemoteAddr().String(), time.Now())
		}
	}
	server.Start()
	p := poolAt(server.URL, names, time.Second)
	for i := range 2 {
		if i > 0 {
			<-time.After(maxIdle + 100*time.Millisecond)
		}
		if answer := p.SignIn(t.Context(), "ada", "password", nil); !answer.Authentication.Accepted {
			t.Errorf("sign-in %d: %+v", i+1, answer.Authentication)
		}
	}
}

// A request is sent over another connection if no byte of it went into the one that it met.
func TestNothingWrittenIsSentAgain(t *testing.T) {
	var sent atomic.Int32
	server := cognitoServer(t, func(w http.ResponseWriter, _ *http.Request, operation string) {
		if operation == "AdminInitiateAuth" {
			sent.Add(1)
		}
		succeed(w, operation)
	})
	server.Start()
	transport := connections()
	var broken atomic.Bool
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &unwritable{Conn: conn, broken: &broken}, err
	}
	client := newSender(transport, 0)
	for i := range 2 {
		broken.Store(i == 1)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, struct{ io.Reader }{strings.NewReader("{}")})
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = 2
		request.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminInitiateAuth")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	if n := sent.Load(); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
}

// unwritable is a connection that refuses to be used for a second request while the others are said to be broken.
type unwritable struct {
	net.Conn
	broken *atomic.Bool
	used   bool
}

func (c *unwritable) Write(b []byte) (int, error) {
	if c.used && c.broken.Load() {
		return 0, errors.New("broken pipe")
	}
	c.used = true
	return c.Conn.Write(b)
}

// The SDK closes a request's body when the answer begins. The rest of the answer is read all the same.
func TestAnAnswerIsReadThoughTheBodyIsClosed(t *testing.T) {
	server := cognitoServer(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		_ = http.NewResponseController(w).Flush() // the answer begins
		select {
		case <-r.Context().Done(): // the client has closed the connection
		case <-time.After(100 * time.Millisecond):
		}
		_, _ = io.WriteString(w, tokens)
	})
	server.Start()
	body := &sdkBody{Reader: strings.NewReader("{}"), closed: make(chan struct{})}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 2
	sender := newSender(connections(), 0)
	response, err := sender.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	_ = body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || string(answer) != tokens {
		t.Errorf("%q, %v", answer, err)
	}
}

// sdkBody behaves as the SDK's request bodies: read after it was closed, it fails.
type sdkBody struct {
	io.Reader
	closed chan struct{}
	once   sync.Once
}

func (b *sdkBody) WriteTo(io.Writer) (int64, error) {
	<-b.closed
	return 0, io.EOF
}

func (b *sdkBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// A throttled call is made once more, after a pause that leaves time for it; the old pool's app shares the quota.
func TestThrottling(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		throttled int32 // calls
		calls     int32
		reason    migration.Reason
	}{
		"once":       {1, 2, ""},
		"for longer": {1000, 2, migration.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := cognitoServer(t, func(w http.ResponseWriter, _ *http.Request, operation string) {
				if operation == "AdminGetUser" && calls.Add(1) <= tt.throttled {
					throttle(w)
					return
				}
				succeed(w, operation)
			})
			server.Start()
			const try = 400 * time.Millisecond
			answer := poolAt(server.URL, names, try).SignIn(t.Context(), "ada", "password", nil)
			if answer.AccountReason != tt.reason || calls.Load() != tt.calls {
				t.Errorf("%q after %d calls, want %q after %d", answer.AccountReason, calls.Load(), tt.reason, tt.calls)
			}
		})
	}
}

// No error makes a pause between tries longer than the budget allows.
func TestPauses(t *testing.T) {
	const try = 1500 * time.Millisecond
	throttled := &types.TooManyRequestsException{}
	for range 1000 {
		for tries := 1; tries < 5; tries++ {
			if d, err := patient(try).RetryDelay(tries, errors.New("broken")); err != nil || d > maxBackoff {
				t.Fatalf("after %d tries: %v, %v", tries, d, err)
			}
			if d, err := sendOnce().RetryDelay(tries, throttled); err != nil || d > maxBackoff {
				t.Fatalf("after %d tries: %v, %v", tries, d, err)
			}
		}
		if d, err := patient(try).RetryDelay(1, throttled); err != nil || d < try/4 || d > try/2 {
			t.Fatalf("when throttled: %v, %v", d, err)
		}
		if _, err := patient(try).RetryDelay(2, throttled); err == nil {
			t.Fatal("a second pause when throttled")
		}
	}
}

// Cognito tells many refusals apart only by the text of a NotAuthorizedException.
func TestTexts(t *testing.T) {
	for text, want := range map[string]migration.Reason{
		"Incorrect username or password.":                                                            migration.WrongPassword,
		"Password attempts exceeded":                                                                 migration.TooManyAttempts,
		"Unable to verify secret hash for client 1example23456789":                                   migration.Misconfigured,
		"Client 1example23456789 is configured with secret but SECRET_HASH was not received":         migration.Misconfigured,
		"Client 1example23456789 is configured for secret but secret was not received: secret hash.": migration.Misconfigured,
		"Unable to login because of security reasons.":                                               migration.ThreatProtection,
		"Temporary password has expired and must be reset by an administrator.":                      migration.TemporaryPasswordExpired,
		"User is disabled.":      migration.Disabled,
		"Something new.":         migration.WrongPassword,
		"USER IS DISABLED":       migration.Disabled,
		"":                       migration.WrongPassword,
		"Invalid session state.": migration.WrongPassword,
	} {
		t.Run(text, func(t *testing.T) {
			server := cognitoServer(t, func(w http.ResponseWriter, _ *http.Request, operation string) {
				if operation == "AdminInitiateAuth" {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, `{"__type":"NotAuthorizedException","message":"`+text+`"}`)
					return
				}
				succeed(w, operation)
			})
			server.Start()
			got := poolAt(server.URL, names, time.Second).SignIn(t.Context(), "ada", "password", nil).Authentication
			if got.Reason != want || got.Exception != "NotAuthorizedException" {
				t.Errorf("%+v, want %s", got, want)
			}
		})
	}
}
