package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
)

type ledgerFunc func(context.Context, func(migration.Record) migration.Event) (ledger.Appended, error)

func (f ledgerFunc) Append(ctx context.Context, _ string, decide func(migration.Record) migration.Event) (ledger.Appended, error) {
	return f(ctx, decide)
}

type spoolFunc func(migration.Event) error

func (f spoolFunc) Send(_ context.Context, e migration.Event) error { return f(e) }

// An event is in the ledger, else in the spool, else whole in the log line; and we never write it to two of them.
func TestWhereAnEventGoes(t *testing.T) {
	decided := migration.Event{ID: "decided", Sub: "sub", Outcome: migration.Migrated}
	refused := migration.Event{ID: "refused", Sub: "sub", Outcome: migration.Failed}
	takes := func(_ context.Context, decide func(migration.Record) migration.Event) (ledger.Appended, error) {
		return ledger.Appended{Event: decide(migration.Record{}), Reoffered: true}, nil
	}
	fails := func(_ context.Context, decide func(migration.Record) migration.Event) (ledger.Appended, error) {
		decide(migration.Record{})
		return ledger.Appended{}, errors.New("quotes ada@example.com")
	}
	hangs := func(ctx context.Context, decide func(migration.Record) migration.Event) (ledger.Appended, error) {
		decide(migration.Record{})
		<-ctx.Done()
		return ledger.Appended{}, ctx.Err()
	}
	for name, tt := range map[string]struct {
		ledger        ledgerFunc
		spool         error
		instead       migration.Event
		event         string
		spooled, lost bool
		metrics       string
	}{
		"the ledger takes it":            {takes, nil, decided, "decided", false, false, "LedgerLatency Reoffered"},
		"the ledger fails":               {fails, nil, decided, "decided", true, false, "LedgerLatency Spooled"},
		"the ledger hangs":               {hangs, nil, decided, "decided", true, false, "LedgerLatency Spooled"},
		"the user is refused for it":     {fails, nil, refused, "refused", true, false, "LedgerLatency Spooled"},
		"the ledger and the queue fail":  {fails, errors.New("quotes ada@example.com"), decided, "decided", false, true, "LedgerLatency LostToLog"},
		"both fail, and the user is too": {fails, errors.New("no queue"), refused, "refused", false, true, "LedgerLatency LostToLog"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			r := recorder.New(recorder.Config{LedgerBudget: 100 * time.Millisecond, SpoolBudget: 100 * time.Millisecond}, tt.ledger,
				spoolFunc(func(e migration.Event) error { sent = append(sent, e.ID); return tt.spool }))
			got := r.Record(t.Context(), "sub", func(migration.Record) migration.Event { return decided },
				func(e migration.Event) migration.Event {
					if e.ID != decided.ID {
						t.Errorf("instead of %s", e.ID)
					}
					return tt.instead
				})
			if got.Event.ID != tt.event || got.Spooled != tt.spooled || got.Lost != tt.lost || (got.Fault != "") != (len(sent) > 0) {
				t.Errorf("%+v, sent %v", got, sent)
			}
			var names []string
			for _, m := range got.Metrics() {
				names = append(names, m.Name)
			}
			if strings.Join(names, " ") != tt.metrics {
				t.Errorf("metrics %v, want %s", names, tt.metrics)
			}
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).LogAttrs(t.Context(), slog.LevelInfo, "attempt", got.Attrs()...)
			if whole := strings.Contains(log.String(), `"event":{`); whole != tt.lost || strings.Contains(log.String(), "ada@") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}
