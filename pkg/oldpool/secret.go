package oldpool

import (
	"context"
	"sync"
	"time"
)

// minSecretAge is the least time between two renewals of the secret: DescribeUserPoolClient has a low quota, which the whole account
// shares.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const minSecretAge = time.Minute

// secret is the app client's secret. It is read when it is first needed, and again when Cognito refuses it.
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

// renew returns the secret that replaced the refused one. It is empty if there is none, or if the last renewal was less than minSecretAge
// ago.
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
