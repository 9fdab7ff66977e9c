package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/oldpool"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/recorder"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/signin"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// kindOfPool is what decides by which names users are found.
type kindOfPool struct {
	name    string
	by      []string // UsernameAttributes
	aliases []string
	folds   bool
}

func kindsOfPools() []kindOfPool {
	var kinds []kindOfPool
	for _, folds := range []bool{false, true} {
		for _, k := range []kindOfPool{
			{name: "usernames"},
			{name: "usernames and aliases", aliases: []string{"email", "phone_number", "preferred_username"}},
			{name: "email", by: []string{"email"}},
			{name: "phone number", by: []string{"phone_number"}},
		} {
			if k.folds = folds; folds {
				k.name += ", folded"
			}
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (k kindOfPool) config(id string) cognito.Config {
	return cognito.Config{
		PoolID: id, ClientID: sandbox.NewClientID, UsernameAttributes: k.by, AliasAttributes: k.aliases,
		UsernameConfiguration: &types.UsernameConfigurationType{CaseSensitive: aws.Bool(!k.folds)},
	}
}

// shape is what make deploy would fill in of the pool.
func (k kindOfPool) shape(t *testing.T) migration.Shape {
	t.Helper()
	quoted := func(names []string) string { return `["` + strings.Join(names, `","`) + `"]` }
	text := fmt.Sprintf(`{"UsernameConfiguration":{"CaseSensitive":%t}`, !k.folds)
	if k.by != nil {
		text += `,"UsernameAttributes":` + quoted(k.by)
	}
	if k.aliases != nil {
		text += `,"AliasAttributes":` + quoted(k.aliases)
	}
	var s migration.Shape
	if err := s.UnmarshalText([]byte(text + "}")); err != nil {
		t.Fatal(err)
	}
	return s
}

// typedNames are the ways in which a user may be named.
var typedNames = map[string]func(u cognito.User) string{
	"the username":                 func(u cognito.User) string { return u.Username },
	"the email address":            func(u cognito.User) string { return u.Attributes["email"] },
	"the phone number":             func(u cognito.User) string { return u.Attributes["phone_number"] },
	"the preferred username":       func(u cognito.User) string { return u.Attributes["preferred_username"] },
	"the username in another case": func(u cognito.User) string { return strings.ToUpper(u.Username) },
	"the email in another case":    func(u cognito.User) string { return strings.ToUpper(u.Attributes["email"]) },
}

// newPool is a kind of new pool that calls whatever trigger is set.
type newPool struct {
	*cognito.Pool
	kind    kindOfPool
	handler atomic.Pointer[signin.Handler]
	calls   atomic.Int32
}

func startPool(t *testing.T, cfg cognito.Config) *cognito.Pool {
	t.Helper()
	pool, err := cognito.Start(context.WithoutCancel(t.Context()), cfg, io.Discard)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(pool.Close)
	return pool
}

// startNewPool starts a pool whose trigger is the handler that is set, behind Lambda's Invoke API.
func startNewPool(t *testing.T, kind kindOfPool, id string) *newPool {
	t.Helper()
	n := &newPool{kind: kind}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.calls.Add(1)
		payload, _ := io.ReadAll(r.Body)
		answer, err := n.handler.Load().Invoke(r.Context(), payload)
		if err != nil {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			answer = fmt.Appendf(nil, `{"errorMessage":%q,"errorType":"error"}`, err)
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	cfg := kind.config(id)
	cfg.UserMigration = &cognito.Trigger{Endpoint: server.URL, Function: "migrate"}
	n.Pool = startPool(t, cfg)
	return n
}

// TestMatrix moves users from every kind of old pool to every kind of new pool, whatever they type, by both triggers. In each cell the
// user is created and signs in a second time without the trigger, or is refused with a reason. The pool never refuses a user whom we handed over.
func TestMatrix(t *testing.T) {
	t.Parallel()
	kinds := kindsOfPools()
	olds, news := make([]*cognito.Pool, len(kinds)), make([]*newPool, len(kinds))
	var starting errgroup.Group
	for i, kind := range kinds {
		starting.Go(func() error {
			olds[i] = startPool(t, kind.config(fmt.Sprintf("eu-west-1_old%d", i)))
			news[i] = startNewPool(t, kind, fmt.Sprintf("eu-west-1_new%d", i))
			return nil
		})
	}
	if _ = starting.Wait(); t.Failed() {
		t.FailNow()
	}
	var mu sync.Mutex
	counts := map[string]int{}
	var pairs errgroup.Group
	pairs.SetLimit(4)
	for j, n := range news {
		pairs.Go(func() error {
			for i, old := range olds {
				for result, count := range tryPair(t, kinds[i], old, fmt.Sprintf("eu-west-1_old%d", i), n, fmt.Sprintf("eu-west-1_new%d", j)) {
					mu.Lock()
					counts[result] += count
					mu.Unlock()
				}
			}
			return nil
		})
	}
	_ = pairs.Wait()
	for _, result := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[result], result)
	}
	if want := 8 * 8 * len(typedNames) * len(migration.Triggers); total(counts) != want {
		t.Errorf("%d cells, want %d", total(counts), want)
	}
}

func total(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// tryPair tries every cell of two pools, and returns how many came to what.
func tryPair(t *testing.T, kind kindOfPool, old *cognito.Pool, oldID string, n *newPool, newID string) map[string]int {
	var log bytes.Buffer
	handler := signin.New(
		signin.Config{
			NewUserPoolID: newID, TypedName: "typed", Budget: 10 * time.Second, OldPoolBudget: 8 * time.Second, AuditPolicy: signin.AuditSpool,
			Config: recorder.Config{LedgerBudget: time.Second, SpoolBudget: time.Second},
		},
		migration.Policy{ForgotPassword: migration.ResetMigrates, NewPool: n.kind.shape(t)},
		oldpool.New(sandbox.Config(old.Endpoint()), oldpool.Config{UserPoolID: oldID, AppClientID: sandbox.NewClientID}, 5*time.Second),
		recorder.New(recorder.Config{LedgerBudget: time.Second, SpoolBudget: time.Second},
			ledger.New(memory.New(), migration.Windows{}, time.Now), nil),
		slog.New(slog.NewJSONHandler(&log, nil)), time.Now)
	n.handler.Store(handler)
	counts := map[string]int{}
	for _, how := range slices.Sorted(maps.Keys(typedNames)) {
		for _, trigger := range migration.Triggers {
			c := cell{n: n, old: old, log: &log, trigger: trigger, user: matrixUser(kind)}
			c.typed = typedNames[how](c.user)
			if err := old.Put(t.Context(), c.user); err != nil {
				t.Fatal(err)
			}
			result, wrong := c.try(t)
			if wrong != "" {
				t.Errorf("from %s to %s, typed %s, %s: %s", kind.name, n.kind.name, how, trigger, wrong)
			}
			if result == noSuchName {
				result += ": " + how + ", of " + kind.name
			}
			counts[result]++
		}
	}
	return counts
}

// matrixUser is a new user of an old pool, with a name, an address and a number that nobody else has.
func matrixUser(kind kindOfPool) cognito.User {
	id := unique("")
	u := cognito.User{
		Sub: uuid.NewString(), Password: "Right-password-1",
		Attributes: map[string]string{
			"email": "Ada" + id + "@Example.com", "email_verified": "true", "phone_number": "+1555" + id, "phone_number_verified": "true",
			"preferred_username": "Countess" + id,
		},
	}
	if u.Username = "Ada" + id; kind.by != nil {
		u.Username = u.Sub
	}
	return u
}

// cell is one user who types one name.
type cell struct {
	n       *newPool
	old     *cognito.Pool
	log     *bytes.Buffer
	trigger migration.Trigger
	user    cognito.User
	typed   string
}

const noSuchName = "impossible, since the old pool has no such name"

// try has the user sign in, or reset a forgotten password, and sign in again. It returns what came of it, and what is wrong with that.
func (c cell) try(t *testing.T) (result, wrong string) {
	t.Helper()
	known := signInAt(t, c.old, c.typed, c.user.Password) == nil
	c.log.Reset()
	err := c.first(t)
	var line struct{ Outcome, Reason string }
	if jsonErr := json.Unmarshal(c.log.Bytes(), &line); jsonErr != nil {
		return "no log line", fmt.Sprintf("log %s: %v", c.log, jsonErr)
	}
	switch {
	case line.Reason == string(migration.UnknownUser) && known:
		return "lost", "the old pool lets the user in by that name, and we don't find the user"
	case line.Outcome != string(migration.Migrated) && err == nil:
		return "lost", "refused by us, and let in"
	case line.Reason == string(migration.UnknownUser):
		return noSuchName, ""
	case line.Outcome != string(migration.Migrated):
		return "refused: " + line.Reason, ""
	case err != nil:
		return "lost", fmt.Sprintf("we said yes, and the new pool no: %v", err)
	}
	calls := c.n.calls.Load()
	if err := signInAt(t, c.n.Pool, c.typed, c.user.Password); err != nil || c.n.calls.Load() != calls {
		return "lost", fmt.Sprintf("the second sign-in: %v, with %d calls of the trigger", err, c.n.calls.Load()-calls)
	}
	return "moved, and signs in again", ""
}

// first is what makes Cognito call the trigger.
func (c cell) first(t *testing.T) error {
	t.Helper()
	if c.trigger == migration.SignIn {
		return signInAt(t, c.n.Pool, c.typed, c.user.Password)
	}
	client := cognitoidp.NewFromConfig(sandbox.Config(c.n.Endpoint()))
	_, err := client.ForgotPassword(t.Context(), &cognitoidp.ForgotPasswordInput{
		ClientId: aws.String(sandbox.NewClientID), Username: &c.typed, ClientMetadata: map[string]string{"typed": c.typed},
	})
	if err != nil {
		return err
	}
	users, err := c.n.Users(t.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(users, func(u cognito.User) bool { return strings.EqualFold(u.Attributes["email"], c.user.Attributes["email"]) })
	if i < 0 {
		return errors.New("the user was not created")
	}
	_, err = client.ConfirmForgotPassword(t.Context(), &cognitoidp.ConfirmForgotPasswordInput{
		ClientId: aws.String(sandbox.NewClientID), Username: &c.typed, ConfirmationCode: &users[i].Code, Password: &c.user.Password,
	})
	return err
}

func signInAt(t *testing.T, pool *cognito.Pool, name, password string) error {
	t.Helper()
	client := cognitoidp.NewFromConfig(sandbox.Config(pool.Endpoint()))
	_, err := client.InitiateAuth(t.Context(), &cognitoidp.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: aws.String(sandbox.NewClientID),
		AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password}, ClientMetadata: map[string]string{"typed": name},
	})
	return err
}
