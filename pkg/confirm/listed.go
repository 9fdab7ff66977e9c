package confirm

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// listedRate is how many users a second Listed confirms at most, so that a table on demand has capacity left for sign-ins: a new one takes
// 4,000 writes a second, and a confirmation is about 12.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
const listedRate = 200

// Listed confirms users whom a list of the new pool shows with the link, enabled and CONFIRMED. It asks no pool, so it makes nobody an
// active user, and it carries no groups. It believes the link.
type Listed struct {
	writer

	limiter *rate.Limiter
}

// NewListed returns a Listed that records through r, and writes a log line about each user, with metrics.
func NewListed(r Recorder, log *slog.Logger, namespace string, now func() time.Time) *Listed {
	return &Listed{
		writer: writer{recorder: r, log: log, namespace: namespace, now: now}, limiter: rate.NewLimiter(listedRate, 1),
	}
}

// Confirm records that the new pool has a user, by the old sub. It returns false if that is held nowhere: the ledger and the spool were
// both out of reach, or the sub has not the form of one.
func (l *Listed) Confirm(ctx context.Context, sub string) bool {
	if !migration.LikeSub(sub) || l.limiter.Wait(ctx) != nil {
		return false
	}
	r := result{sub: sub}
	l.record(ctx, &r)
	l.report(ctx, r)
	return !r.recorded.Lost
}
