package oldpool

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// maxIdle is how long an unused connection is trusted. Lambda freezes the process between invocations, and the other side may close a
// connection meanwhile. A request on a closed connection is lost, and AdminInitiateAuth must not be sent twice. Servers usually close
// idle connections after 5 s at the earliest. [http.Transport] compares the limit with the wall clock, which goes on while the process
// is frozen; the monotonic clock may not.
const maxIdle = 3 * time.Second

// connections returns a transport with the SDK's settings, except for maxIdle.
func connections() *http.Transport {
	t := awshttp.NewBuildableClient().GetTransport()
	t.IdleConnTimeout = maxIdle
	return t
}

// sender sends the SDK's requests, each within the timeout, if there is one. It follows no redirects.
type sender struct{ client http.Client }

func newSender(t *http.Transport, timeout time.Duration) sender {
	return sender{http.Client{
		Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do sends a request with its body in a form that net/http knows to be in memory. The SDK's own form loses an answer now and then: the
// SDK closes the body when the answer begins; net/http may not have read the body to its end by then, takes that for a failure, and
// closes the connection before the rest of the answer is read. The SDK's form is also sent apart from the headers. And net/http can
// read this form again: if it could write no byte of a request to an idle connection, it uses another one.
func (s sender) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		r.Body, _ = r.GetBody()
	}
	return s.client.Do(r)
}

// maxBackoff keeps the pauses between tries small against a budget of a few seconds. The SDK's own are up to 1 s after throttling.
const maxBackoff = 200 * time.Millisecond

// sendOnce tries a call again only if no connection could be made.
func sendOnce() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(neverSent)}
		o.MaxBackoff = maxBackoff
	})
}

func neverSent(err error) aws.Ternary {
	var op *net.OpError
	return aws.BoolTernary(errors.As(err, &op) && op.Op == "dial")
}

// patient tries a call again until the caller's deadline, but a throttled one only once, after a pause: the old pool's app shares the
// quota. A pause and two tries fit into the time of two and a half tries.
func patient(try time.Duration) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 5
		o.RateLimiter = ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(func(tries int, err error) (time.Duration, error) {
			switch {
			case !isThrottled(err):
				return rand.N(maxBackoff / 4 * time.Duration(tries)), nil
			case tries == 1:
				return try/4 + rand.N(try/4), nil
			default:
				return 0, err
			}
		})
	})
}
