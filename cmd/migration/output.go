package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// output prints answers and messages. It prints text from elsewhere without control characters.
type output struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	answers        bool // a person answers at stdin
	watched        bool // a person looks at stderr
	colour         bool // of stdout
}

// newOutput uses bars and colours on a terminal only, and honours https://no-color.org.
func newOutput(stdin, stdout, stderr *os.File) *output {
	return &output{
		stdin: stdin, stdout: stdout, stderr: stderr,
		answers: term.IsTerminal(int(stdin.Fd())), watched: term.IsTerminal(int(stderr.Fd())),
		colour: term.IsTerminal(int(stdout.Fd())) && os.Getenv("NO_COLOR") == "",
	}
}

// The colours of what is wrong, doubtful and right.
const (
	red    = "31"
	yellow = "33"
	green  = "32"
)

// printf prints an answer. printableAll formats the arguments first, so numbers and times are texts by then.
func (o *output) printf(format string, args ...any) {
	fmt.Fprintf(o.stdout, format, printableAll(args)...)
}

// colouredf is printf in a colour; an empty colour is none.
func (o *output) colouredf(colour, format string, args ...any) {
	if o.colour && colour != "" {
		format = "\x1b[" + colour + "m" + format + "\x1b[0m"
	}
	o.printf(format, args...)
}

// sayf prints a line on stderr.
func (o *output) sayf(format string, args ...any) {
	fmt.Fprintf(o.stderr, "migration: "+format+"\n", printableAll(args)...)
}

func (o *output) fail(err error) { o.sayf("%s", err) }

// json prints an answer as it is, indented.
func (o *output) json(answer json.RawMessage) error {
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(answer), "", "  "); err != nil {
		return err
	}
	return o.raw(indented.String() + "\n")
}

// raw prints a text of several lines. In JSON an escaped control character means the same as the character.
func (o *output) raw(s string) error {
	_, err := io.WriteString(o.stdout, escape(s, "\n\t"))
	return err
}

// table prints at least one row under the headers.
func (o *output) table(headers []string, rows [][]any) {
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Box:    table.BoxStyle{PaddingRight: "  ", PageSeparator: "\n"},
		Format: table.FormatOptions{Header: text.FormatUpper},
	})
	header := make(table.Row, len(headers))
	for i, h := range headers {
		header[i] = h
	}
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for i, cell := range rows[0] {
		if _, number := cell.(int); number {
			columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.SetColumnConfigs(columns)
	for _, row := range rows {
		t.AppendRow(printableAll(row))
	}
	for line := range strings.Lines(t.Render() + "\n") {
		fmt.Fprintln(o.stdout, strings.TrimRight(line, " \n"))
	}
}

// wrapped prints a text in lines of at most 100 characters.
func (o *output) wrapped(indent, s string) {
	for line := range strings.Lines(text.WrapSoft(printable(s), 100)) {
		fmt.Fprintln(o.stdout, indent+strings.TrimRight(line, " \n"))
	}
}

// printableAll formats times to the minute and integers with separators, and makes texts printable. Other values stay as they are.
func printableAll(values []any) []any {
	all := make([]any, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case error:
			all[i] = printable(v.Error())
		case time.Time:
			all[i] = minute(v)
		case int:
			all[i] = message.NewPrinter(language.English).Sprint(v)
		default:
			if value := reflect.ValueOf(v); value.Kind() == reflect.String {
				all[i] = printable(value.String())
			} else {
				all[i] = v
			}
		}
	}
	return all
}

// minute is a moment to the minute, in UTC as everything in the record.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// printable escapes characters that would steer the terminal.
func printable(s string) string { return escape(s, "") }

// escape escapes control and formatting characters as JSON does, except those in keep.
func escape(s, keep string) string {
	var b strings.Builder
	for _, r := range s {
		// Cf includes the characters that reverse the writing direction, so that a text reads as another.
		switch steers := unicode.IsControl(r) || unicode.Is(unicode.Cf, r); {
		case !steers || strings.ContainsRune(keep, r):
			b.WriteRune(r) // a byte that is no UTF-8 is U+FFFD here
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}
