package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
)

// goSeconds is how long maintain works on one question, before the next one continues. The connection is silent meanwhile. The whole call
// must take less than 350 seconds: after that a NAT gateway drops the silent connection, and the answer is lost.
// https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html#nat-gateway-troubleshooting-timeout
const goSeconds = 240

// askToTheEnd asks maintain again until the work is complete, and returns the last answer.
func askToTheEnd(ctx context.Context, s *stack, out *output, q question, what string) (json.RawMessage, error) {
	maintain, err := s.function(ctx, "maintain")
	if err != nil {
		return nil, err
	}
	q.Seconds = goSeconds
	meter := out.meter(what, -1)
	defer meter.end()
	for {
		var so struct {
			Complete bool `json:"complete"`
			Events   int  `json:"events"`
		}
		answer, err := maintain.askInto(ctx, q, &so)
		if err != nil || so.Complete {
			return answer, err
		}
		meter.set(so.Events)
		q.Anew = false // the next call continues this rebuild
	}
}

type verifyCommand struct {
	Sub  string `xor:"part" placeholder:"SUB" help:"Verify this user only."`
	Day  day    `xor:"part" placeholder:"DAY" help:"Verify this day only, such as 2026-07-14."`
	JSON bool   `name:"json" help:"Print the answer as JSON."`
}

func (verifyCommand) Help() string {
	return example("migration verify --day=2026-07-14 --stack=my-migration")
}

// day is a day in UTC.
type day string

func (d day) Validate() error {
	if _, err := time.Parse(time.DateOnly, string(d)); err != nil {
		return fmt.Errorf("%q is not a day, such as 2026-07-14", string(d))
	}
	return nil
}

func (c verifyCommand) Run(ctx context.Context, s *stack, out *output) error {
	raw, err := askToTheEnd(ctx, s, out, question{View: "verify", Sub: c.Sub, Day: string(c.Day)}, "Events verified")
	if err != nil {
		return err
	}
	var v ledger.Verification
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	if c.JSON {
		err = out.json(raw)
	} else {
		printFindings(out, v)
	}
	if err == nil && v.FindingCount > 0 {
		return errFound
	}
	return err
}

func printFindings(out *output, v ledger.Verification) {
	out.printf("Verified in %s: users %v, events %v, records %v, tallies %v.\n", v.FinishedAt.Sub(v.StartedAt).Round(100*time.Millisecond),
		v.Streams, v.Events, v.Records, v.Tallies)
	if v.FindingCount == 0 {
		out.printf("Nothing is wrong.\n")
		return
	}
	out.printf("\n")
	var rows [][]any
	for _, f := range v.Findings {
		seq := ""
		if f.Seq > 0 {
			seq = fmt.Sprint(f.Seq)
		}
		rows = append(rows, []any{f.Kind, f.Sub, seq, f.Day, f.Detail})
	}
	out.table([]string{"finding", "sub", "event", "day", "what"}, rows)
	out.printf("\n")
	if len(v.Findings) < v.FindingCount {
		rows = nil
		for _, kind := range slices.Sorted(maps.Keys(v.Kinds)) {
			rows = append(rows, []any{kind, v.Kinds[kind]})
		}
		out.printf("Only the first %v of each kind are listed. In all:\n", ledger.MaxFindings)
		out.table([]string{"finding", "in all"}, rows)
		out.printf("\n")
	}
	out.colouredf(red, "%v findings: docs/playbooks/verify.md says what they mean and what to do.\n", v.FindingCount)
}

type rebuildCommand struct {
	JSON bool `name:"json" help:"Print the answer as JSON."`
}

func (rebuildCommand) Help() string { return example("migration rebuild --stack=my-migration") }

func (c rebuildCommand) Run(ctx context.Context, s *stack, out *output) error {
	// Do not continue an earlier rebuild: events may have been removed since.
	raw, err := askToTheEnd(ctx, s, out, question{View: "rebuild", Anew: true}, "Events read")
	if err != nil {
		return err
	}
	var rebuilt struct {
		Streams        int `json:"streams"`
		Events         int `json:"events"`
		RecordsWritten int `json:"records_written"`
		TalliesWritten int `json:"tallies_written"`
		BrokenStreams  int `json:"broken_streams"`
	}
	if err := json.Unmarshal(raw, &rebuilt); err != nil {
		return err
	}
	if c.JSON {
		err = out.json(raw)
	} else {
		out.printf("Rebuilt the progress table: users %v, events %v. Changed: records %v, tallies %v.\n",
			rebuilt.Streams, rebuilt.Events, rebuilt.RecordsWritten, rebuilt.TalliesWritten)
		if rebuilt.BrokenStreams > 0 {
			out.colouredf(red, "The events of %v users have findings, so their records stay as they were: \"migration verify\" names them.\n",
				rebuilt.BrokenStreams)
		}
	}
	if err == nil && rebuilt.BrokenStreams > 0 {
		return errFound
	}
	return err
}

type closeCommand struct {
	JSON bool `name:"json" help:"Print the answer as JSON."`
}

func (closeCommand) Help() string { return example("migration close --stack=my-migration") }

func (c closeCommand) Run(ctx context.Context, s *stack, out *output) error {
	maintain, err := s.function(ctx, "maintain")
	if err != nil {
		return err
	}
	var answer struct {
		Closed []string `json:"closed"`
	}
	raw, err := maintain.askInto(ctx, question{View: "close"}, &answer)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return out.json(raw)
	case len(answer.Closed) == 0:
		out.printf("Every day that is over is closed already.\n")
	default:
		out.printf("Closed: %s\n", strings.Join(answer.Closed, ", "))
	}
	return nil
}
