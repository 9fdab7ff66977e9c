package importcsv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/importcsv"
)

var header = []string{"cognito:username", "name", "email", "email_verified", "cognito:mfa_enabled", "custom:note"}

// parse reads a file as Cognito's documentation describes it: a line is a user, commas part values, and a comma with a backslash before
// it is part of a value.
func parse(t interface{ Fatal(...any) }, path string) (users []map[string]string, size int) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	columns := strings.Split(lines[0], ",")
	for _, line := range lines[1:] {
		cells := strings.Split(strings.ReplaceAll(line, `\,`, "\x00"), ",")
		if len(cells) != len(columns) {
			t.Fatal(fmt.Sprintf("%d values in %d columns: %s", len(cells), len(columns), line))
		}
		user := map[string]string{}
		for i, cell := range cells {
			if cell != "" {
				user[columns[i]] = strings.ReplaceAll(cell, "\x00", ",")
			}
		}
		users = append(users, user)
	}
	return users, len(text)
}

// killed writes users whom a kill takes back, and goes on from the checkpoint before them.
func killed(t *rapid.T, w *importcsv.Writer, folder string, limits importcsv.Limits) *importcsv.Writer {
	at, err := w.Checkpoint()
	for range rapid.IntRange(0, 12).Draw(t, "users after the checkpoint") {
		err = errors.Join(err, w.Write(map[string]string{"name": "written twice"}))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	resumed, err := importcsv.Resume(folder, header, limits, at)
	if err != nil {
		t.Fatal(err)
	}
	return resumed
}

// What can be written reads back as it was; what can't is refused; and no file is larger than a job takes.
func TestUsersReadBack(t *testing.T) {
	limits := importcsv.Limits{Rows: 5, Bytes: 400, Row: 120}
	folders := t.TempDir()
	folderCount := 0
	rapid.Check(t, func(t *rapid.T) {
		folderCount++
		folder := filepath.Join(folders, fmt.Sprint(folderCount))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		w := importcsv.NewWriter(folder, header, limits)
		var want []map[string]string
		value := rapid.OneOf(rapid.StringMatching(`[a-z ,"'=名ü🙂]{1,20}`), rapid.StringMatching(`[a,"\n\r\\]{1,3}`))
		for range rapid.IntRange(0, 20).Draw(t, "users") {
			if rapid.IntRange(0, 5).Draw(t, "killed") == 0 {
				w = killed(t, w, folder, limits)
			}
			user := map[string]string{}
			for _, column := range header {
				user[column] = value.Draw(t, column)
			}
			err := w.Write(user)
			text := strings.Join([]string{user[header[0]], user[header[1]], user[header[2]], user[header[3]], user[header[4]], user[header[5]]}, ",")
			var unwritable importcsv.Unwritable
			switch refused := errors.As(err, &unwritable); {
			case err != nil && !refused:
				t.Fatal(err)
			case refused && !strings.ContainsAny(text, "\n\r\\") && len([]rune(strings.ReplaceAll(text, ",", `\,`))) <= limits.Row:
				t.Fatalf("%q is refused: %v", text, err)
			case !refused:
				want = append(want, user)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var got []map[string]string
		for i := range w.Files() {
			path := filepath.Join(folder, fmt.Sprintf("users-%03d.csv", i+1))
			users, size := parse(t, path)
			if len(users) > limits.Rows || size > limits.Bytes {
				t.Fatalf("%s: %d users, %d bytes", path, len(users), size)
			}
			got = append(got, users...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	})
}

func TestOnlyTheOwnerReadsTheFiles(t *testing.T) {
	folder := t.TempDir()
	w := importcsv.NewWriter(folder, header, importcsv.Cognito)
	for _, err := range []error{w.Write(map[string]string{"name": "Ada"}), w.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(folder, "users-001.csv"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := w.Write(map[string]string{"shoe_size": "41"}); err == nil {
		t.Error("an attribute that the header does not have is dropped")
	}
}
