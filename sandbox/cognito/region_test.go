package cognito_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// A Region's endpoint leads to the pool that a request names, with the request as it is, and resets connections as the pool does.
func TestARegionLeadsToThePoolThatIsNamed(t *testing.T) {
	t.Parallel()
	pool := func(id string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "reset") {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusTeapot)
			_, _ = fmt.Fprint(w, id, " ", r.Header.Get("X-Amz-Target"), " ", string(body))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	region, err := cognito.StartRegion(map[string]string{"a": pool("a"), "b": pool("b")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(region.Close)
	for body, want := range map[string]string{
		`{"UserPoolId":"a"}`:                    `418 a X {"UserPoolId":"a"}`,
		`{"UserPoolId":"b"}`:                    `418 b X {"UserPoolId":"b"}`,
		`{"UserPoolId":"c"}`:                    `400 {"__type":"ResourceNotFoundException","message":"User pool does not exist."}`,
		`none`:                                  `400 {"__type":"ResourceNotFoundException","message":"User pool does not exist."}`,
		`{"UserPoolId":"a","Username":"reset"`:  `400 {"__type":"ResourceNotFoundException","message":"User pool does not exist."}`,
		`{"UserPoolId":"a","Username":"reset"}`: "no answer",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, region.Endpoint(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", "X")
		got := "no answer"
		if response, err := http.DefaultClient.Do(request); err == nil {
			text, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			got = fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(text)))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
