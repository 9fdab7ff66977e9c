package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// consent is how a command that changes something is agreed to.
type consent struct {
	Yes bool `help:"Ask nothing, and go on."`
}

// possible holds that somebody can agree, before anything else is done.
func (c consent) possible(out *output) error {
	if c.Yes || out.answers {
		return nil
	}
	return usageError{errors.New("there is no terminal to ask on: look at the command's --help, then use --yes")}
}

// errDeclined says that the operator did not agree.
var errDeclined = errors.New("nothing was changed")

// ask returns nil if the operator agrees. Without an answer, nobody does.
func (c consent) ask(ctx context.Context, out *output, question string) error {
	if c.Yes {
		return nil
	}
	if !out.answers {
		return errDeclined
	}
	fmt.Fprint(out.stderr, question+" [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out.stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return errors.New("interrupted: nothing was changed")
	case line := <-answer:
		if line == "y" || line == "yes" {
			return nil
		}
		return errDeclined
	}
}
