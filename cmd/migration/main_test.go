package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// grammar is the parser of the command line, which prints nothing.
func grammar(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := newParser(&commands{}, &output{stdout: io.Discard, stderr: io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// accepts tells whether the tool takes a command line.
func accepts(t *testing.T, args ...string) error {
	t.Helper()
	_, err := parse(grammar(t), args)
	return err
}

// Every command has an example, which is a command line that the tool takes, and is in the help under who asks for it.
func TestExamples(t *testing.T) {
	for _, command := range grammar(t).Model.Leaves(true) {
		_, line, ok := strings.Cut(command.Detail, "migration "+command.Name)
		line, _, _ = strings.Cut(line, " >")
		if !ok {
			t.Errorf("%s has no example: %q", command.Name, command.Detail)
		} else if err := accepts(t, append([]string{command.Name}, strings.Fields(line)...)...); err != nil {
			t.Errorf("%s: %v", command.Detail, err)
		}
		if command.ClosestGroup() == nil {
			t.Errorf("%s is in no group", command.Name)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "") // the parser fits help into a terminal by it
	for name, args := range map[string][]string{"help": {"--help"}, "help of a command": {"user", "--help"}} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := tool(t, args...)
			if code != 0 || stderr != "" {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			golden(t, stdout)
		})
	}
}

func TestVersion(t *testing.T) {
	stdout, stderr, code := tool(t, "version")
	if code != 0 || stderr != "" || !regexp.MustCompile(`^\S+\n$`).MatchString(stdout) {
		t.Errorf("exit code %d: %q%s", code, stdout, stderr)
	}
}

// Command lines stand in blocks of the documentation, and between backquotes in its text.
var (
	inBlock = regexp.MustCompile(`(?m)^[ \t]*(?:build/)?(migration .*)$|\$\((migration [^)]*)\)`)
	inText  = regexp.MustCompile("`(?:build/)?(migration [^`]*)`")
)

// documented finds the command lines of a page.
func documented(page string) []string {
	var lines []string
	for i, part := range strings.Split(page, "```") {
		form := inText
		if i%2 == 1 {
			form = inBlock
		}
		for _, found := range form.FindAllStringSubmatch(strings.ReplaceAll(part, "\\\n", " "), -1) {
			lines = append(lines, strings.Join(found[1:], "")) // one of the groups is empty
		}
	}
	return lines
}

// What the documentation says to type, the tool takes. A shell takes the lines apart, as an operator's would.
func TestDocumentedCommandLines(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	playbooks, err := filepath.Glob("../../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, page := range append(append(pages, playbooks...), "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range documented(string(text)) {
			lines++
			for _, args := range typed(t, line) {
				if err := accepts(t, args...); err != nil {
					t.Errorf("%s: %s: %v", page, line, err)
				}
			}
		}
	}
	if lines == 0 {
		t.Error("the documentation names no command line")
	}
}

// placeholder is what stands in the documentation for something of the operator's.
var placeholder = strings.NewReplacer("--from=…", "--from=2026-07-01", "--to=…", "--to=2026-08-01", "--day=…", "--day=2026-07-14",
	"=DAY", "=2026-07-14", "$sub", "sub", "${sub}", "sub")

// typed has a shell run a line that begins with migration, and returns the arguments that it got, each time that it was run.
func typed(t *testing.T, line string) [][]string {
	t.Helper()
	dir := t.TempDir()
	const record = `#!/bin/sh
printf '%s\0' "$@" >>"$RECORD"
printf '\n\0' >>"$RECORD"
`
	if err := os.WriteFile(filepath.Join(dir, "migration"), []byte(record), 0o700); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "/bin/sh", "-c", placeholder.Replace(line))
	shell.Dir, shell.Env = dir, []string{"PATH=" + dir, "RECORD=" + filepath.Join(dir, "record"), "STACK=stack"}
	out, _ := shell.CombinedOutput() // what the answer is piped to is not there
	recorded, err := os.ReadFile(filepath.Join(dir, "record"))
	if err != nil {
		t.Errorf("%s: a shell does not run it: %s", line, out)
		return nil
	}
	var all [][]string
	for run := range bytes.SplitSeq(bytes.TrimSuffix(recorded, []byte("\x00\n\x00")), []byte("\x00\n\x00")) {
		all = append(all, strings.Split(string(run), "\x00"))
	}
	return all
}
