package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/guard"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const (
	pool = "eu-west-1_nEwP00l02"
	sub  = "8f1c0d5e-0000-4000-8000-000000000001"
	link = "custom:old_sub"
)

var now = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

// oldPool answers every look with one answer.
type oldPool func() migration.Answer

func (p oldPool) Lookup(context.Context, string) migration.Answer { return p() }

func (p oldPool) LookupAddress(context.Context, migration.Address, string) migration.Answer {
	return p()
}

type ledger func() (migration.Record, error)

func (l ledger) Record(context.Context, string) (migration.Record, error) { return l() }

func somebody() migration.Answer { return migration.Answer{Account: &migration.Account{Sub: sub}} }

func reason(r migration.Reason) func() migration.Answer {
	return func() migration.Answer { return migration.Answer{AccountReason: r} }
}

func record(status migration.Status, ago time.Duration) ledger {
	return func() (migration.Record, error) { return migration.Record{Status: status, LastAt: now.Add(-ago)}, nil }
}

func unreachable() (migration.Record, error) {
	return migration.Record{}, fmt.Errorf("read: %w", &smithy.GenericAPIError{Code: "InternalServerError", Message: "about ada@example.com"})
}

// event is what Cognito sends; the attributes are a JSON object.
func event(source, attributes string) string {
	return `{"version":"1","triggerSource":"` + source + `","region":"eu-west-1","userPoolId":"` + pool + `","userName":"ada",` +
		`"callerContext":{"clientId":"1example23456789"},"request":{"userAttributes":` + attributes + `,"validationData":{"x":"canary"}},` +
		`"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`
}

// invoke returns the answer, the text of the error, and the log.
func invoke(t *testing.T, rules string, old oldPool, l ledger, payload string) (answer, failure, log string) {
	t.Helper()
	config := guard.Config{NewUserPoolID: pool, Budget: 4 * time.Second, OldPoolBudget: time.Second, LedgerBudget: time.Second}
	if err := config.Attributes.UnmarshalText([]byte(rules)); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	h := guard.New(config, old, l, slog.New(slog.NewJSONHandler(&lines, nil)), func() time.Time { return now })
	out, err := h.Invoke(t.Context(), []byte(payload))
	if err != nil {
		failure = err.Error()
	}
	return string(out), failure, lines.String()
}

// Somebody who signs up passes, is refused, or has to come again. A user who is made in another way passes.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const signIn, later = "SIGN_IN_INSTEAD", "TEMPORARILY_UNAVAILABLE"
	const plain, flagged, linked = `{"email":"ada@example.com"}`, `{"email":"ada@example.com","email_verified":"false"}`, `{"custom:old_sub":"` + sub + `"}`
	nobody := reason(migration.UnknownUser)
	panics := func() migration.Answer { panic("ada@example.com") }
	for name, tt := range map[string]struct {
		source, attributes, rules string
		old                       oldPool
		ledger                    ledger
		want                      string
	}{
		"a stranger":                              {"PreSignUp_SignUp", plain, "", nobody, unreachable, ""},
		"a stranger without attributes":           {"PreSignUp_SignUp", "null", "", nobody, unreachable, ""},
		"who never came":                          {"PreSignUp_SignUp", plain, "", somebody, record("", 0), signIn},
		"who was refused":                         {"PreSignUp_SignUp", plain, "", somebody, record(migration.StatusBlocked, 0), signIn},
		"who mistyped the password":               {"PreSignUp_SignUp", plain, "", somebody, record(migration.StatusAttempted, 0), signIn},
		"who has moved":                           {"PreSignUp_SignUp", plain, "", somebody, record(migration.StatusMigrated, 0), ""},
		"who is moving, with a link":              {"PreSignUp_SignUp", plain, link + "=sub", somebody, record(migration.StatusMigrated, time.Minute), signIn},
		"who moved long ago, with a link":         {"PreSignUp_SignUp", plain, link + "=sub", somebody, record(migration.StatusMigrated, 61*time.Second), ""},
		"who is confirmed":                        {"PreSignUp_SignUp", plain, link + "=sub", somebody, record(migration.StatusConfirmed, 0), ""},
		"the migration, by its link":              {"PreSignUp_SignUp", linked, link + "=sub", somebody, record(migration.StatusMigrated, 0), ""},
		"the migration, spooled":                  {"PreSignUp_SignUp", linked, link + "=sub", somebody, unreachable, ""},
		"the migration, by its flag":              {"PreSignUp_SignUp", flagged, "", somebody, unreachable, ""},
		"a stranger who sends a link":             {"PreSignUp_SignUp", linked, link + "=sub", somebody, record("", 0), signIn},
		"a link that no rule makes":               {"PreSignUp_SignUp", linked, "", somebody, unreachable, later},
		"the ledger is away":                      {"PreSignUp_SignUp", plain, "", somebody, unreachable, later},
		"the old pool throttles":                  {"PreSignUp_SignUp", plain, "", reason(migration.Throttled), record("", 0), later},
		"the old pool is down":                    {"PreSignUp_SignUp", plain, "", reason(migration.OldPoolUnavailable), record("", 0), later},
		"the old pool is slow":                    {"PreSignUp_SignUp", plain, "", reason(migration.Timeout), record("", 0), later},
		"a right is missing":                      {"PreSignUp_SignUp", plain, "", reason(migration.Misconfigured), record("", 0), later},
		"a fault of this function":                {"PreSignUp_SignUp", plain, "", panics, record("", 0), later},
		"an administrator":                        {"PreSignUp_AdminCreateUser", plain, "", somebody, record("", 0), ""},
		"an identity provider":                    {"PreSignUp_ExternalProvider", plain, "", panics, unreachable, ""},
		"a source that nobody knows yet":          {"PreSignUp_Tomorrow", plain, "", somebody, unreachable, ""},
		"attributes that are none, of an unknown": {"PreSignUp_Tomorrow", `"x"`, "", somebody, unreachable, ""},
	} {
		payload := event(tt.source, tt.attributes)
		answer, failure, log := invoke(t, tt.rules, tt.old, tt.ledger, payload)
		if failure != tt.want {
			t.Errorf("%s: %q, want %q", name, failure, tt.want)
		}
		if strings.Contains(log, "example.com") || strings.Contains(log, "canary") {
			t.Errorf("%s: the log quotes somebody: %s", name, log)
		}
		if tt.want == "" {
			same(t, name, payload, answer)
		}
	}
}

// same holds that an event goes back as it came, but for what the app sent.
func same(t *testing.T, name, sent, answer string) {
	t.Helper()
	var a, b map[string]any
	if err := errors.Join(json.Unmarshal([]byte(sent), &a), json.Unmarshal([]byte(answer), &b)); err != nil {
		t.Fatal(name, err)
	}
	delete(a["request"].(map[string]any), "validationData")
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("%s: answered %s to %s", name, answer, sent)
	}
}

// What is no event of somebody who signs up at the new pool gets a fixed error. A user who may be made in another way passes.
func TestWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	whole := event("PreSignUp_SignUp", "{}")
	for name, tt := range map[string]struct{ payload, want string }{
		"not JSON":                       {"x", "UNSUPPORTED_EVENT"},
		"nothing":                        {"", "UNSUPPORTED_EVENT"},
		"null":                           {"null", "UNSUPPORTED_EVENT"},
		"another pool":                   {strings.Replace(whole, pool, "eu-west-1_another", 1), "UNSUPPORTED_EVENT"},
		"no request":                     {strings.Replace(whole, `"request"`, `"requested"`, 1), "UNSUPPORTED_EVENT"},
		"no username":                    {strings.Replace(whole, `"ada"`, `""`, 1), "UNSUPPORTED_EVENT"},
		"no username, by another source": {strings.Replace(event("PreSignUp_Tomorrow", "{}"), `"ada"`, `""`, 1), ""},
		"no request, by another source":  {strings.Replace(event("PreSignUp_Tomorrow", "{}"), `"request"`, `"requested"`, 1), ""},
	} {
		answer, failure, _ := invoke(t, "", somebody, record("", 0), tt.payload)
		if failure != tt.want || failure == "" && answer != tt.payload {
			t.Errorf("%s: %q, %s", name, failure, answer)
		}
	}
}

func TestMistakesNameTheVariable(t *testing.T) {
	t.Parallel()
	good := guard.Config{NewUserPoolID: pool, Budget: 4 * time.Second, OldPoolBudget: 2500 * time.Millisecond, LedgerBudget: time.Second}
	for want, change := range map[string]func(*guard.Config){
		"":                 func(*guard.Config) {},
		"NEW_USER_POOL_ID": func(c *guard.Config) { c.NewUserPoolID = "mine" },
		"at least 100ms":   func(c *guard.Config) { c.LedgerBudget = time.Millisecond },
		"at least 3.5s":    func(c *guard.Config) { c.Budget = 3 * time.Second },
		"at most 4.5s":     func(c *guard.Config) { c.Budget = 5 * time.Second },
	} {
		c := good
		change(&c)
		if err := c.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Each name is looked for once, as it was typed if the app says so; an address also in lower case.
func TestWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	const metadata = `,"clientMetadata":{"typed":"Ada"}`
	for _, tt := range []struct {
		typed, attributes string
		want              []string
	}{
		{"", `{}`, []string{"name ada"}},
		{"typed", `{}`, []string{"name Ada"}},
		{"other", `{}`, []string{"name ada"}},
		{"", `{"email":"a@x"}`, []string{"name ada", "name a@x", "email a@x"}},
		{"", `{"email":"A@X","phone_number":"+1","custom:note":"n"}`, []string{"name ada", "name A@X", "email A@X", "email a@x", "name +1", "phone_number +1"}},
		{"", `{"email":"ada"}`, []string{"name ada", "email ada"}},
	} {
		config := guard.Config{NewUserPoolID: pool, Budget: time.Second, OldPoolBudget: time.Second, LedgerBudget: time.Second, TypedName: tt.typed}
		old := &asked{}
		h := guard.New(config, old, record("", 0), slog.New(slog.DiscardHandler), time.Now)
		payload := strings.Replace(event("PreSignUp_SignUp", tt.attributes), `,"validationData"`, metadata+`,"validationData"`, 1)
		if _, err := h.Invoke(t.Context(), []byte(payload)); err != nil {
			t.Fatal(err)
		}
		slices.Sort(tt.want)
		if slices.Sort(old.about); !slices.Equal(old.about, tt.want) {
			t.Errorf("%s, %q: asked about %q, want %q", tt.attributes, tt.typed, old.about, tt.want)
		}
	}
}

// asked writes down what it is asked about.
type asked struct {
	mu    sync.Mutex
	about []string
}

func (a *asked) Lookup(ctx context.Context, name string) migration.Answer {
	return a.LookupAddress(ctx, "name", name)
}

func (a *asked) LookupAddress(_ context.Context, address migration.Address, value string) migration.Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.about = append(a.about, string(address)+" "+value)
	return reason(migration.UnknownUser)()
}
