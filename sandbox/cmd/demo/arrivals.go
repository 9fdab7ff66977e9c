package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/confirm"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// Groups of the old pool. The new pool has the first only.
const (
	carriedGroup = "editors"
	missingGroup = "beta-testers"
)

// isMember tells whether the i-th user is in both groups.
func isMember(i int) bool { return i%5 == 0 }

// prepare puts users into groups of the old pool, and strangers into the way of those whom the new pool will refuse.
func prepare(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, users []cognito.User) error {
	if err := readSubs(ctx, sb, users); err != nil {
		return err
	}
	if err := makeGroups(ctx, sb, users); err != nil {
		return err
	}
	for i, u := range users {
		if !of(i).refused {
			continue
		}
		// The address works at the new pool for somebody else, who signed up there. Neither shape nor rules can know.
		stranger := cognito.User{Username: "stranger-" + u.Username, Attributes: map[string]string{
			"email": u.Attributes["email"], "email_verified": "true", "name": "Somebody Else",
		}}
		if err := sb.New.Put(ctx, stranger); err != nil {
			return err
		}
		if err := triedBefore(ctx, sb, stack, u); err != nil {
			return err
		}
	}
	return nil
}

// readSubs gives the users the subs that the old pool has made.
func readSubs(ctx context.Context, sb *sandbox.Sandbox, users []cognito.User) error {
	there, err := sb.Old.Users(ctx)
	subs := map[string]string{}
	for _, u := range there {
		subs[u.Username] = u.Sub
	}
	for i, u := range users {
		users[i].Sub = subs[u.Username]
	}
	return err
}

func makeGroups(ctx context.Context, sb *sandbox.Sandbox, users []cognito.User) error {
	old, later := cognitoidp.NewFromConfig(sandbox.Config(sb.Old.Endpoint())), sb.NewPoolClient()
	for _, g := range []struct {
		client     *cognitoidp.Client
		pool, name string
	}{{old, sandbox.OldPoolID, carriedGroup}, {old, sandbox.OldPoolID, missingGroup}, {later, sandbox.NewPoolID, carriedGroup}} {
		if _, err := g.client.CreateGroup(ctx, &cognitoidp.CreateGroupInput{UserPoolId: &g.pool, GroupName: &g.name}); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, u := range users {
		for _, name := range []string{carriedGroup, missingGroup} {
			if !isMember(i) {
				continue
			}
			group.Go(func() error {
				_, err := old.AdminAddUserToGroup(ctx, &cognitoidp.AdminAddUserToGroupInput{
					UserPoolId: aws.String(sandbox.OldPoolID), Username: &u.Username, GroupName: &name,
				})
				return err
			})
		}
	}
	return group.Wait()
}

// triedBefore records that a user was handed over 20 minutes ago: nobody is called missing before 15.
func triedBefore(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, u cognito.User) error {
	at := time.Now().Add(-20 * time.Minute)
	store := dynamo.New(sandbox.Config(sb.DynamoDB.Endpoint()), stack.Tables, 10*time.Second)
	event := migration.NewAttempt(migration.Origin{ID: ulid.Make().String(), At: at}, migration.SignIn,
		migration.Account{Sub: u.Sub}, migration.Decision{Outcome: migration.Migrated})
	_, err := ledger.New(store, migration.Windows{}, func() time.Time { return at }).
		Append(ctx, u.Sub, func(migration.Record) migration.Event { return event })
	return err
}

// isNotTaken is a user to whom the trigger says yes, and whom the new pool refuses all the same.
func (a app) isNotTaken(ctx context.Context, u cognito.User) error {
	if err := a.signIn(ctx, u.Username, u.Password); err == nil {
		return fmt.Errorf("%s could sign in, though the address is somebody else's", u.Username)
	}
	return nil
}

// expectArrivals adds what the demo knows of who arrived.
func expectArrivals(f figures, i int) {
	s := of(i)
	switch {
	case s.refused:
		f["users of the new pool/in all"]++ // the stranger
		f["users of the new pool/of no record"]++
		f["arrivals/not there after 15 minutes"]++
		f["attempts/reoffered"]++
	case s.status == migration.StatusMigrated:
		f["arrivals/reset not finished"]++
	case s.status == migration.StatusConfirmed:
		f["arrivals/ready to sign in"]++
		if isMember(i) {
			f["arrivals/kept their group"]++
		}
	case s.status == "":
		f["left, by name/never came"]++
	default:
		f["left, by name/"+string(s.status)]++
	}
}

// addArrivals adds what the functions and the tool say of it.
func (d *demo) addArrivals(ctx context.Context, f figures, p reportAnswer) error {
	f["users of the new pool/of no record"] = *p.Census.New.NoRecord
	f["arrivals/ready to sign in"], f["arrivals/reset not finished"] = *p.Census.New.Arrived, *p.Census.New.ResetUnfinished
	answer, err := d.stack.Invoke(ctx, "confirm", []byte(`{"view":"sweep"}`))
	if err != nil {
		return err
	}
	var swept confirm.Swept
	if err := json.Unmarshal(answer, &swept); err != nil {
		return err
	}
	f["arrivals/not there after 15 minutes"] = swept.NotArrived
	if f["arrivals/kept their group"], err = inGroup(ctx, d.sb); err != nil {
		return err
	}
	return d.addRemaining(ctx, f)
}

// inGroup counts the users of the new pool who are in the group.
func inGroup(ctx context.Context, sb *sandbox.Sandbox) (n int, err error) {
	users, err := sb.New.Users(ctx)
	if err != nil {
		return 0, err
	}
	for _, u := range users {
		out, err := sb.NewPoolClient().AdminListGroupsForUser(ctx, &cognitoidp.AdminListGroupsForUserInput{
			UserPoolId: aws.String(sandbox.NewPoolID), Username: &u.Username,
		})
		if err != nil {
			return 0, err
		}
		for _, g := range out.Groups {
			if aws.ToString(g.GroupName) == carriedGroup {
				n++
			}
		}
	}
	return n, nil
}

// addRemaining asks the operator's tool who is left, and counts those whom it names rightly, by how far they have come.
func (d *demo) addRemaining(ctx context.Context, f figures) error {
	root, err := process.Root()
	if err != nil {
		return err
	}
	tool := exec.CommandContext(ctx, filepath.Join(root, "build", "migration"), "remaining", "--csv", "--rate=30", "--stack="+d.stack.Name)
	tool.Env = d.sb.Environ()
	printed, err := tool.Output()
	if err != nil {
		return fmt.Errorf("migration remaining: %w", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(printed)).ReadAll()
	if err != nil {
		return err
	}
	statuses := map[string]string{}
	for _, row := range rows[1:] {
		statuses[row[1]] = row[5]
	}
	f["left, by name/wrongly"] = len(statuses)
	for name, want := range d.statuses() {
		if said := statuses[name]; said == want {
			f["left, by name/wrongly"]--
			f["left, by name/"+strings.ReplaceAll(want, "_", " ")]++
		}
	}
	return nil
}

// statuses are how far each user of the old pool has come, by name, as the demo knows it.
func (d *demo) statuses() map[string]string {
	all := map[string]string{}
	for i, u := range d.users {
		all[u.Username] = cmp.Or(string(of(i).status), census.NeverCame)
	}
	for _, u := range d.past.absent {
		all[u.Username] = census.NeverCame
	}
	for _, v := range d.past.visitors {
		all[v.user.Username] = string(migration.StatusBlocked)
		if _, moved := v.moved(); moved {
			all[v.user.Username] = string(migration.StatusConfirmed)
		}
	}
	return all
}

// showStuck shows what support reads of a user whom the new pool refused, and of one who did not finish the reset.
func showStuck(ctx context.Context, stack *sandbox.Stack, users []cognito.User) error {
	shown := map[string]bool{}
	for i, u := range users {
		s := of(i)
		if s.status != migration.StatusMigrated || shown[s.name] {
			continue
		}
		shown[s.name] = true
		h, err := historyOf(ctx, stack, u.Username)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n\n", text.WrapSoft(u.Username+", who "+s.name+": "+h.Summary, 100))
	}
	return nil
}

// showDelays says how long after the handover users were confirmed.
func showDelays(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, users []cognito.User) error {
	store := dynamo.New(sandbox.Config(sb.DynamoDB.Endpoint()), stack.Tables, 10*time.Second)
	var slowest time.Duration
	for _, u := range users {
		stream, err := store.Stream(ctx, u.Sub)
		if err != nil {
			return err
		}
		for i, e := range stream {
			if e.Kind == migration.Confirmation {
				slowest = max(slowest, e.RecordedAt.Sub(stream[i-1].RecordedAt))
			}
		}
	}
	fmt.Printf("Everybody whom the new pool has was confirmed within %.0f s of the handover.\n\n", slowest.Seconds())
	return nil
}
