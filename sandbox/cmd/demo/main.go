// Demo fills an old user pool, signs its users in at a new one, several at once, and shows how far the migration is. It
// compares every figure with what it did, and fails if one differs.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

type config struct {
	Users int  `env:"USERS" envDefault:"200"`
	Keep  bool `env:"KEEP"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var cfg config
	if err := env.Parse(&cfg); err != nil {
		return fmt.Errorf("USERS must be a number and KEEP 1 or 0: %w", err)
	}
	if cfg.Users < shares || cfg.Users > 10_000 {
		return fmt.Errorf("USERS is %d: allowed is %d to 10000", cfg.Users, shares)
	}
	logPath := filepath.Join(os.TempDir(), fmt.Sprintf("cognito-user-migration-demo-%d.log", os.Getpid()))
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()

	fmt.Println("Starting two user pools, DynamoDB and the functions …")
	fmt.Println("The old pool minds the case of names and the new one does not; one attribute is renamed, one dropped, and the old sub kept.")
	sb, err := sandbox.StartWith(ctx, 1, log, pools)
	if err != nil {
		return fmt.Errorf("%w\nThe log is %s", err, logPath)
	}
	defer sb.Close()
	d := demo{sb: sb, past: newPast(time.Now().UTC().Truncate(24 * time.Hour)), users: make([]cognito.User, cfg.Users)}
	for i := range d.users {
		d.users[i] = oldUser(i)
	}
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("%w\nThe log is %s", err, logPath)
	}
	if cfg.Keep {
		keep(ctx, sb, d.stack, len(d.users), logPath)
	}
	return os.Remove(logPath)
}

// demo is one run.
type demo struct {
	sb    *sandbox.Sandbox
	stack *sandbox.Stack
	past  past
	users []cognito.User // who come today
}

// run prepares the pools, has users come, and shows what the functions say of it.
func (d *demo) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.prepare,
		func(ctx context.Context) error { return migrate(ctx, d.sb, d.users) },
		// On a busy machine the ledger may not have answered in time for everyone: those events wait in the spool, which Lambda would have
		// replayed by now.
		func(ctx context.Context) error { return d.stack.Replay(ctx) },
		func(ctx context.Context) error { return askNewPool(ctx, d.stack) },
		func(ctx context.Context) error { return showDelays(ctx, d.sb, d.stack, d.users) },
		func(ctx context.Context) error { return takeCensus(ctx, d.stack) },
		func(ctx context.Context) error { return runProbe(ctx, d.stack) },
		func(ctx context.Context) error {
			_, err := d.stack.Invoke(ctx, "maintain", []byte(`{"view":"verify"}`))
			return err
		},
		func(ctx context.Context) error { return showHistory(ctx, d.stack, d.users) },
		func(ctx context.Context) error { return showStuck(ctx, d.stack, d.users) },
		d.showProgress,
		func(ctx context.Context) error { return showVerdict(ctx, d.sb, d.stack) },
		func(ctx context.Context) error { return writePage(ctx, d.stack) },
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare deploys the functions, and lays down the pools and the past.
func (d *demo) prepare(ctx context.Context) (err error) {
	began := time.Now()
	env := maps.Clone(bridge)
	d.past.declare(env)
	if d.stack, err = d.sb.Deploy(ctx, "demo", env); err != nil {
		return err
	}
	if err := d.stack.Attach(); err != nil {
		return err
	}
	if err := d.past.lay(ctx, d.sb, d.stack); err != nil {
		return err
	}
	if err := d.sb.Old.Put(ctx, d.users...); err != nil {
		return err
	}
	if err := prepare(ctx, d.sb, d.stack, d.users); err != nil {
		return err
	}
	fmt.Printf("Ready after %.1f s. The past is simulated, by the real ledger with its clock set back: in the %d days before today\n"+
		"%d users came, and %d have not come yet. %d more come now.\n\n",
		time.Since(began).Seconds(), pastDays, len(d.past.visitors), len(d.past.absent), len(d.users))
	return nil
}

// migrate has every user do what its scenario says, 16 users at a time.
func migrate(ctx context.Context, sb *sandbox.Sandbox, users []cognito.User) error {
	a := app{client: sb.NewPoolClient(), pool: sb.New}
	bar := progressbar.NewOptions(len(users),
		progressbar.OptionSetDescription("Users at the new pool"), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(40), progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(65*time.Millisecond), progressbar.OptionOnCompletion(func() { fmt.Fprint(os.Stderr, "\n\n") }))
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, user := range users {
		group.Go(func() error {
			defer func() { _ = bar.Add(1) }()
			for _, does := range of(i).does {
				if err := does(a, ctx, user); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// An unknown username: refused, and not recorded, since there is no sub.
	group.Go(func() error { return a.isRefused(ctx, cognito.User{Username: "nobody", Password: "Nothing-at-all-1"}) })
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Printf("%d users came by in %.1f s, 16 at a time.\n\n", len(users), time.Since(began).Seconds())
	return nil
}

// askNewPool has the new pool asked about everybody who was handed over, as the audit table's stream does within seconds.
func askNewPool(ctx context.Context, stack *sandbox.Stack) error {
	began := time.Now()
	if err := stack.Confirm(ctx); err != nil {
		return err
	}
	fmt.Printf("The new pool was asked about everyone who was handed over, in %.1f s.\n\n", time.Since(began).Seconds())
	return nil
}

// takeCensus has the users of both pools counted, as the stack does once a day. A large pool takes more than one invocation.
func takeCensus(ctx context.Context, stack *sandbox.Stack) error {
	began := time.Now()
	for {
		answer, err := stack.Invoke(ctx, "census", []byte(`{"view":"run"}`))
		if err != nil {
			return err
		}
		var status struct {
			Result *census.Result `json:"result"`
		}
		if err := json.Unmarshal(answer, &status); err != nil {
			return err
		}
		if status.Result != nil {
			fmt.Printf("The users of both pools were counted, in %.1f s.\n\n", time.Since(began).Seconds())
			return nil
		}
	}
}

// runProbe has nobody sign in, as the stack does once an hour. The figures are compared after it: it must not move any.
func runProbe(ctx context.Context, stack *sandbox.Stack) error {
	answer, err := stack.Invoke(ctx, "probe", []byte(`{"view":"run"}`))
	if err != nil {
		return err
	}
	var probed struct {
		Answered bool
		Reason   probe.Reason
	}
	if err := json.Unmarshal(answer, &probed); err != nil {
		return err
	}
	if !probed.Answered {
		return fmt.Errorf("the probe was not answered: %s", probed.Reason)
	}
	fmt.Println("A probe was answered: the trigger can be reached, and asks the old pool.")
	return nil
}

// historyOf asks what happened to a user, as the operator's tool does.
func historyOf(ctx context.Context, stack *sandbox.Stack, username string) (h history.History, err error) {
	request, err := json.Marshal(map[string]string{"view": "user", "username": username})
	if err != nil {
		return h, err
	}
	answer, err := stack.Invoke(ctx, "inspect", request)
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(answer, &h)
}

// showHistory shows what happened to the first user with a second factor, as support would see it.
func showHistory(ctx context.Context, stack *sandbox.Stack, users []cognito.User) error {
	var username string
	for _, u := range users {
		if len(u.MFA) > 0 {
			username = u.Username
			break
		}
	}
	h, err := historyOf(ctx, stack, username)
	if err != nil {
		return err
	}
	t := newTable("One user's history: " + username + ", in the audit trail as " + h.Sub)
	t.AppendHeader(table.Row{"#", "at", "trigger", "outcome", "reason", "challenge", "hash"})
	for _, e := range h.Events {
		t.AppendRow(table.Row{e.Seq, e.At.Format("15:04:05.000"), cmp.Or(string(e.Trigger), string(e.Kind)), e.Outcome, e.Reason, e.Challenge, e.Hash[:12] + "…"})
	}
	t.Render()
	fmt.Printf("%s\n\n", text.WrapSoft(h.Summary, 100))
	return nil
}

func newTable(title string) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleLight)
	t.Style().Title.Align = text.AlignLeft
	t.Style().Format.Header = text.FormatDefault
	t.SetTitle(title)
	return t
}

// errDiffers says that the migration's figures are not what was done.
var errDiffers = errors.New("the report differs from what the demo did: see the lines marked ✗")

func (d *demo) showProgress(ctx context.Context) error {
	answer, err := d.stack.Invoke(ctx, "report", []byte(`{"view":"progress"}`))
	if err != nil {
		return err
	}
	var p reportAnswer
	if err := json.Unmarshal(answer, &p); err != nil {
		return err
	}
	inNewPool, whole, err := linked(ctx, d.sb)
	if err != nil {
		return err
	}
	said := reported(p, inNewPool, whole)
	if err := d.addArrivals(ctx, said, p); err != nil {
		return err
	}
	done := expected(len(d.users))
	d.past.expect(done)
	if ledger.Day(p.AsOf) == ledger.Day(d.past.start.AddDate(0, 0, pastDays)) { // else midnight has passed, and today counts as a day
		if err := d.past.expectVerdict(done); err != nil {
			return err
		}
		p.Readiness.addAnswer(said)
	}
	figures := compare(done, said)

	t := newTable("Progress of the migration")
	t.AppendHeader(table.Row{"", "", "reported", "done", ""})
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 1, AutoMerge: true}})
	exact := true
	for _, f := range figures {
		mark := "✓"
		if f.reported != f.done {
			mark, exact = "✗", false
		}
		t.AppendRow(table.Row{f.group, f.name, f.reported, f.done, mark})
	}
	t.Render()
	if !exact {
		return errDiffers
	}
	fmt.Printf("%d of the %d users who came have moved, and the new pool has %d of them ready to sign in. %d are left in the old pool.\n"+
		"Every figure is what the demo did.\n", p.Users.HandedOver(), p.Users.Seen(), p.Users.Confirmed, p.Census.Old.Remaining)
	return nil
}

// writePage keeps the report's page.
func writePage(ctx context.Context, stack *sandbox.Stack) error {
	answer, err := stack.Invoke(ctx, "report", []byte(`{"view":"html"}`))
	if err != nil {
		return err
	}
	var page string
	if err := json.Unmarshal(answer, &page); err != nil {
		return err
	}
	root, err := process.Root()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "build", "report.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		return err
	}
	fmt.Println("The same as a page: file://" + path)
	return nil
}

func keep(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack, users int, logPath string) {
	for i := range users {
		if of(i).status != migration.Status("") {
			continue
		}
		u := oldUser(i)
		fmt.Printf(`
Kept running; end it with Ctrl-C.

  old pool   %s  client %s  %s
  new pool   %s  client %s  %s
  DynamoDB   %s  tables %s, %s
  Lambda     %s  functions %[11]s-migrate, %[11]s-report, %[11]s-inspect
  log        %[12]s

Sign in a user who has not come yet:

  aws cognito-idp initiate-auth --no-sign-request --region %[13]s --endpoint-url %[6]s --auth-flow USER_PASSWORD_AUTH --client-id %[5]s --auth-parameters 'USERNAME=%[14]s,PASSWORD=%[15]s' --client-metadata typed=%[14]s

Ask as an operator does; build/migration --help lists the questions:

  %[16]s build/migration user %[14]s --stack=%[11]s
`,
			sandbox.OldPoolID, sandbox.OldClientID, sb.Old.Endpoint(), sandbox.NewPoolID, sandbox.NewClientID, sb.New.Endpoint(),
			sb.DynamoDB.Endpoint(), stack.Tables.AuditTable, stack.Tables.ProgressTable, sb.Lambda.Endpoint(), stack.Name, logPath,
			sandbox.Region, u.Username, u.Password, strings.Join(sb.Environ(), " "))
		break
	}
	for ctx.Err() == nil { // who comes now is confirmed as well
		_ = stack.Confirm(ctx)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}
