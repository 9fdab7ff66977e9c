package lambda

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
)

// maxTail is how much of its log an invocation's caller may ask for, in bytes.
const maxTail = 4 << 10

// output reads what one environment writes to stdout and stderr, and passes it on by whole lines.
type output struct {
	pipe  *os.File
	raw   syscall.RawConn
	write func(lines []byte)

	mu      sync.Mutex
	partial []byte // a line whose end has not come yet
	tail    []byte // the end of what came since mark
}

// readOutput reads the pipe until every writer has closed it.
func readOutput(pipe *os.File, write func(lines []byte)) (*output, error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return nil, err
	}
	o := &output{pipe: pipe, raw: raw, write: write}
	go func() { _ = raw.Read(o.read) }()
	return o, nil
}

// read takes what is in the pipe, without waiting. It returns whether the pipe has come to its end.
func (o *output) read(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var buffer [4096]byte
	for {
		n, err := syscall.Read(int(fd), buffer[:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil || n == 0:
			return true
		default:
			o.add(buffer[:n])
		}
	}
}

func (o *output) add(b []byte) {
	o.tail = append(o.tail, b...)
	o.tail = o.tail[max(0, len(o.tail)-maxTail):]
	o.partial = append(o.partial, b...)
	if end := bytes.LastIndexByte(o.partial, '\n') + 1; end > 0 {
		o.write(o.partial[:end])
		o.partial = append(o.partial[:0], o.partial[end:]...)
	}
}

// mark begins a new tail.
func (o *output) mark() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = nil
}

// sync takes what has been written so far and returns the tail.
func (o *output) sync() []byte {
	_ = o.raw.Control(func(fd uintptr) { o.read(fd) })
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tail
}

// close takes the rest, and ends a last line that was cut short.
func (o *output) close() {
	o.sync()
	_ = o.pipe.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.write(append(o.partial, '\n'))
		o.partial = nil
	}
}
