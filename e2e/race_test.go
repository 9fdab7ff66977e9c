package e2e

import (
	"sync"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// Cognito may call again for one sign-in, even while a call is under way, and does not say so: the user has one event.
func TestOneUserThreeTimesAtOnce(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	var users []cognito.User
	for range 20 {
		u := newUser(t, nil)
		users = append(users, u)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				answer, failure := invoke(t, stack, event(migration.SignIn, u.Username, u.Password))
				if failure != "" || answer["response"].(map[string]any)["userAttributes"] == nil {
					t.Errorf("%s: %v %s", u.Username, answer, failure)
				}
			})
		}
		wg.Wait()
	}
	checkMigrated(t, stack, users)
}

// Fifty users sign in at the new pool at the same time, twenty times over.
func TestFiftyUsersAtOnce(t *testing.T) {
	stack := attach(t, deploy(t, nil))
	var users []cognito.User
	for range 20 {
		var wg sync.WaitGroup
		for range 50 {
			u := newUser(t, nil)
			users = append(users, u)
			wg.Go(func() {
				if err := signIn(t.Context(), u.Username, u.Password); err != nil {
					t.Errorf("%s: %v", u.Username, err)
				}
			})
		}
		wg.Wait()
	}
	checkMigrated(t, stack, users)
}

// checkMigrated holds that each of the users has one event, migrated, and that every figure says so.
func checkMigrated(t *testing.T, stack *sandbox.Stack, users []cognito.User) {
	t.Helper()
	for sub, stream := range verify(t, stack, users...) {
		if len(stream) != 1 || stream[0].Outcome != migration.Migrated {
			t.Errorf("%s: %d events, want one, migrated: %+v", sub, len(stream), stream)
		}
	}
	p := report(t, stack)
	if want := (progress.Users{Migrated: len(users)}); p.Users != want {
		t.Errorf("users %+v, want %+v", p.Users, want)
	}
	if want := (progress.Attempts{Migrated: len(users)}); p.Attempts != want || p.Triggers[string(migration.SignIn)] != want {
		t.Errorf("attempts %+v, by trigger %+v; want %+v by sign-in", p.Attempts, p.Triggers, want)
	}
}
