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

// output is where answers and messages go. Whatever comes from elsewhere is printed without control characters.
type output struct {
	stdout, stderr io.Writer
	watched        bool // a person looks at stderr
	colour         bool // of stdout
}

// newOutput knows terminals. https://no-color.org
func newOutput(stdout, stderr *os.File) *output {
	return &output{
		stdout: stdout, stderr: stderr, watched: term.IsTerminal(int(stderr.Fd())),
		colour: term.IsTerminal(int(stdout.Fd())) && os.Getenv("NO_COLOR") == "",
	}
}

// The colours of what is wrong.
const (
	red    = "31"
	yellow = "33"
)

// printf prints an answer. The format is ours; the arguments are made printable, so numbers and times are texts by then.
func (o *output) printf(format string, args ...any) {
	fmt.Fprintf(o.stdout, format, printableAll(args)...)
}

// colouredf is printf in a colour, which may be none.
func (o *output) colouredf(colour, format string, args ...any) {
	if o.colour && colour != "" {
		format = "\x1b[" + colour + "m" + format + "\x1b[0m"
	}
	o.printf(format, args...)
}

// sayf prints a line beside the answer.
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

// raw prints a text of several lines. In JSON an escaped control character says the same as the character.
func (o *output) raw(s string) error {
	_, err := io.WriteString(o.stdout, escape(s, "\n\t"))
	return err
}

// table prints rows, of which there is one at least, under their headers.
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

// wrapped prints a text in lines of at most a hundred characters.
func (o *output) wrapped(indent, s string) {
	for line := range strings.Lines(text.WrapSoft(printable(s), 100)) {
		fmt.Fprintln(o.stdout, indent+strings.TrimRight(line, " \n"))
	}
}

// printableAll makes texts among values printable; others, such as numbers and times, stay as they are.
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

// printable escapes what would steer a terminal instead of showing on it.
func printable(s string) string { return escape(s, "") }

// escape escapes control and formatting characters, but for those to keep, as JSON writes them.
func escape(s, keep string) string {
	var b strings.Builder
	for _, r := range s {
		// Cf has the characters that turn the direction of writing, so that a text reads as another.
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
