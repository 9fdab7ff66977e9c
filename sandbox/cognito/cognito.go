// Package cognito runs Amazon Cognito user pools: one process each of an emulator that keeps AWS's rules where a
// migration meets them. The scripts beside this file state those rules; pool.js is the one that runs.
package cognito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// Pool is a running user pool. It keeps its users in memory.
type Pool struct {
	process  *process.Process
	endpoint string
}

// Start starts a user pool without users and returns when it answers, or when ctx is done. The pool's output goes to log.
func Start(ctx context.Context, cfg Config, log io.Writer) (*Pool, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	env, err := json.Marshal(cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	cmd, err := NodeCommand(context.WithoutCancel(ctx), "sandbox/cognito/pool.js")
	if err != nil {
		return nil, err
	}
	// The pool inherits its socket, so that no one else can take the port in between.
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	socket, err := listener.File()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p := &Pool{endpoint: "http://" + listener.Addr().String()}
	cmd.Env = append(cmd.Env, "POOL="+string(env), "ENDPOINT="+p.endpoint)
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Stdout, cmd.Stderr = log, log
	p.process, err = process.Start("the Cognito emulator", cmd)
	// This process closes the socket: otherwise a request would wait forever for a pool that has ended.
	if err := errors.Join(err, socket.Close(), listener.Close()); err != nil {
		return nil, err
	}
	if err := p.process.WaitReady(ctx, func(ctx context.Context) error { _, err := p.Users(ctx); return err }); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close ends the pool and forgets its users.
func (p *Pool) Close() { p.process.Stop() }

// Endpoint is the URL of the pool's Cognito API.
func (p *Pool) Endpoint() string { return p.endpoint }

// Put stores users as they are, and replaces users of the same username. It makes none of AWS's checks.
func (p *Pool) Put(ctx context.Context, users ...User) error {
	return p.control(ctx, http.MethodPost, "users", users, nil)
}

// Users returns all users of the pool, in no particular order.
func (p *Pool) Users(ctx context.Context) ([]User, error) {
	var users []User
	return users, p.control(ctx, http.MethodGet, "users", nil, &users)
}

// Delete removes users by their usernames. Unknown usernames are ignored.
func (p *Pool) Delete(ctx context.Context, usernames ...string) error {
	return p.control(ctx, http.MethodDelete, "users", usernames, nil)
}

// Advance moves the pool's clock forward.
func (p *Pool) Advance(ctx context.Context, by time.Duration) error {
	return p.set(ctx, "Advance", by.Milliseconds())
}

// SetClientSecrets replaces the app client's secrets, the newest last. Each of them is valid, and DescribeUserPoolClient
// gives the newest.
func (p *Pool) SetClientSecrets(ctx context.Context, secrets ...string) error {
	return p.set(ctx, "ClientSecrets", append([]string{}, secrets...))
}

// SetExplicitAuthFlows replaces the flows that the app client allows.
func (p *Pool) SetExplicitAuthFlows(ctx context.Context, flows ...string) error {
	return p.set(ctx, "ExplicitAuthFlows", append([]string{}, flows...))
}

// SetTriggers attaches functions by the names of LambdaConfig, "PreSignUp" for one, and detaches those that are nil. Others stay.
func (p *Pool) SetTriggers(ctx context.Context, triggers map[string]*Trigger) error {
	return p.set(ctx, "Triggers", triggers)
}

// SetPreSignUpOfMigrations sets Config.PreSignUpOfMigrations.
func (p *Pool) SetPreSignUpOfMigrations(ctx context.Context, source string) error {
	return p.set(ctx, "PreSignUpOfMigrations", source)
}

// SetPageSize makes ListUsers give at most so many users a page, even if the request asks for more; zero lifts that limit.
func (p *Pool) SetPageSize(ctx context.Context, users int) error {
	return p.set(ctx, "PageSize", users)
}

// SetRates limits the requests a second by AWS's categories of operations, "UserList" for one, and lifts all other limits.
// Requests beyond a limit get TooManyRequestsException.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
func (p *Pool) SetRates(ctx context.Context, rates map[string]float64) error {
	return p.set(ctx, "Rates", rates)
}

func (p *Pool) set(ctx context.Context, setting string, value any) error {
	return p.control(ctx, http.MethodPost, "settings", map[string]any{setting: value}, nil)
}

func (p *Pool) control(ctx context.Context, method, what string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.endpoint+"/_sandbox/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the Cognito emulator: %s: %s", res.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// NodeCommand returns a command that runs a script, named by its path from the project's root, with the sandbox's own Node
// and packages.
func NodeCommand(ctx context.Context, script string, args ...string) (*exec.Cmd, error) {
	root, err := process.Root()
	if err != nil {
		return nil, err
	}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	modules := filepath.Join(root, ".cache", "npm")
	node := filepath.Join(modules, "node-"+runtime.GOOS+"-"+cmp.Or(arch, runtime.GOARCH), "bin", "node")
	if _, err := os.Stat(node); err != nil {
		return nil, errors.New(`the sandbox is not set up: run "make test" (or "make demo") once, which installs what it needs`)
	}
	script = filepath.Join(root, script)
	if _, err := os.ReadDir(filepath.Dir(script)); err != nil { // which also has "go test" run again when a script changes
		return nil, err
	}
	cmd := exec.CommandContext(ctx, node, append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd, nil
}
