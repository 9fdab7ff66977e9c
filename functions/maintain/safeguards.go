package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/emf"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/safeguard"
)

// metricSafeguardFindings counts the findings of a look at the safeguards. A safeguard that could not be looked at is a finding too.
const metricSafeguardFindings = "SafeguardFindings"

// patience is how long a look takes at most. Then the answer names what was not looked at.
const patience = 2 * time.Minute

// look says whether the safeguards are still there.
func (m maintainer) look(ctx context.Context, _ struct{}) (any, error) {
	if m.safeguards.WatchFunction == "" {
		return nil, redact.Safe(`view "safeguards" needs the variable WATCH_FUNCTION`)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	report := safeguard.Check(safeguard.Look(ctx, m.safeguards), m.key)
	level := slog.LevelInfo
	if len(report.Findings) > 0 {
		level = slog.LevelError
	}
	metrics := []emf.Metric{{Name: metricSafeguardFindings, Unit: emf.Count, Value: float64(len(report.Findings))}}
	m.log.LogAttrs(ctx, level, "safeguards", append([]slog.Attr{slog.Any("findings", report.Findings)},
		emf.Attrs(time.Now(), m.namespace, emf.Directive{Dimensions: [][]string{{}}, Metrics: metrics})...)...)
	return report, nil
}
