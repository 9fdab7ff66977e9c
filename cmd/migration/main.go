// Migration is the operator's tool: it asks a deployed stack, with the operator's own credentials, and prints the answer.
//
// It exits with 0 if all is well, with 1 if the answer says that something is wrong or the call failed, and with 2 if the command
// line is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/version"
)

// commands is the command line. Nothing in it is read from the environment but STACK, and what the AWS SDK reads by itself.
type commands struct {
	Stack   string `env:"STACK" placeholder:"NAME" help:"The stack to ask."`
	Region  string `placeholder:"REGION" help:"The stack's Region (default: as the AWS SDK finds it)."`
	Profile string `placeholder:"NAME" help:"The profile to use (default: as the AWS SDK finds it)."`

	Report    reportCommand    `cmd:"" group:"How far it is" help:"Say how far the migration is."`
	Readiness readinessCommand `cmd:"" group:"How far it is" help:"Say whether the old pool may be switched off, and why."`
	Census    censusCommand    `cmd:"" group:"How far it is" help:"Count the users of both pools: how many are left."`
	Remaining remainingCommand `cmd:"" group:"How far it is" help:"Say who is left, from the old pool itself."`

	User        userCommand        `cmd:"" group:"For support" help:"Show one user's history, and what to tell that user."`
	Blocked     blockedCommand     `cmd:"" group:"For support" help:"Count blocked users by reason, or list those of one reason."`
	Unconfirmed unconfirmedCommand `cmd:"" group:"For support" help:"List users migrated and not confirmed."`

	Preflight preflightCommand `cmd:"" group:"Set up and operate" help:"Check how both pools are set up."`
	Attach    attachCommand    `cmd:"" group:"Set up and operate" help:"Have the new pool call the stack's functions."`
	Detach    detachCommand    `cmd:"" group:"Set up and operate" help:"Have the new pool no longer call the stack's functions."`
	Restore   restoreCommand   `cmd:"" group:"Set up and operate" help:"Put a pool's settings back as a file has them."`
	Smoke     smokeCommand     `cmd:"" group:"Set up and operate" help:"Try all of it on AWS, in throw-away pools and a throw-away stack."`
	Logs      logsCommand      `cmd:"" group:"Set up and operate" help:"Print a function's log lines."`

	Safeguards safeguardsCommand `cmd:"" group:"Keep the record" help:"Check whether what guards the record is still there."`

	Verify  verifyCommand  `cmd:"" group:"Keep the record" help:"Verify the record: all of it, a user or a day."`
	Rebuild rebuildCommand `cmd:"" group:"Keep the record" help:"Rebuild the progress table from the audit table."`
	Close   closeCommand   `cmd:"" group:"Keep the record" help:"Close the days that are over."`

	Journal journalCommand `cmd:"" group:"For the auditor" help:"List the verdicts, censuses and declarations."`

	Trail trailCommand `cmd:"" group:"For the auditor" help:"List a period's events in the order of their recording."`
	Audit auditCommand `cmd:"" group:"For the auditor" help:"Write a period's trail to files."`

	Version versionCommand `cmd:"" group:"Other" help:"Print this tool's version."`
}

type versionCommand struct{}

func (versionCommand) Help() string { return example("migration version") }

func (versionCommand) Run(out *output) error {
	return out.raw(version.String() + "\n")
}

// example is a command's help: one command line.
func example(line string) string { return "Example:\n\n    " + line }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], newOutput(os.Stdin, os.Stdout, os.Stderr))
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	fine  = 0
	wrong = 1
	usage = 2
)

// errFound says that the printed answer reports something wrong.
var errFound = errors.New("something is wrong")

// usageError says what is wrong with the command line.
type usageError struct{ error }

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, out *output) int {
	var c commands
	helped := false
	parser, err := newParser(&c, out, func(int) { helped = true })
	if err != nil {
		out.fail(err)
		return wrong
	}
	if len(args) == 0 {
		parser.Stdout = out.stderr
		_, _ = parser.Parse([]string{"--help"})
		return usage
	}
	command, err := parse(parser, args)
	if helped {
		return fine
	}
	if err == nil {
		command.BindTo(ctx, (*context.Context)(nil))
		err = command.Run(&stack{name: c.Stack, region: c.Region, profile: c.Profile}, out)
	}
	var mistake usageError
	switch {
	case err == nil:
		return fine
	case errors.Is(err, errFound):
		return wrong
	case errors.As(err, &mistake):
		out.fail(fmt.Errorf(`%w; "migration --help" lists the commands`, err))
		return usage
	default:
		out.fail(err)
		return wrong
	}
}

// newParser returns the parser of the command line. It calls exit after it has printed help.
func newParser(c *commands, out *output, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("migration"), kong.Description("Asks a stack how its migration is going, and looks after its record."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 120}),
		kong.Writers(out.stdout, out.stderr), kong.Exit(exit))
}

// parse reads a command line. What it finds wrong is a usageError.
func parse(parser *kong.Kong, args []string) (*kong.Context, error) {
	for _, arg := range args {
		// JSON can't carry it: the question would be about another name.
		if !utf8.ValidString(arg) {
			return nil, usageError{fmt.Errorf("%q is not UTF-8", arg)}
		}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return nil, usageError{err}
	}
	return command, nil
}
