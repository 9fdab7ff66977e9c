package fault

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sleep waits for d; it returns an error if ctx is done first. The timer is the kernel's own: one of Go's runtime waits in
// whole milliseconds when the process is otherwise idle, which is much beside the few that an AWS call takes.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil // zero would disarm the timer
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make a timer: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timer")
	defer func() { _ = timer.Close() }()
	defer context.AfterFunc(ctx, func() { _ = timer.Close() })()
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil); err != nil {
		return fmt.Errorf("set a timer: %w", err)
	}
	_, err = timer.Read(make([]byte, 8))
	return err
}
