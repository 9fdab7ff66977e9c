// Package importcsv writes users into files that Cognito's CSV import takes.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool-csv-header.html
package importcsv

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Limits are what one job takes.
// https://docs.aws.amazon.com/cognito/latest/developerguide/limits.html
type Limits struct {
	Rows  int // users of a file, the header apart
	Bytes int // of a file
	Row   int // characters of a row
}

// Cognito are AWS's limits.
var Cognito = Limits{Rows: 500_000, Bytes: 100_000_000, Row: 16_000}

// Writer writes users into the files of a folder, users-001.csv and so on, which only the owner may read.
type Writer struct {
	folder string
	header []string
	limits Limits

	files int
	rows  int // of the file
	bytes int
	file  *os.File
	out   *bufio.Writer
}

// NewWriter returns a writer of files with a header, as GetCSVHeader of the new pool gives it. The folder has to be there.
func NewWriter(folder string, header []string, limits Limits) *Writer {
	return &Writer{folder: folder, header: header, limits: limits}
}

// Unwritable says why a user can't be written.
type Unwritable string

func (u Unwritable) Error() string { return string(u) }

// Write writes a user, by the columns of the header; columns without a value stay empty. A user whom the format can't carry is an
// Unwritable error, and the writer goes on.
func (w *Writer) Write(user map[string]string) error {
	line, err := w.line(user)
	if err != nil {
		return err
	}
	if w.file == nil || w.rows == w.limits.Rows || w.bytes+len(line) > w.limits.Bytes {
		if err := w.next(); err != nil {
			return err
		}
	}
	w.rows++
	w.bytes += len(line)
	_, err = w.out.WriteString(line)
	return err
}

// line is a user's row. Cognito takes values as they are, without quotation marks, and a comma in a value with a backslash before it. It
// names no way to write a line's end in a value, and none to tell a backslash from one that stands before a comma.
func (w *Writer) line(user map[string]string) (string, error) {
	left := len(user)
	cells := make([]string, len(w.header))
	for i, column := range w.header {
		value, ok := user[column]
		if ok {
			left--
		}
		if strings.ContainsAny(value, "\n\r\\") {
			return "", Unwritable(column + " holds a line's end or a backslash")
		}
		cells[i] = strings.ReplaceAll(value, ",", `\,`)
	}
	line := strings.Join(cells, ",")
	switch {
	case left > 0:
		return "", Unwritable("an attribute is none of the new pool's")
	case utf8.RuneCountInString(line) > w.limits.Row:
		return "", Unwritable(fmt.Sprintf("more than %d characters in all", w.limits.Row))
	}
	return line + "\n", nil
}

// next begins another file.
func (w *Writer) next() error {
	if err := w.Close(); err != nil {
		return err
	}
	w.files++
	file, err := os.OpenFile(w.name(w.files), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	header := strings.Join(w.header, ",") + "\n"
	w.file, w.out, w.rows, w.bytes = file, bufio.NewWriter(file), 0, len(header)
	_, err = w.out.WriteString(header)
	return err
}

// Checkpoint is how far a writer has come.
type Checkpoint struct {
	Files int // the last of them is the one that is written
	Rows  int // of it
	Bytes int // of it
}

// Checkpoint has all that was written in the files, and returns how far that is.
func (w *Writer) Checkpoint() (Checkpoint, error) {
	at := Checkpoint{Files: w.files, Rows: w.rows, Bytes: w.bytes}
	if w.file == nil {
		return at, nil
	}
	return at, w.out.Flush()
}

// Resume returns a writer that goes on from a checkpoint in the same folder: what was written after it is taken away.
func Resume(folder string, header []string, limits Limits, at Checkpoint) (*Writer, error) {
	w := &Writer{folder: folder, header: header, limits: limits, files: at.Files, rows: at.Rows, bytes: at.Bytes}
	for later := at.Files + 1; ; later++ {
		if err := os.Remove(w.name(later)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	if at.Files == 0 {
		return w, nil
	}
	if err := os.Truncate(w.name(at.Files), int64(at.Bytes)); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(w.name(at.Files), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w.file, w.out = file, bufio.NewWriter(file)
	return w, nil
}

func (w *Writer) name(file int) string {
	return filepath.Join(w.folder, fmt.Sprintf("users-%03d.csv", file))
}

// Files is how many files there are.
func (w *Writer) Files() int { return w.files }

// Close ends the last file.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file = nil
	return errors.Join(w.out.Flush(), file.Close())
}
