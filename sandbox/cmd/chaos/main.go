// Chaos has 2,000 users sign in five times each while every service fails now and then and the functions are killed at work, and then
// proves that nothing was lost, doubled or miscounted, and that everyone who can sign in at the new pool is confirmed. With -rebuild it measures how fast a lost progress table is rebuilt instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/chaos"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// What a run of the usual size must have gone through, to prove anything.
const (
	users    = 2000
	attempts = 5

	leastFaults      = 100 // of each kind
	leastLostAnswers = 200
	leastKills       = 50
)

func main() {
	seed := flag.Uint64("seed", 1, "decides what users do and which faults are on when")
	rebuild := flag.String("rebuild", "", "measure the rebuild of so many events instead, as 20000,200000")
	hot := flag.Int("hot", 0, "measure the work on one user of so many events instead, as 100000")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *seed, *rebuild, *hot)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, seed uint64, rebuild string, hot int) error {
	sb, err := sandbox.Start(ctx, seed, io.Discard)
	if err != nil {
		return err
	}
	defer sb.Close()
	if rebuild != "" {
		return measure(ctx, sb, rebuild)
	}
	if hot > 0 {
		return measureHot(ctx, sb, hot)
	}
	stack, err := sb.Deploy(ctx, "chaos", map[string]string{"ATTRIBUTES": chaos.Link + "=sub", "CENSUS_RATE": "25"})
	if err != nil {
		return err
	}
	if err := stack.Attach(); err != nil {
		return err
	}
	bar := newBar(users*attempts, "Sign-ins in the storm")
	r, err := chaos.Run(ctx, sb, stack, chaos.Config{
		Users: users, Attempts: attempts, Parallel: 32, Seed: seed, Done: func() { _ = bar.Add(1) },
	})
	show(r, seed)
	return errors.Join(err, r.Enough(leastFaults, leastLostAnswers, leastKills))
}

func newBar(n int, title string) *progressbar.ProgressBar {
	throttle := 100 * time.Millisecond
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		throttle = 10 * time.Second // every time is a line of a log
	}
	return progressbar.NewOptions(n,
		progressbar.OptionSetDescription(title), progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(40), progressbar.OptionThrottle(throttle),
		progressbar.OptionOnCompletion(func() { fmt.Fprint(os.Stderr, "\n\n") }))
}

func newTable() table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	return t
}

func show(r chaos.Result, seed uint64) {
	t := newTable()
	t.SetTitle(fmt.Sprintf("A storm of %.0f s, seed %d", r.Took.Seconds(), seed))
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 1, AutoMerge: true}})
	row := func(group, name string, n int) { t.AppendRow(table.Row{group, name, n}) }
	row("users", "attempts", r.Attempts)
	row("users", "successes received", r.Successes)
	row("users", "in the new pool", r.InNewPool)
	row("users", "resets finished after the storm", r.Finished)
	row("confirmed", "in the storm", r.ConfirmedInStorm)
	row("confirmed", "by the rest of the stream", r.ConfirmedByStream)
	row("confirmed", "by the sweep", r.ConfirmedBySweep)
	row("confirmed", "by the census", r.ConfirmedByCensus)
	for _, f := range []struct {
		kind fault.Kind
		name string
	}{
		{fault.Delay, "requests delayed"},
		{fault.Late, "answers held back"},
		{fault.Hang, "requests never answered"},
		{fault.Reset, "connections reset"},
		{fault.DropAnswer, "answers lost"},
		{fault.Throttle, "requests throttled"},
		{fault.Error, "errors answered"},
	} {
		row("faults", f.name, r.Faults[f.kind])
	}
	row("faults", "answers lost to the ledger's writes", r.LostAnswers)
	row("faults", "services gone", r.Outages)
	row("faults", "trigger killed at work", r.Kills)
	row("faults", "replay killed at work", r.KilledReplays)
	row("faults", "confirm killed at work", r.KilledConfirms)
	row("faults", "census killed at work", r.KilledCensuses)
	row("events", "decided, by the log", r.Decided)
	row("events", "recorded, and kept out of the log by a kill", r.Unlogged)
	row("events", "repeats", r.Repeats)
	row("events", "spooled", r.Spooled)
	row("events", "in the log alone", r.LostToLog)
	row("events", "given up by replay, and sent again", r.DeadLetters)
	row("ledger", "streams", r.Streams)
	row("ledger", "events", r.Events)
	row("ledger", "findings of verify", len(r.Findings))
	t.Render()
}
