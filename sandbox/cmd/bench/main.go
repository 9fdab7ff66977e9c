// Bench measures a sign-in through the compiled function, with the real SDK over HTTP and the delays of a network, against the
// floor: the same SDK calls alone, made by a process of their own in the same run, in turn with the sign-ins.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/schollz/progressbar/v3"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

const (
	pairs      = 100 // sign-ins per delay, and as many floors
	coldStarts = 25
	hotSignIns = 1000 // without delays, for the processor time
	writeDelay = 8 * time.Millisecond
)

// rules are of every kind: sign-ins pay for them.
var rules = map[string]string{"ATTRIBUTES": "custom:old_sub=sub,-website,locale?=en"}

var cognitoDelays = []time.Duration{20 * time.Millisecond, 150 * time.Millisecond}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "floor":
			return floor(ctx, os.Args[2])
		case "idle":
			return idle(ctx)
		}
	}
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer b.sandbox.Close()
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"", "this function", "floor", ""})
	for _, delay := range cognitoDelays {
		b.delay(delay, writeDelay)
		name := fmt.Sprintf("sign-in, %v a Cognito call and %v a write", delay, writeDelay)
		if err := b.compare(t, name, func() (time.Duration, error) { return b.signIn(ctx) }, func() (time.Duration, error) { return b.signInAlone(ctx) }); err != nil {
			return err
		}
	}
	for _, delay := range cognitoDelays {
		b.delay(delay, writeDelay)
		name := fmt.Sprintf("sign-up of a stranger past the guard, %v a Cognito call", delay)
		if err := b.compare(t, name, func() (time.Duration, error) { return b.signUp(ctx) }, b.signUpAlone); err != nil {
			return err
		}
	}
	if err := b.processor(ctx, t); err != nil {
		return err
	}
	if err := b.coldStart(ctx, t); err != nil {
		return err
	}
	_ = b.bar.Finish()
	fmt.Fprintln(os.Stderr)
	t.RenderMarkdown()
	return nil
}

type bench struct {
	sandbox   *sandbox.Sandbox
	stack     *sandbox.Stack
	floor     *floorProcess // of sign-ins
	signUps   *floorProcess // the floor of sign-ups
	bar       *progressbar.ProgressBar
	users     int
	strangers int
	client    http.Client
}

func start(ctx context.Context) (*bench, error) {
	sb, err := sandbox.Start(ctx, 1, io.Discard)
	if err != nil {
		return nil, err
	}
	b := &bench{sandbox: sb, bar: progressbar.NewOptions(2*len(cognitoDelays)*pairs+2*hotSignIns+coldStarts,
		progressbar.OptionSetDescription("Measuring"), progressbar.OptionSetWriter(os.Stderr), progressbar.OptionThrottle(100*time.Millisecond))}
	if b.stack, err = sb.Deploy(ctx, "bench", rules); err == nil {
		b.floor, err = startFloor(ctx, b.stack, "sign-in")
	}
	if err == nil {
		b.signUps, err = startFloor(ctx, b.stack, "sign-up")
	}
	if err != nil {
		sb.Close()
		return nil, err
	}
	return b, nil
}

// newUser lays down a user who has never been seen.
func (b *bench) newUser(ctx context.Context) (cognito.User, error) {
	b.users++
	name := fmt.Sprintf("user%06d", b.users)
	u := cognito.User{
		Username: name, Password: "Right-password-1", Sub: fmt.Sprintf("%08d-aaaa-4bbb-8ccc-ddddeeeeffff", b.users),
		Attributes: map[string]string{"email": name + "@example.com", "email_verified": "true"},
	}
	return u, b.sandbox.Old.Put(ctx, u)
}

// signIn calls the function as Cognito does, and returns how long that took.
func (b *bench) signIn(ctx context.Context) (time.Duration, error) {
	u, err := b.newUser(ctx)
	if err != nil {
		return 0, err
	}
	event, err := eventOf(u)
	if err != nil {
		return 0, err
	}
	return b.invoke(ctx, "migrate", event, `"CONFIRMED"`)
}

// invoke calls a function, whose answer has to hold a text, and returns how long that took.
func (b *bench) invoke(ctx context.Context, function string, event []byte, want string) (time.Duration, error) {
	url := b.sandbox.Lambda.Endpoint() + "/2015-03-31/functions/" + b.stack.Name + "-" + function + "/invocations"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(event))
	if err != nil {
		return 0, err
	}
	began := time.Now()
	response, err := b.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	took := time.Since(began)
	if err == nil && !bytes.Contains(answer, []byte(want)) {
		err = fmt.Errorf("%s answered %s", function, answer)
	}
	return took, err
}

// eventOf is what Cognito sends when a user signs in.
func eventOf(u cognito.User) ([]byte, error) {
	return json.Marshal(map[string]any{
		"version": "1", "triggerSource": "UserMigration_Authentication", "region": sandbox.Region, "userPoolId": sandbox.NewPoolID,
		"userName": u.Username, "callerContext": map[string]string{"clientId": sandbox.NewClientID},
		"request":  map[string]any{"password": u.Password, "validationData": nil, "userAttributes": nil},
		"response": map[string]any{"userAttributes": nil, "finalUserStatus": nil, "messageAction": nil},
	})
}

func (b *bench) delay(cognito, write time.Duration) {
	b.sandbox.OldFaults.Set(fault.Rule{Kind: fault.Delay, Probability: 1, Delay: cognito})
	b.sandbox.DynamoDBFaults.Set(fault.Rule{Kind: fault.Delay, Probability: 1, Delay: write})
}

// compare measures what the function does against the same calls alone, in turn.
func (b *bench) compare(t table.Writer, name string, ours, alone func() (time.Duration, error)) error {
	var took, floors, ratios []float64
	for i := range pairs + 5 {
		with, err := ours()
		if err != nil {
			return err
		}
		without, err := alone()
		if err != nil {
			return err
		}
		if i >= 5 { // after the connections stand
			took, floors = append(took, milliseconds(with)), append(floors, milliseconds(without))
			ratios = append(ratios, float64(with)/float64(without))
			_ = b.bar.Add(1)
		}
	}
	t.AppendRow(table.Row{name + ": median", ms(median(took)), ms(median(floors)), fmt.Sprintf("%+.1f %%", 100*(median(ratios)-1))})
	t.AppendRow(table.Row{name + ": 95th percentile", ms(percentile(took, 95)), ms(percentile(floors, 95)), ""})
	return nil
}

func (b *bench) signInAlone(ctx context.Context) (time.Duration, error) {
	u, err := b.newUser(ctx)
	if err != nil {
		return 0, err
	}
	took, _, err := b.floor.calls(u.Username, u.Password, u.Sub)
	return took, err
}

// signUp calls the guard as Cognito does when a stranger signs up, and returns how long that took.
func (b *bench) signUp(ctx context.Context) (time.Duration, error) {
	b.strangers++
	event, err := json.Marshal(map[string]any{
		"version": "1", "triggerSource": "PreSignUp_SignUp", "region": sandbox.Region, "userPoolId": sandbox.NewPoolID,
		"userName": fmt.Sprintf("stranger%06d", b.strangers), "callerContext": map[string]string{"clientId": sandbox.NewClientID},
		"request":  map[string]any{"userAttributes": map[string]string{"email": fmt.Sprintf("stranger%06d@example.com", b.strangers)}},
		"response": map[string]any{"autoConfirmUser": false},
	})
	if err != nil {
		return 0, err
	}
	return b.invoke(ctx, "guard", event, `"autoConfirmUser"`)
}

func (b *bench) signUpAlone() (time.Duration, error) {
	b.strangers++
	took, _, err := b.signUps.calls(fmt.Sprintf("stranger%06d", b.strangers), fmt.Sprintf("stranger%06d@example.com", b.strangers))
	return took, err
}

// processor compares the processor time of the function's process with that of the floor's, and reads the function's memory.
func (b *bench) processor(ctx context.Context, t table.Writer) error {
	b.delay(0, 0)
	if _, err := b.signIn(ctx); err != nil {
		return err
	}
	pid, err := functionProcess("migrate")
	if err != nil {
		return err
	}
	before, err := processorTime(pid)
	if err != nil {
		return err
	}
	for range hotSignIns {
		if _, err := b.signIn(ctx); err != nil {
			return err
		}
		_ = b.bar.Add(1)
	}
	after, err := processorTime(pid)
	if err != nil {
		return err
	}
	var floorBefore, floorAfter time.Duration
	for i := range hotSignIns {
		u, err := b.newUser(ctx)
		if err != nil {
			return err
		}
		if _, floorAfter, err = b.floor.calls(u.Username, u.Password, u.Sub); err != nil {
			return err
		}
		if i == 0 {
			floorBefore = floorAfter
		}
		_ = b.bar.Add(1)
	}
	ours := float64((after - before).Microseconds()) / hotSignIns
	floor := float64((floorAfter - floorBefore).Microseconds()) / (hotSignIns - 1)
	t.AppendRow(table.Row{"processor time a sign-in", fmt.Sprintf("%.0f µs", ours), fmt.Sprintf("%.0f µs", floor), fmt.Sprintf("%+.0f µs", ours-floor)})
	memory, err := status(pid, "VmHWM")
	if err != nil {
		return err
	}
	t.AppendRow(table.Row{fmt.Sprintf("memory at its peak, after %d sign-ins", b.users), memory, "", ""})
	return nil
}

// coldStart measures repeated cold starts of the function.
func (b *bench) coldStart(ctx context.Context, t table.Writer) error {
	var ready []float64
	for i := range coldStarts {
		stack, err := b.sandbox.Deploy(ctx, fmt.Sprintf("cold%d", i), rules)
		if err != nil {
			return err
		}
		b.stack = stack
		if _, err := b.signIn(ctx); err != nil {
			return err
		}
		for _, init := range b.sandbox.Lambda.Stats(stack.Name + "-migrate").Inits {
			ready = append(ready, milliseconds(init))
		}
		_ = b.bar.Add(1)
	}
	t.AppendRow(table.Row{"cold start, until it asks for work: median", ms(median(ready)), "", ""})
	t.AppendRow(table.Row{"cold start: 95th percentile", ms(percentile(ready, 95)), "", ""})
	return nil
}

// functionProcess finds the process of this checkout's function that was started last.
func functionProcess(function string) (int, error) {
	root, err := process.Root()
	if err != nil {
		return 0, err
	}
	binary := filepath.Join(root, "build", "host", function, "bootstrap")
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return 0, err
	}
	found := 0
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && exe == binary {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			found = max(found, pid)
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("no process of %s", binary)
	}
	return found, nil
}

// processorTime sums up what the threads of a process have run, which the kernel counts in nanoseconds.
func processorTime(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		var ran int64
		if _, err := fmt.Sscan(string(text), &ran); err != nil {
			return 0, err
		}
		sum += ran
	}
	return time.Duration(sum), nil
}

func status(pid int, field string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kilobytes, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return fmt.Sprintf("%.1f MB", kilobytes*1024/1e6), err
		}
	}
	return "", fmt.Errorf("no %s for process %d", field, pid)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ms(v float64) string { return fmt.Sprintf("%.1f ms", v) }

func median(v []float64) float64 { return percentile(v, 50) }

func percentile(v []float64, p int) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// floorProcess makes the SDK calls of a sign-in, or of a sign-up, and nothing else, each time it is told to.
type floorProcess struct {
	in  io.Writer
	out *bufio.Reader
}

func startFloor(ctx context.Context, stack *sandbox.Stack, of string) (*floorProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "floor", of)
	cmd.Env = append(os.Environ(), stack.Environ()...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &floorProcess{in: in, out: bufio.NewReader(out)}, cmd.Start() // it ends with its standard input
}

// calls returns how long the calls took, and the processor time of the floor's process so far.
func (f *floorProcess) calls(with ...any) (took, processor time.Duration, err error) {
	if _, err := fmt.Fprintln(f.in, with...); err != nil {
		return 0, 0, err
	}
	line, err := f.out.ReadString('\n')
	if err != nil {
		return 0, 0, fmt.Errorf("the floor's process ended: %w", err)
	}
	_, err = fmt.Sscan(line, &took, &processor)
	return took, processor, err
}
