package oldpool

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// minSecretAge is how long a secret that was read again is used before it is read once more: Cognito describes few app clients a
// second, for everyone in the account.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const minSecretAge = time.Minute

// secret is the app client's secret. It is read when it is first needed, and again when Cognito no longer takes it.
type secret struct {
	read func(context.Context) (string, error)

	mu      sync.Mutex
	known   bool
	value   string
	renewed time.Time // when it was last read again
}

// get returns the secret.
func (s *secret) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known {
		return s.value, nil
	}
	return s.load(ctx)
}

// renew returns the secret that took the place of one that Cognito refused. It is empty if there is none, or if it was looked for
// less than minSecretAge ago.
func (s *secret) renew(ctx context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == refused && time.Since(s.renewed) >= minSecretAge {
		s.renewed = time.Now().Round(0) // the wall clock goes on while the process is frozen
		if _, err := s.load(ctx); err != nil {
			return "", err
		}
	}
	if s.value == refused {
		return "", nil
	}
	return s.value, nil
}

func (s *secret) load(ctx context.Context) (string, error) {
	value, err := s.read(ctx)
	if err == nil {
		s.known, s.value = true, value
	}
	return value, err
}

// secretHash proves that the sender knows the app client's secret. It is over the username as it is sent.
// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash
func secretHash(secret, username, clientID string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
