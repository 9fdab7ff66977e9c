package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	smithytime "github.com/aws/smithy-go/time"
)

type smokeCommand struct {
	consent
	Release string `default:"build/release" placeholder:"FOLDER" help:"The stack to try: an unpacked release, or what make package writes (default: ${default})."`
	Clean   bool   `help:"Remove what earlier runs left in this account and Region, and do nothing else."`
}

func (smokeCommand) Help() string { return example("migration smoke --region=eu-west-1") }

const smokePlan = `A trial of this migration on AWS itself, in account %s, Region %s.

It makes, under names that begin with %s:
  two user pools, one of them with two app clients, and about ten users whose addresses are Amazon SES's own mailbox simulator
  a bucket for the functions' code
  the stack of %s: functions, tables, queues, alarms, a dashboard
  a function that writes down which triggers Cognito calls, and a role with the same rights as the trigger's, to try what is denied

It signs users in and resets a password at those pools, asks the stack, tries what must be refused, and looks at what AWS does not say.
Everything has the tag %s. Everything is removed in the end, also after a failure; after a kill, by: migration smoke --clean
It touches nothing else. It sends a handful of emails, of the 50 a day that Cognito sends for an account.

It should take about a quarter of an hour, and cost less than a dollar. Nobody has measured that yet.

`

// Run tries the migration on AWS itself.
func (c smokeCommand) Run(ctx context.Context, s *stack, out *output) error {
	if err := c.possible(out); err != nil {
		return err
	}
	if err := s.signIn(ctx); err != nil {
		return err
	}
	m, err := newSmoke(ctx, s, out, c.Release)
	if err != nil {
		return err
	}
	if c.Clean {
		return m.cleanEarlier(ctx, c.consent)
	}
	if _, err := os.Stat(filepath.Join(c.Release, "deploy")); err != nil {
		return usageError{fmt.Errorf("%s holds no release: run make package, or name the folder of an unpacked release with --release (%w)", c.Release, err)}
	}
	out.printf(smokePlan, m.account, s.cfg.Region, m.run, c.Release, smokeTag)
	if err := c.ask(ctx, out, "Begin?"); err != nil {
		return err
	}
	failure := m.make(ctx)
	if failure == nil {
		m.check(ctx)
	}
	m.print()
	// What was made is removed even if the operator has interrupted the run.
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
	defer cancel()
	switch err := m.clean(left); {
	case err != nil:
		return errors.Join(failure, fmt.Errorf("not everything could be removed: %w; run: migration smoke --clean", err))
	case failure != nil:
		return fmt.Errorf("the trial could not be set up: %w", failure)
	case m.failed:
		return errFound
	}
	return nil
}

const (
	smokePrefix = "migration-smoke-"
	smokeTag    = "cognito-user-migration-smoke"
)

// smoke is one trial.
type smoke struct {
	stack   *stack // the throw-away stack
	out     *output
	release string
	run     string // the name of this trial, and of its stack
	account string
	local   bool // an endpoint other than AWS's is in use

	cognito        *cognitoidentityprovider.Client
	oldID, oldApp  string
	newID, newApp  string
	narrowApp      string            // an app client of the new pool that may write the email address alone
	subs           map[string]string // of the old pool's users
	resources      map[string]string // of the stack
	stage          map[string]string // resources of the stage
	rows           [][]any
	failed         bool
	before         state // the new pool, before the trigger was attached
	attempts       int   // that the ledger should have counted
	handedOver     int   // users
	blockedReasons map[string]int
}

func newSmoke(ctx context.Context, s *stack, out *output, release string) (*smoke, error) {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	m := &smoke{
		out: out, release: release, run: smokePrefix + hex.EncodeToString(random), local: usesOwnEndpoint(),
		cognito: cognitoidentityprovider.NewFromConfig(*s.cfg), subs: map[string]string{}, blockedReasons: map[string]int{},
	}
	m.stack = &stack{name: m.run, region: s.region, profile: s.profile, cfg: s.cfg}
	if _, err := exec.LookPath("aws"); err != nil {
		return nil, fmt.Errorf("the AWS CLI is needed, as for deploying: %w", err)
	}
	account, err := m.cli(ctx, "sts", "get-caller-identity", "--query", "Account", "--output", "text")
	m.account = strings.TrimSpace(account)
	return m, err
}

// usesOwnEndpoint tells whether some service is asked elsewhere than at AWS.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func usesOwnEndpoint() bool {
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "AWS_ENDPOINT_URL") {
			return true
		}
	}
	return false
}

// cli runs the AWS CLI, with this command's Region and profile.
func (m *smoke) cli(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "aws", args...)
	return m.command(cmd)
}

func (m *smoke) command(cmd *exec.Cmd) (string, error) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "AWS_REGION="+m.stack.cfg.Region, "AWS_DEFAULT_REGION="+m.stack.cfg.Region, "AWS_PAGER=")
	if m.stack.profile != "" {
		cmd.Env = append(cmd.Env, "AWS_PROFILE="+m.stack.profile)
	}
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(said.String()))
	}
	return string(stdout), nil
}

// step says what is being done, and does it.
func (m *smoke) step(ctx context.Context, what string, do func(context.Context) error) error {
	m.out.sayf("%s  %s", time.Now().UTC().Format(time.TimeOnly), what)
	if err := do(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// unavailable is the result of a check that the service that is asked can't stand.
type unavailable struct{ why string }

func (u unavailable) Error() string { return u.why }

// onlyAWS makes a failure one that only AWS itself could show to be one: an emulator lacks what the check needs. At AWS it is a failure.
func (m *smoke) onlyAWS(why string, err error) error {
	if err == nil || !m.local {
		return err
	}
	return unavailable{why}
}

// promise checks something that has to be so, and writes down what was seen.
func (m *smoke) promise(ctx context.Context, promise, tried string, look func(context.Context) (seen string, err error)) {
	m.row(ctx, promise, tried, "yes", "FAILED", look)
}

// observe writes down what AWS does where its documentation does not say it. Whatever that is, it is no failure.
func (m *smoke) observe(ctx context.Context, fact, tried string, look func(context.Context) (seen string, err error)) {
	m.row(ctx, fact, tried, "observed", "not observed", look)
}

func (m *smoke) row(ctx context.Context, what, tried, good, bad string, look func(context.Context) (string, error)) {
	if ctx.Err() != nil {
		return
	}
	m.out.sayf("%s  tries: %s", time.Now().UTC().Format(time.TimeOnly), what)
	seen, err := look(ctx)
	verdict := good
	var lacking unavailable
	switch {
	case errors.As(err, &lacking):
		verdict, seen = "not available here", lacking.why
	case err != nil:
		verdict, seen = bad, err.Error()
		m.failed = m.failed || bad == "FAILED"
	}
	m.rows = append(m.rows, []any{verdict, what, tried, seen})
}

// print prints the table of what was seen.
func (m *smoke) print() {
	if len(m.rows) > 0 {
		m.out.table([]string{"", "promise or open fact", "how it was tried", "seen"}, m.rows)
	}
}

// errPatience says that something was not so in time.
var errPatience = errors.New("not within the time that it may take")

// until looks again and again, every few seconds, until it is so or the patience is over.
func (m *smoke) until(ctx context.Context, patience time.Duration, look func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		done, err := look(ctx)
		if done || err != nil && ctx.Err() == nil {
			return err
		}
		if m.local {
			pause = min(pause, 200*time.Millisecond)
		}
		if smithytime.SleepWithContext(ctx, pause) != nil {
			return fmt.Errorf("%w: %s", errPatience, patience)
		}
	}
}

// tags are those of everything that is made.
func (m *smoke) tags() map[string]string { return map[string]string{smokeTag: m.run} }

func ptr(s string) *string { return aws.String(s) }
