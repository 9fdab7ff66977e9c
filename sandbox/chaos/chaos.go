// Package chaos has users sign in at the new pool while everything that the functions call fails, and the functions are killed in the
// middle of requests. Meanwhile the new pool is asked who has arrived, and both pools are counted. When the storm is over and the spool
// replayed, it compares the ledger with what the users, the pools and the logs saw.
package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/sqs"
)

// Config is the size of a storm.
type Config struct {
	Users    int
	Attempts int // of each user, in any order
	Parallel int
	// Seed decides what users do, and which faults are on when. Which requests they hit depends on the machine as well.
	Seed uint64
	Done func() // called after each attempt, by several goroutines
}

// Run sends users of its own through a storm. The stack has to be the new pool's trigger, keep the old sub in Link, and be empty; so have the
// pools. The error names everything that is wrong; it is nil if nothing is, and every kind of fault happened.
func Run(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, config Config) (Result, error) {
	s := &storm{Config: config, sandbox: sb, stack: stack, client: sb.NewPoolClient(), signedIn: map[string]bool{}}
	before := map[string]map[fault.Kind]int{}
	for _, sv := range s.services() {
		before[sv.name] = sv.proxy.Counts()
	}
	began := time.Now()
	if err := s.rage(ctx); err != nil {
		return Result{}, err
	}
	r := Result{
		Took: time.Since(began), Attempts: config.Users * config.Attempts, Successes: int(s.successes.Load()),
		Kills: int(s.kills.Load()), KilledReplays: int(s.killedReplays.Load()), KilledConfirms: int(s.killedConfirms.Load()),
		KilledCensuses: int(s.killedCensuses.Load()), Outages: int(s.outages.Load()), Faults: map[fault.Kind]int{},
	}
	for _, sv := range s.services() {
		for kind, n := range sv.proxy.Counts() {
			r.Faults[kind] += n - before[sv.name][kind]
		}
	}
	r.LostAnswers = sb.DynamoDBFaults.Counts()[fault.DroppedSuccess] - before["DynamoDB"][fault.DroppedSuccess]
	if err := s.calm(ctx, &r); err != nil {
		return r, err
	}
	counted, err := s.settle(ctx, &r)
	if err != nil {
		return r, err
	}
	return r, s.judge(ctx, &r, counted)
}

// storm is one run.
type storm struct {
	Config
	sandbox *sandbox.Sandbox
	stack   *sandbox.Stack
	client  *cognitoidp.Client
	users   []cognito.User

	attempted, successes, outages, kills, killedReplays, killedConfirms, killedCensuses atomic.Int32

	mu       sync.Mutex
	signedIn map[string]bool // users who received a success, by sub
}

// random returns a source for one purpose, so that none disturbs another.
func (s *storm) random(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(s.Seed, purpose)) }

// service is a service that the functions call, and the proxy before it.
type service struct {
	name  string
	proxy *fault.Proxy
	// loses is the operation whose answers get lost; any if empty.
	loses string
}

func (s *storm) services() []service {
	return []service{
		{"old pool", s.sandbox.OldFaults, ""},
		{"new pool", s.sandbox.NewFaults, ""},
		{"DynamoDB", s.sandbox.DynamoDBFaults, "TransactWriteItems"},
		{"SQS", s.sandbox.SQSFaults, ""},
	}
}

const (
	rightPassword = "Right-password-1"
	wrongPassword = "Wrong-password-1"
	forgotten     = "" // asks for a new one
)

// rage has all users make their attempts while faults are on.
func (s *storm) rage(ctx context.Context) error {
	for i := range s.Users {
		s.users = append(s.users, s.user(i))
	}
	if err := s.sandbox.Old.Put(ctx, s.users...); err != nil {
		return err
	}
	bad, clearUp := context.WithCancel(ctx)
	var weather sync.WaitGroup
	for i, sv := range s.services() {
		weather.Go(func() { s.disturb(bad, sv, s.random(uint64(i))) })
	}
	weather.Go(func() { s.kill(bad, s.random(10)) })
	weather.Go(func() {
		s.stack.Spool.Poll(bad, sqs.Mapping{BatchSize: 10, MaximumConcurrency: sandbox.ReplayConcurrency}, s.replay)
	})
	for _, ask := range []func(context.Context) error{s.stack.Confirm, s.sweep, s.count} {
		weather.Go(func() { s.keepAsking(bad, ask) })
	}

	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(s.Parallel)
	random := s.random(11)
	passwords := []string{rightPassword, rightPassword, wrongPassword, wrongPassword, forgotten}
	for _, n := range random.Perm(s.Users * s.Attempts) {
		password := passwords[random.IntN(len(passwords))]
		group.Go(func() error {
			s.attempt(groupCtx, s.users[n%s.Users], password)
			s.attempted.Add(1)
			s.Done()
			return groupCtx.Err()
		})
	}
	err := group.Wait()
	clearUp()
	weather.Wait()
	return err
}

// user is a user of the storm. Some are disabled in the old pool, some have a second factor.
func (s *storm) user(i int) cognito.User {
	name := fmt.Sprintf("%s-%05d", s.stack.Name, i)
	u := cognito.User{
		Username: name, Password: rightPassword, Sub: fmt.Sprintf("%08x-cccc-4bbb-8ccc-%012x", i, s.Seed),
		Attributes: map[string]string{"email": name + "@example.com", "email_verified": "true"},
	}
	switch i % 10 {
	case 0:
		u.Disabled = true
	case 1:
		u.MFA, u.PreferredMFA = []string{"SOFTWARE_TOKEN_MFA"}, "SOFTWARE_TOKEN_MFA"
	}
	return u
}

// attempt does what an app does, with the SDK as it comes.
func (s *storm) attempt(ctx context.Context, u cognito.User, password string) {
	if password == forgotten {
		// The answer says nothing: Cognito simulates success for unknown users.
		_, _ = s.client.ForgotPassword(ctx, &cognitoidp.ForgotPasswordInput{ClientId: aws.String(sandbox.NewClientID), Username: &u.Username})
		return
	}
	out, err := s.client.InitiateAuth(ctx, &cognitoidp.InitiateAuthInput{
		ClientId: aws.String(sandbox.NewClientID), AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": u.Username, "PASSWORD": password},
	})
	if err == nil && out.AuthenticationResult != nil {
		s.successes.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.signedIn[u.Sub] = true
	}
}

// faults are the faults that may hit a request.
var faults = []fault.Rule{
	{Kind: fault.Delay, Delay: 100 * time.Millisecond},
	{Kind: fault.Late, Delay: 700 * time.Millisecond},
	{Kind: fault.Hang},
	{Kind: fault.Reset},
	{Kind: fault.DropAnswer},
	{Kind: fault.Throttle},
	{Kind: fault.Error},
}

// disturb switches a service's faults on and off: at times some faults for some requests, at times one for all, at times the service is
// down, at times there is no fault.
func (s *storm) disturb(ctx context.Context, sv service, random *rand.Rand) {
	for ctx.Err() == nil {
		switch random.IntN(7) {
		case 0:
			sv.proxy.Set()
		case 1:
			s.outages.Add(1)
			_ = sv.proxy.Refuse(true)
		case 2, 3:
			sv.proxy.Set(sv.rule(random.IntN(len(faults)), 1))
		default:
			var rules []fault.Rule
			for _, i := range random.Perm(len(faults)) {
				if random.IntN(2) == 0 {
					rules = append(rules, sv.rule(i, 0.3*random.Float64()))
				}
			}
			sv.proxy.Set(rules...)
		}
		s.pause(ctx, random, 700*time.Millisecond)
		// A port that cannot be opened again stays a fault, and the run then fails by it.
		_ = sv.proxy.Refuse(false)
	}
	sv.proxy.Set()
}

func (sv service) rule(i int, probability float64) fault.Rule {
	rule := faults[i]
	rule.Probability = probability
	if rule.Kind == fault.DropAnswer {
		rule.Operation = sv.loses
	}
	return rule
}

// trigger is the name by which the new pool calls the attached stack's function.
const trigger = "attached-migrate"

// kill kills functions that are at work.
func (s *storm) kill(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		s.pause(ctx, random, 500*time.Millisecond)
		if s.sandbox.Lambda.Kill(trigger) {
			s.kills.Add(1)
		}
		for _, victim := range []struct {
			function string
			killed   *atomic.Int32
		}{{"replay", &s.killedReplays}, {"confirm", &s.killedConfirms}, {"census", &s.killedCensuses}} {
			if random.IntN(4) == 0 && s.sandbox.Lambda.Kill(s.stack.Name+"-"+victim.function) {
				victim.killed.Add(1)
			}
		}
	}
}

// pause waits for a time or for a number of attempts, whichever comes first: so a storm has as many changes on a fast machine as on a
// slow one.
func (s *storm) pause(ctx context.Context, random *rand.Rand, most time.Duration) {
	until := s.attempted.Load() + random.Int32N(40)
	deadline := time.After(time.Duration(random.Int64N(int64(most))))
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for s.attempted.Load() < until {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			return
		case <-look.C:
		}
	}
}

// replay gives a batch of the spool to the replay function.
func (s *storm) replay(ctx context.Context, batch []byte) ([]byte, error) {
	return s.stack.Invoke(ctx, "replay", batch)
}
