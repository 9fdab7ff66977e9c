package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// auditCommand writes two files: events.jsonl, every stream that the period touched, each from its first event; and manifest.json, with
// counts and hashes. docs/auditing.md shows how to check them without this code.
type auditCommand struct {
	From moment `required:"" placeholder:"DAY" help:"The first day or time of the period, UTC: 2026-07-01 or 2026-07-01T12:00:00Z."`
	To   moment `placeholder:"DAY" help:"The end of the period, not in it; without it, two minutes ago."`
	Out  string `placeholder:"FOLDER" help:"The folder to write, which must not exist (default: audit-STACK-DAY)."`
}

func (auditCommand) Help() string {
	return example("migration audit --from=2026-07-01 --to=2026-08-01 --stack=my-migration")
}

// Manifest says what is in an export.
type Manifest struct {
	From    string    `json:"from"`
	Until   time.Time `json:"until"` // the period is complete up to this time
	Touched int       `json:"events_in_period"`
	Streams []Stream  `json:"streams"` // in the order of the file
	Events  int       `json:"events"`  // lines of the file
	SHA256  string    `json:"sha256"`  // of the file
}

// Stream is one user's stream as it was exported.
type Stream struct {
	Sub    string `json:"sub"`
	Events int    `json:"events"`
	Head   string `json:"head"` // hash of its last event
}

func (c auditCommand) Run(ctx context.Context, s *stack, out *output) error {
	// A stack may be named by its ARN, which has slashes.
	folder := filepath.Clean(cmp.Or(c.Out, strings.ReplaceAll("audit-"+s.name+"-"+string(c.From), "/", "-")))
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("%s is there already: name another folder with --out (%w)", folder, cmp.Or(err, fs.ErrExist))}
	}
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return err
	}
	a := auditor{inspect: inspect, out: out, manifest: Manifest{From: string(c.From)}}
	subs, err := a.touched(ctx, string(c.To))
	if err != nil {
		return err
	}
	// The folder has its name when it is complete.
	unfinished, err := os.MkdirTemp(filepath.Dir(folder), filepath.Base(folder)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	if err := a.writeStreams(ctx, subs, filepath.Join(unfinished, "events.jsonl")); err != nil {
		return err
	}
	text, err := json.MarshalIndent(a.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(unfinished, "manifest.json"), append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(unfinished, folder); err != nil {
		return err
	}
	out.printf("%s: %v events of %v users; the period, with %v of them, is complete until %s\n",
		folder, a.manifest.Events, len(a.manifest.Streams), a.manifest.Touched, a.manifest.Until)
	return nil
}

// auditor makes an export.
type auditor struct {
	inspect  *function
	out      *output
	manifest Manifest
}

// touched returns the streams that the period touched, sorted.
func (a *auditor) touched(ctx context.Context, to string) ([]string, error) {
	meter := a.out.meter("Events found", -1)
	defer meter.end()
	subs := map[string]bool{}
	for next, first := "", true; first || next != ""; first = false {
		var page struct {
			Events []migration.Event
			Until  time.Time
			Next   string
		}
		if _, err := a.inspect.askInto(ctx, question{View: "trail", From: a.manifest.From, To: to, Next: next}, &page); err != nil {
			return nil, err
		}
		next, a.manifest.Until = page.Next, page.Until
		to = page.Until.Format(time.RFC3339Nano) // events recorded during the export are not part of it
		for _, e := range page.Events {
			subs[e.Sub] = true
		}
		a.manifest.Touched += len(page.Events)
		if next != "" {
			meter.set(a.manifest.Touched)
		}
	}
	return slices.Sorted(maps.Keys(subs)), nil
}

// batch is how many streams are asked for at once.
const batch = 16

// writeStreams writes the streams to a file, and adds the file's contents to the manifest.
func (a *auditor) writeStreams(ctx context.Context, subs []string, path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	lines := bufio.NewWriter(io.MultiWriter(file, sum))
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	meter := a.out.meter("Users written", len(subs))
	defer meter.end()
	for chunk := range slices.Chunk(subs, batch) {
		if done := len(a.manifest.Streams); done > 0 {
			meter.set(done)
		}
		streams, err := a.streams(ctx, chunk)
		if err != nil {
			return err
		}
		for i, stream := range streams {
			if err := a.write(encoder, chunk[i], stream); err != nil {
				return err
			}
		}
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	a.manifest.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// write writes one stream.
func (a *auditor) write(encoder *json.Encoder, sub string, stream []migration.Event) error {
	if len(stream) == 0 {
		return fmt.Errorf("the stream of %s is in the index but not in the table: run \"migration verify\"", sub)
	}
	for _, e := range stream {
		// Even an altered event goes out as it is stored, so that the auditor finds it. The operator learns of it now.
		if hash, err := ledger.Hash(e); err != nil || hash != e.Hash {
			a.out.sayf("event %v of %s does not match its hash: run \"migration verify\"", e.Seq, e.Sub)
		}
		if err := encoder.Encode(e); err != nil {
			return err
		}
	}
	a.manifest.Events += len(stream)
	a.manifest.Streams = append(a.manifest.Streams, Stream{Sub: sub, Events: len(stream), Head: stream[len(stream)-1].Hash})
	return nil
}

// streams asks for whole streams, all at once.
func (a *auditor) streams(ctx context.Context, subs []string) ([][]migration.Event, error) {
	streams := make([][]migration.Event, len(subs))
	group, ctx := errgroup.WithContext(ctx)
	for i, sub := range subs {
		group.Go(func() error {
			for raw, err := range a.inspect.pages(ctx, question{View: "user", Sub: sub}) {
				if err != nil {
					return err
				}
				var page struct{ Events []migration.Event }
				if err := json.Unmarshal(raw, &page); err != nil {
					return err
				}
				streams[i] = append(streams[i], page.Events...)
			}
			return nil
		})
	}
	return streams, group.Wait()
}
