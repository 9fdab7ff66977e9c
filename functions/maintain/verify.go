package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/function"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
)

// verifyRequest asks for everything, or for one user or one day.
type verifyRequest struct {
	Sub        string `json:"sub"`
	Day        string `json:"day"`         // UTC, 2006-01-02
	Seconds    int    `json:"seconds"`     // how long to work at most; then the next call goes on
	EveryHours int    `json:"every_hours"` // do nothing if the last complete run began less than so many hours ago
}

// Validate implements what request.NewView asks for.
func (r verifyRequest) Validate() error {
	_, err := time.Parse(time.DateOnly, r.Day)
	switch {
	case r.Sub != "" && r.Day != "":
		return errors.New(`"sub" and "day" are not asked for together`)
	case r.Day != "" && err != nil:
		return errors.New(`"day" is none: it reads like 2026-07-14`)
	case r.EveryHours < 0:
		return errors.New(`"every_hours" is negative`)
	}
	return checkSeconds(r.Seconds)
}

func (m maintainer) verify(ctx context.Context, r verifyRequest) (any, error) {
	if r.EveryHours > 0 {
		last, err := m.store.Verification(ctx)
		if err != nil || last.Complete && time.Since(last.StartedAt) < time.Duration(r.EveryHours)*time.Hour {
			return last, err
		}
	}
	v, err := m.check(ctx, r)
	if err != nil && v.FindingCount == 0 {
		return nil, err
	}
	// The findings so far count, even if the rest could not be read.
	m.log.LogAttrs(ctx, level(v), "verify", append([]slog.Attr{slog.Any("verification", v)}, measured(r, v, m.namespace)...)...)
	return v, err
}

func (m maintainer) check(ctx context.Context, r verifyRequest) (ledger.Verification, error) {
	switch {
	case r.Sub != "":
		return m.checker.VerifyUser(ctx, r.Sub, time.Now)
	case r.Day != "":
		return m.checker.VerifyDay(ctx, r.Day, time.Now)
	default:
		return m.checker.Verify(ctx, time.Now, function.WorkUntil(ctx, r.Seconds))
	}
}

func level(v ledger.Verification) slog.Level {
	if v.FindingCount > 0 {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// The metrics that the log lines carry.
const (
	metricVerifyFindings  = "VerifyFindings"  // what a verification found; zero only if it was of everything
	metricVerifiedStreams = "VerifiedStreams" // users whose events it has verified so far
)

// measured are the metrics of a verification. Findings are published at once, a zero only when everything has been verified: a clean
// user, or a clean part, must not silence an alarm.
func measured(r verifyRequest, v ledger.Verification, namespace string) []slog.Attr {
	metrics := []emf.Metric{{Name: metricVerifiedStreams, Unit: emf.Count, Value: float64(v.Streams)}}
	if everything := r.Sub == "" && r.Day == ""; v.FindingCount > 0 || everything && v.Complete {
		metrics = append(metrics, emf.Metric{Name: metricVerifyFindings, Unit: emf.Count, Value: float64(v.FindingCount)})
	}
	return emf.Attrs(time.Now(), namespace, emf.Directive{Dimensions: [][]string{{}}, Metrics: metrics})
}
