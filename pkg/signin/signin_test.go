package signin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/signin"
)

const (
	newPool = "eu-west-1_nEwP00l02"
	secret  = "Canary-password-1"
)

// oldPool answers every question with one answer.
type oldPool func() migration.Answer

func (p oldPool) SignIn(context.Context, string, string, map[string]string) migration.Answer {
	return p()
}
func (p oldPool) Lookup(context.Context, string) migration.Answer { return p() }

type spool func(migration.Event) error

func (s spool) Send(_ context.Context, e migration.Event) error { return s(e) }

func known() migration.Answer {
	return migration.Answer{
		Account: &migration.Account{
			Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", Username: "ada", Enabled: true, Status: "CONFIRMED",
			Attributes: map[string]string{"sub": "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10", "email": "ada@example.com", "email_verified": "true"},
		},
		Authentication: migration.Authentication{Accepted: true},
	}
}

var (
	config = signin.Config{
		NewUserPoolID: newPool, Budget: 4 * time.Second, OldPoolBudget: time.Second, Config: recorder.Config{LedgerBudget: time.Second, SpoolBudget: time.Second},
		AuditPolicy: signin.AuditSpool, Namespace: "Test",
	}
	policy  = migration.Policy{}
	windows = migration.Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}
)

func handler(old oldPool, l recorder.Ledger, s recorder.Spool, log *bytes.Buffer) *signin.Handler {
	return signin.New(config, policy, old, recorder.New(config.Config, l, s), slog.New(slog.NewJSONHandler(log, nil)), time.Now)
}

func working(log *bytes.Buffer) *signin.Handler {
	return handler(known, ledger.New(memory.New(), windows, time.Now), spool(func(migration.Event) error { return nil }), log)
}

const signIn = `{"version":"1","triggerSource":"UserMigration_Authentication","region":"eu-west-1","userPoolId":"` + newPool + `",
	"userName":"ada","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"1example23456789"},
	"request":{"password":"` + secret + `","validationData":null,"userAttributes":null},
	"response":{"userAttributes":null,"forceAliasCreation":null,"finalUserStatus":null,"messageAction":null,"desiredDeliveryMediums":null}}`

// What is no event of the user migration trigger gets a fixed error, a log line that says what is wrong and a metric. Nothing of
// the event is quoted.
func TestMalformedEvents(t *testing.T) {
	change := func(old, replacement string) string { return strings.Replace(signIn, old, replacement, 1) }
	for name, tt := range map[string]struct {
		event string
		fault string
	}{
		"not JSON":                 {secret, "not a JSON object"},
		"nothing":                  {"", "not a JSON object"},
		"null":                     {"null", "triggerSource"},
		"a list":                   {`["` + secret + `"]`, "not a JSON object"},
		"an unknown trigger":       {change("UserMigration_Authentication", "PreSignUp_SignUp"), "triggerSource"},
		"no trigger":               {change("triggerSource", "source"), "triggerSource"},
		"another pool":             {change(newPool, "eu-west-1_another"), "NEW_USER_POOL_ID"},
		"no pool":                  {change("userPoolId", "pool"), "NEW_USER_POOL_ID"},
		"no user name":             {change(`"ada"`, `""`), "userName"},
		"a user name that is none": {change(`"ada"`, `{"`+secret+`":1}`), `"userName" has the wrong type`},
		"no request":               {change(`"request"`, `"requested"`), "request"},
		"a request that is none":   {change(`{"password":"`+secret+`","validationData":null,"userAttributes":null}`, `"`+secret+`"`), "request"},
		"no password":              {change(`"`+secret+`"`, "null"), "password"},
		"a password that is none":  {change(`"`+secret+`"`, "42"), `"password" has the wrong type`},
		"no response":              {change(`"response"`, `"respond"`), "response"},
		"a response that is none":  {change(`"response":{`, `"response":"`+secret+`","more":{`), "response"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			answer, err := working(&log).Invoke(t.Context(), []byte(tt.event))
			if answer != nil || !errors.Is(err, signin.UnsupportedEvent) {
				t.Errorf("%s, %v; want the error %v", answer, err, signin.UnsupportedEvent)
			}
			line := logLine(t, &log)
			if fault, _ := line["fault"].(string); !strings.Contains(fault, tt.fault) || line["Attempts"] != 1.0 || line["Outcome"] != "failed" {
				t.Errorf("the log line does not say %q: %v", tt.fault, line)
			}
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log quotes the event: %s", log.String())
			}
		})
	}
}

// logLine is the one line that an invocation logs.
func logLine(t *testing.T, log *bytes.Buffer) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("not one line of JSON: %s", log.String())
	}
	return line
}

// A panic anywhere is answered like any failure, and its value, which may quote a person, goes nowhere.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := handler(func() migration.Answer { panic(secret) }, nil, nil, &log)
	if answer, err := h.Invoke(t.Context(), []byte(signIn)); answer != nil || !errors.Is(err, signin.TemporarilyUnavailable) {
		t.Errorf("%s, %v", answer, err)
	}
	if !strings.Contains(log.String(), `"Reason":"internal"`) || !strings.Contains(log.String(), `"stack"`) {
		t.Errorf("log: %s", log.String())
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log holds the value: %s", log.String())
	}
}

// The event that neither the ledger nor the spool took stands whole in the log, fit to be replayed.
func TestLastResort(t *testing.T) {
	var log bytes.Buffer
	broken := ledger.New(failing{memory.New()}, windows, time.Now)
	h := handler(known, broken, spool(func(migration.Event) error { return errors.New("no queue") }), &log)
	if _, err := h.Invoke(t.Context(), []byte(signIn)); err != nil {
		t.Fatal(err)
	}
	var line struct {
		Event     migration.Event `json:"event"`
		LostToLog float64
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log quotes the ledger's error: %s", log.String())
	}
	if line.LostToLog != 1 || line.Event.Outcome != migration.Migrated || line.Event.Sub != known().Account.Sub || line.Event.ID == "" {
		t.Errorf("log: %s", log.String())
	}
}

// The function ends before Lambda would end it, with the event spooled and the answer given, however short its time is.
func TestEndsBeforeLambdaDoes(t *testing.T) {
	for name, l := range map[string]recorder.Ledger{"the ledger hangs": ledger.New(hanging{memory.New()}, windows, time.Now)} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			spooled := 0
			h := handler(known, l, spool(func(migration.Event) error { spooled++; return nil }), &log)
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond) // less than the budgets come to
			defer cancel()
			if _, err := h.Invoke(ctx, []byte(signIn)); err != nil || ctx.Err() != nil || spooled != 1 {
				t.Errorf("%v; Lambda's time is over: %v; %d spooled", err, ctx.Err(), spooled)
			}
		})
	}
}

// hanging is a store that never answers.
type hanging struct{ *memory.Store }

func (hanging) Commit(ctx context.Context, _ ledger.Entry) error {
	<-ctx.Done()
	return ctx.Err()
}

// failing is a store that takes nothing.
type failing struct{ *memory.Store }

func (failing) Commit(context.Context, ledger.Entry) error {
	return errors.New("no table, says " + secret)
}

// Whatever arrives, the function answers with the event or with one of its fixed texts, and echoes no password.
func FuzzInvoke(f *testing.F) {
	for _, seed := range []string{
		signIn, strings.Replace(signIn, "Authentication", "ForgotPassword", 1), "", "null", "{}", `{"request":{},"response":{}}`,
		strings.Replace(signIn, `"password"`, `"PASSWORD"`, 1),
		strings.Replace(signIn, `"validationData":null`, `"validationData":{"a":"`+secret+`"}`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var log bytes.Buffer
		answer, err := working(&log).Invoke(t.Context(), raw)
		switch {
		case err != nil:
			if answer != nil || !errors.Is(err, signin.UnsupportedEvent) && !errors.Is(err, signin.TemporarilyUnavailable) {
				t.Errorf("%s, %v", answer, err)
			}
		case !json.Valid(answer):
			t.Errorf("not JSON: %s", answer)
		default:
			var echoed struct{ Request map[string]json.RawMessage }
			if err := json.Unmarshal(answer, &echoed); err != nil {
				t.Fatal(err)
			}
			for key := range echoed.Request {
				if lower := strings.ToLower(key); lower == "password" || lower == "validationdata" || lower == "clientmetadata" {
					t.Errorf("the answer echoes request.%s", key)
				}
			}
		}
		if !json.Valid(log.Bytes()) || bytes.Count(log.Bytes(), []byte("\n")) != 1 {
			t.Errorf("not one line of JSON: %s", log.String())
		}
	})
}

// The time of a sign-in that is our own: no network, the ledger in memory.
func BenchmarkInvoke(b *testing.B) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	store := memory.New()
	n := 0
	old := oldPool(func() migration.Answer {
		n++
		a := known()
		a.Account.Sub = time.Unix(int64(n), 0).String() // a new user each time
		return a
	})
	h := signin.New(config, policy, old, recorder.New(config.Config, ledger.New(store, windows, time.Now), nil), log, time.Now)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), []byte(signIn)); err != nil {
			b.Fatal(err)
		}
	}
}
