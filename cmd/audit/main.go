// Audit writes the audit trail of a period to files that an auditor can check without this code: events.jsonl, every stream that
// the period touched, each from its first event; and manifest.json, with counts and hashes. docs/auditing.md shows how to check them.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

func main() {
	function := flag.String("function", "", "name or ARN of the stack's InspectFunction")
	from := flag.String("from", "", "first day or time of the period, UTC: 2026-07-01")
	to := flag.String("to", "", "end of the period, not in it; without, until two minutes ago")
	out := flag.String("out", "audit", "folder to write to; it must not exist")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := export(ctx, *function, *from, *to, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "audit:", err)
		os.Exit(1)
	}
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

func export(ctx context.Context, function, from, to, out string) error {
	if function == "" || from == "" {
		return errors.New("-function and -from are needed: see -help")
	}
	out = filepath.Clean(out)
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: name another folder with -out (%w)", out, cmp.Or(err, fs.ErrExist))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	inspect := inspector{client: lambda.NewFromConfig(cfg), function: function}
	manifest := Manifest{From: from}
	touched := map[string]bool{}
	for next, first := "", true; first || next != ""; first = false {
		var page struct {
			Events []migration.Event
			Until  time.Time
			Next   string
		}
		request := map[string]string{"view": "trail", "from": from, "to": to, "next": next}
		if err := inspect.ask(ctx, request, &page); err != nil {
			return err
		}
		next, manifest.Until = page.Next, page.Until
		to = page.Until.Format(time.RFC3339Nano) // what is recorded while this goes on does not belong to it
		for _, e := range page.Events {
			touched[e.Sub] = true
		}
		manifest.Touched += len(page.Events)
	}
	// The folder has its name when it is complete.
	unfinished, err := os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	if err := writeStreams(ctx, inspect, slices.Sorted(maps.Keys(touched)), filepath.Join(unfinished, "events.jsonl"), &manifest); err != nil {
		return err
	}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(unfinished, "manifest.json"), append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(unfinished, out); err != nil {
		return err
	}
	fmt.Printf("%s: %d events of %d users; the period, with %d of them, is complete until %s\n",
		out, manifest.Events, len(manifest.Streams), manifest.Touched, manifest.Until.Format(time.RFC3339))
	return nil
}

// batch is how many streams are asked for at once.
const batch = 16

func writeStreams(ctx context.Context, inspect inspector, subs []string, path string, manifest *Manifest) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	lines := bufio.NewWriter(io.MultiWriter(file, sum))
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	for chunk := range slices.Chunk(subs, batch) {
		streams := make([][]migration.Event, len(chunk))
		group, ctx := errgroup.WithContext(ctx)
		for i, sub := range chunk {
			group.Go(func() (err error) {
				streams[i], err = inspect.stream(ctx, sub)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i, stream := range streams {
			if len(stream) == 0 {
				return fmt.Errorf("the stream of %s is in the index but not in the table: run verify", chunk[i])
			}
			for _, e := range stream {
				// An event goes out as it is stored, sound or not: that is for whoever checks it to find. But tell at once.
				if hash, err := ledger.Hash(e); err != nil || hash != e.Hash {
					fmt.Fprintf(os.Stderr, "audit: event %d of %s does not match its hash: run verify\n", e.Seq, e.Sub)
				}
				if err := encoder.Encode(e); err != nil {
					return err
				}
			}
			manifest.Events += len(stream)
			manifest.Streams = append(manifest.Streams, Stream{Sub: chunk[i], Events: len(stream), Head: stream[len(stream)-1].Hash})
		}
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	manifest.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// inspector asks the stack's inspect function.
type inspector struct {
	client   *lambda.Client
	function string
}

// stream asks for a user's whole stream.
func (i inspector) stream(ctx context.Context, sub string) ([]migration.Event, error) {
	var stream []migration.Event
	for next, first := "", true; first || next != ""; first = false {
		var page struct {
			Events []migration.Event
			Next   string
		}
		if err := i.ask(ctx, map[string]string{"view": "user", "sub": sub, "next": next}, &page); err != nil {
			return nil, err
		}
		stream, next = append(stream, page.Events...), page.Next
	}
	return stream, nil
}

func (i inspector) ask(ctx context.Context, request, answer any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return err
	}
	out, err := i.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &i.function, Payload: payload})
	if err != nil {
		return err
	}
	if out.FunctionError != nil {
		var failure struct{ ErrorMessage string }
		_ = json.Unmarshal(out.Payload, &failure)
		return errors.New(cmp.Or(failure.ErrorMessage, string(out.Payload)))
	}
	return json.Unmarshal(out.Payload, answer)
}
