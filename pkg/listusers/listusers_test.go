package listusers_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/listusers"
)

// pool answers every call, and keeps what it was asked.
func pool(t *testing.T, answer func(w http.ResponseWriter, n int)) (client *cognito.Client, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		n := len(bodies)
		mu.Unlock()
		answer(w, n)
	}))
	t.Cleanup(server.Close)
	client = cognito.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	return client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return bodies
	}
}

func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(http.StatusBadRequest)
}

// However many list at once, they ask no more often than the limiter lets them.
func TestTheLimiterIsShared(t *testing.T) {
	client, asked := pool(t, func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, `{"Users":[]}`) })
	const perSecond, calls = 100, 40
	limiter := rate.NewLimiter(perSecond, 1)
	began := time.Now()
	var group errgroup.Group
	for range calls {
		group.Go(func() error {
			_, _, err := listusers.Listing{Client: client, Limiter: limiter, PoolID: "eu-west-1_oLdP00l01"}.List(t.Context(), "", "")
			return err
		})
	}
	if err := group.Wait(); err != nil || len(asked()) != calls {
		t.Errorf("%v, %d calls", err, len(asked()))
	}
	if took, least := time.Since(began), (calls-1)*time.Second/perSecond; took < least {
		t.Errorf("%d calls in %s, want at least %s", calls, took, least)
	}
}

// Another try of a call waits for the limiter as well: here it lets none within the time that there is.
func TestEachTryWaits(t *testing.T) {
	client, asked := pool(t, func(w http.ResponseWriter, _ int) { refuse(w, "TooManyRequestsException") })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, _, err := listusers.Listing{Client: client, Limiter: rate.NewLimiter(rate.Every(time.Hour), 1), PoolID: "eu-west-1_oLdP00l01"}.List(ctx, "", "")
	if err == nil || len(asked()) != 1 {
		t.Errorf("%v after %d tries", err, len(asked()))
	}
}

func TestWhatIsAsked(t *testing.T) {
	client, asked := pool(t, func(w http.ResponseWriter, _ int) {
		_, _ = io.WriteString(w, `{"Users":[{"Username":"ada","Enabled":true,"UserStatus":"CONFIRMED","UserLastModifiedDate":1784000000,
			"Attributes":[{"Name":"sub","Value":"s-1"}]}],"PaginationToken":"next"}`)
	})
	accounts, next, err := listusers.Listing{Client: client, Limiter: rate.NewLimiter(1, 1), PoolID: "eu-west-1_oLdP00l01", Attributes: []string{"sub"}}.List(
		t.Context(), `a"\`, "token",
	)
	if err != nil || next != "next" || len(accounts) != 1 || accounts[0].Sub != "s-1" || !accounts[0].Enabled || accounts[0].Modified.Unix() != 1784000000 {
		t.Errorf("%+v, %q, %v", accounts, next, err)
	}
	for _, want := range []string{`"Filter":"sub ^= \"a\\\"\\\\\""`, `"Limit":60`, `"PaginationToken":"token"`, `"AttributesToGet":["sub"]`} {
		if !strings.Contains(asked()[0], want) {
			t.Errorf("%s is not in %s", want, asked()[0])
		}
	}
}

func TestTokensThatExpired(t *testing.T) {
	client, _ := pool(t, func(w http.ResponseWriter, _ int) { refuse(w, "InvalidParameterException") })
	for token, want := range map[string]bool{"old": true, "": false} {
		_, _, err := listusers.Listing{Client: client, Limiter: rate.NewLimiter(1, 1), PoolID: "eu-west-1_oLdP00l01"}.List(t.Context(), "", token)
		var invalid *listusers.InvalidTokenError
		if got := errors.As(err, &invalid); err == nil || got != want {
			t.Errorf("token %q: %v", token, err)
		}
	}
}
