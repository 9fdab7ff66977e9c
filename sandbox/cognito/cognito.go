// Package cognito runs Amazon Cognito user pools: one process each of an emulator that keeps AWS's rules where a
// migration meets them. pool.js states those rules.
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

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// Config describes a user pool and its one app client. The pool takes plain usernames.
type Config struct {
	// PoolID is the pool's id, such as "eu-west-1_aB3dE5gH7"; what is before the underscore is its Region.
	PoolID string
	// ClientID is the app client's id: 26 lower-case letters and digits.
	ClientID string
	// AliasAttributes are those of "email" and "phone_number" that a user may sign in with once they are verified.
	AliasAttributes []string
	// MFA is the pool's MfaConfiguration: "OFF" (the default; no user is asked for a second factor), "OPTIONAL" or "ON".
	MFA string
	// PreventUserExistenceErrors is "ENABLED" (the default here, as in the AWS console) or "LEGACY" (AWS's default for an
	// app client made through the API).
	PreventUserExistenceErrors string
	// UserMigration is the pool's user migration trigger, or nil.
	UserMigration *Trigger
}

// Trigger is a Lambda function behind an endpoint that speaks Lambda's Invoke API.
type Trigger struct {
	Endpoint string
	Function string
}

// User is a user as the pool holds it. The zero value of a field is the usual case.
type User struct {
	Username   string
	Password   string            // in the clear, for tests to compare
	Sub        string            // made by the pool if empty
	Attributes map[string]string // all but sub
	Disabled   bool
	Status     string // UserStatus, any that AWS may ever report; empty: CONFIRMED

	MFA          []string // UserMFASettingList
	PreferredMFA string   // PreferredMfaSetting, if any

	// FailedSignIns counts the wrong passwords since the last right one. From the fifth on each locks the user, for 1, 2, 4
	// seconds and so on up to 15 minutes; a user who is laid down with them is locked from that moment.
	FailedSignIns int
	// PreAuthenticationError is the error with which the pool's pre authentication trigger refuses the user's sign-ins.
	PreAuthenticationError string
	// Code is the last code sent for ForgotPassword and not used yet. Only Users sets it.
	Code string
}

// Pool is a running user pool. It keeps its users in memory.
type Pool struct {
	process  *process.Process
	endpoint string
}

// Start starts a user pool without users and returns when it answers, or when ctx is done. The pool's output goes to log.
func Start(ctx context.Context, cfg Config, log io.Writer) (*Pool, error) {
	cfg.MFA = cmp.Or(cfg.MFA, "OFF")
	cfg.PreventUserExistenceErrors = cmp.Or(cfg.PreventUserExistenceErrors, "ENABLED")
	env, err := json.Marshal(cfg)
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
	// Were the socket open here as well, a request would wait for ever for a pool that has ended.
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

// Put lays down users as they are, each in place of the one of that username.
func (p *Pool) Put(ctx context.Context, users ...User) error {
	return p.control(ctx, http.MethodPost, users, nil)
}

// Users returns all users of the pool, in no particular order.
func (p *Pool) Users(ctx context.Context) ([]User, error) {
	var users []User
	return users, p.control(ctx, http.MethodGet, nil, &users)
}

// Delete removes users by their usernames; those that aren't there are no error.
func (p *Pool) Delete(ctx context.Context, usernames ...string) error {
	return p.control(ctx, http.MethodDelete, usernames, nil)
}

func (p *Pool) control(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.endpoint+"/_sandbox/users", bytes.NewReader(body))
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
	if _, err := os.Stat(script); err != nil { // which also has "go test" run again when the script changes
		return nil, err
	}
	cmd := exec.CommandContext(ctx, node, append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd, nil
}
