package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/importcsv"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/listusers"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// toImport writes files for Cognito's import. They are in the folder FOLDER.unfinished until all are complete: a run that was ended goes on
// there.
func (w *walk) toImport(ctx context.Context, folder string) error {
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s is there already: name another folder (%w)", folder, cmp.Or(err, fs.ErrExist))}
	}
	header, err := w.new.GetCSVHeader(ctx, &cognito.GetCSVHeaderInput{UserPoolId: &w.newID})
	if err != nil {
		return w.stack.explain(ctx, err)
	}
	unfinished := folder + ".unfinished"
	job, err := openImport(unfinished, header.CSVHeader, w.identity(header.CSVHeader))
	if err != nil {
		return err
	}
	if job.state.Listed > 0 {
		w.out.sayf("goes on after the %v users of %s", job.state.Listed, unfinished)
	}
	err = job.write(ctx, w)
	var ended *listusers.InvalidTokenError
	if errors.As(err, &ended) && job.resumed {
		w.out.sayf("begins again: Cognito's list is good for an hour, and has ended")
		if err = errors.Join(job.close(), os.RemoveAll(unfinished)); err != nil {
			return err
		}
		if job, err = openImport(unfinished, header.CSVHeader, job.state.Of); err != nil {
			return err
		}
		err = job.write(ctx, w)
	}
	if err := errors.Join(err, job.close()); err != nil {
		return fmt.Errorf("%w; what is done stays in %s, where the same command goes on within an hour", err, unfinished)
	}
	if err := errors.Join(os.Remove(job.path(stateFile)), os.Rename(unfinished, folder)); err != nil {
		return err
	}
	w.out.printf("%s: %v users to import in %v files; %v can't be imported: left-out.csv says why.\n",
		folder, job.state.Left-job.state.LeftOut, job.files.Files(), job.state.LeftOut)
	return nil
}

// identity tells one import from another: a run goes on only with what the same question has left.
func (w *walk) identity(header []string) string {
	all := slices.Concat([]string{w.oldID, w.newID}, w.rules, header)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(all, "\n"))))
}

const (
	stateFile   = "state.json"
	leftOutFile = "left-out.csv"
)

// importState is how far an import's files are. It is kept beside them, for the owner's eyes only as they are.
type importState struct {
	Of                    string // the identity
	Token                 string // of the page to go on with
	Done                  bool   // there was none after the last
	Listed, Left, LeftOut int
	Files                 importcsv.Checkpoint
	LeftOutBytes          int64 // of the file of those who can't be imported
}

// importJob writes the files of an import.
type importJob struct {
	folder  string
	state   importState
	resumed bool
	files   *importcsv.Writer
	leftOut *os.File
	rows    *csv.Writer // of leftOut
}

// openImport begins an import in a folder, or goes on with the one that is there.
func openImport(folder string, header []string, identity string) (*importJob, error) {
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	j := &importJob{folder: folder, state: importState{Of: identity}}
	text, err := os.ReadFile(j.path(stateFile))
	switch {
	case err == nil:
		if json.Unmarshal(text, &j.state) != nil || j.state.Of != identity {
			return nil, usageError{fmt.Errorf("%s is of another import, or of other pools, rules or columns: remove it, or name another folder", folder)}
		}
		j.resumed = true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if j.files, err = importcsv.Resume(folder, header, importcsv.Cognito, j.state.Files); err != nil {
		return nil, err
	}
	if j.leftOut, err = os.OpenFile(j.path(leftOutFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	j.rows = csv.NewWriter(j.leftOut)
	if err := j.leftOut.Truncate(j.state.LeftOutBytes); err != nil || j.resumed {
		return j, err
	}
	return j, errors.Join(j.rows.Write([]string{"sub", "username", "reason"}), j.keep())
}

func (j *importJob) path(name string) string { return filepath.Join(j.folder, name) }

// write goes through the users who are left, from where the state is.
func (j *importJob) write(ctx context.Context, w *walk) error {
	if j.state.Done {
		return nil
	}
	w.token, w.listed, w.left = j.state.Token, j.state.Listed, j.state.Left
	w.paged = func() error {
		j.state.Token, j.state.Done, j.state.Listed, j.state.Left = w.token, w.token == "", w.listed, w.left
		return j.keep()
	}
	return w.remaining(ctx, func(a migration.Account, _ string) error { return j.take(w.policy, a) })
}

// take writes a user into the files, or among those who can't be imported.
func (j *importJob) take(policy migration.Policy, a migration.Account) error {
	d := policy.Import(a)
	reason := strings.TrimSpace(string(d.Reason) + " " + d.Attribute)
	if d.Outcome == migration.Migrated {
		err := j.files.Write(columns(d.Attributes, policy.NewPool.MfaConfiguration))
		var unwritable importcsv.Unwritable
		if !errors.As(err, &unwritable) {
			return err
		}
		reason = unwritable.Error()
	}
	j.state.LeftOut++
	return j.rows.Write([]string{a.Sub, a.Username, reason})
}

// keep has all files hold what was written, and then the state say so. A kill at any moment leaves a state whose files hold at least that.
func (j *importJob) keep() (err error) {
	j.rows.Flush()
	if err := j.rows.Error(); err != nil {
		return err
	}
	info, err := j.leftOut.Stat()
	if err != nil {
		return err
	}
	j.state.LeftOutBytes = info.Size()
	if j.state.Files, err = j.files.Checkpoint(); err != nil {
		return err
	}
	text, err := json.Marshal(j.state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(j.path(stateFile+".new"), text, 0o600); err != nil {
		return err
	}
	return os.Rename(j.path(stateFile+".new"), j.path(stateFile))
}

func (j *importJob) close() error { return errors.Join(j.files.Close(), j.leftOut.Close()) }
