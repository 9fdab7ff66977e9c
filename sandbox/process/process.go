// Package process runs the sandbox's child processes and makes sure that none outlives the run.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a running child process.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // why it ended; read after done
}

// Start starts cmd in a process group of its own. The kernel kills it if this process dies first; Stop ends it otherwise.
// The name is for error messages.
func Start(name string, cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal is tied to the thread that forked, so that thread has to live as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends sig to the process and its children; a process that has ended ignores it.
func (p *Process) Signal(sig syscall.Signal) {
	select {
	case <-p.done: // its id may be another's by now
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
}

// Stop kills the process and its children, and returns when it has ended.
func (p *Process) Stop() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// WaitReady polls ready until it returns nil. It fails when the process ends first or ctx is done, with ready's last error.
func (p *Process) WaitReady(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready: %w", p.name, errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %w", p.name, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// Root returns the project's root: the nearest folder upwards from the working directory that holds go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above: run this inside the project")
		}
		dir = parent
	}
}
