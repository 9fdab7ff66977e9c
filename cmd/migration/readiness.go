package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
)

type readinessCommand struct {
	Record bool `help:"Write the verdict to the journal as well: on the day of the switch. A schedule writes one a day."`
	JSON   bool `name:"json" help:"Print the whole answer as JSON."`
}

func (readinessCommand) Help() string {
	return "It ends with exit code 0 if the verdict is READY, else with 1.\n\n" + example("migration readiness --stack=my-migration")
}

// judged is what the report says of readiness.
type judged struct {
	readiness.Decision
	Evidence struct {
		CensusAt *time.Time `json:"census_at"`
		Days     int        `json:"days"`
		From     string     `json:"from"`
		Probed   struct {
			OK     int `json:"ok"`
			Failed int `json:"failed"`
			None   int `json:"none"`
		} `json:"probed"`
	} `json:"evidence"`
	LastReady *time.Time `json:"last_ready"`
	Lost      bool       `json:"lost"`
}

func (c readinessCommand) Run(ctx context.Context, s *stack, out *output) error {
	answer, recorded, err := c.ask(ctx, s)
	if err != nil {
		return err
	}
	var j judged
	if err := json.Unmarshal(answer, &j); err != nil || j.Verdict == "" {
		return fmt.Errorf("the stack's answer holds no verdict: is this tool of the version that is deployed?")
	}
	if c.JSON {
		err = out.json(answer)
	} else {
		printReadiness(out, j)
		if recorded > 0 {
			out.printf("\nRecorded as entry %v of the journal: \"migration journal\" lists it.\n", recorded)
		}
	}
	if err == nil && j.Verdict != readiness.Ready {
		err = errFound
	}
	return err
}

// ask returns what the stack says of readiness, and the entry of the journal that holds it; 0 if it was not recorded.
func (c readinessCommand) ask(ctx context.Context, s *stack) (json.RawMessage, int, error) {
	if !c.Record {
		report, err := s.function(ctx, "report")
		if err != nil {
			return nil, 0, err
		}
		answer, err := report.ask(ctx, question{View: "readiness"})
		return answer, 0, err
	}
	keeper, err := s.function(ctx, "journal")
	if err != nil {
		return nil, 0, err
	}
	var recorded struct {
		Readiness json.RawMessage `json:"readiness"`
		Version   int             `json:"version"`
	}
	_, err = keeper.askInto(ctx, question{View: "record"}, &recorded)
	return recorded.Readiness, recorded.Version, err
}

// colourOf is the colour of a verdict.
func colourOf(v readiness.Verdict) string {
	switch v {
	case readiness.Ready:
		return green
	case readiness.NotReady:
		return red
	default:
		return yellow
	}
}

func printReadiness(out *output, j judged) {
	out.colouredf(colourOf(j.Verdict), "%s", j.Verdict)
	out.printf("  as of %s, from %v days since %s\n\n", j.Date, j.Evidence.Days, j.Evidence.From)
	out.wrapped("", j.Sentence)
	out.printf("\n")
	var rows [][]any
	for _, c := range j.Criteria {
		rows = append(rows, []any{criterionName(c.Name), c.State, amount(c.Value), amount(c.Bound), amount(c.Threshold), decides(c, j.Reason)})
	}
	out.table([]string{"criterion", "state", "value", "bound", "threshold", ""}, rows)
	for _, c := range j.Criteria {
		if c.State != readiness.Pass && c.Decisive {
			out.printf("\n%s (%s)\n", criterionName(c.Name), c.State)
			out.wrapped("    ", c.Evidence)
			out.wrapped("    ", c.Do)
		}
	}
	out.printf("\n")
	if j.Outlook != nil {
		out.wrapped("", j.Outlook.Sentence)
	}
	if j.Lost {
		out.colouredf(red, "READY was lost: it was given last %s (docs/playbooks/ready-lost.md)\n", *j.LastReady)
	}
	p := j.Evidence.Probed
	out.printf("Probed         %v days alive, %v with a failed probe, %v without one\n", p.OK, p.Failed, p.None)
	if j.Evidence.CensusAt == nil {
		out.printf("Census         none within two days: \"migration census\" takes one\n")
	} else {
		out.printf("Census         %s\n", *j.Evidence.CensusAt)
	}
}

// criterionName is a criterion's name in words.
func criterionName(name string) string { return strings.ReplaceAll(name, "_", " ") }

// amount is a figure as text; empty if there is none.
func amount(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(float64(int64(*f*10+0.5))/10, 'f', -1, 64)
}

// decides says which criteria are shown only, and that a census needs no other.
func decides(c readiness.Criterion, reason readiness.Reason) string {
	switch {
	case c.Decisive:
		return ""
	case c.Name == readiness.Census && reason == readiness.ReasonCensus:
		return "decides alone"
	default:
		return "does not decide"
	}
}

type journalCommand struct {
	JSON  bool  `name:"json" help:"Print one entry a line as JSON, with its evidence."`
	Limit limit `default:"30" placeholder:"N" help:"How many to print at most; 0 is all (default: ${default})."`
}

func (journalCommand) Help() string {
	return example("migration journal --limit=10 --stack=my-migration")
}

func (c journalCommand) Run(ctx context.Context, s *stack, out *output) error {
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return err
	}
	var rows [][]any
	more, err := inspect.list(ctx, question{View: "journal"}, "entries", c.Limit, func(item json.RawMessage) error {
		if c.JSON {
			return out.raw(string(item) + "\n")
		}
		var e migration.Event
		err := json.Unmarshal(item, &e)
		rows = append(rows, []any{e.Seq, e.At, e.Kind, inShort(e)})
		return err
	})
	if err != nil {
		return err
	}
	defer c.Limit.tell(out, more)
	switch {
	case c.JSON:
	case len(rows) == 0:
		out.printf("The journal is empty: a schedule writes to it once an hour.\n")
	default:
		out.table([]string{"#", "at", "entry", ""}, rows)
	}
	return nil
}

// inShort says what an entry of the journal holds, in a line.
func inShort(e migration.Event) string {
	var evidence struct {
		Verdict   string `json:"verdict"`
		Reason    string `json:"reason"`
		Tolerance any    `json:"tolerance"`
		Horizon   int    `json:"horizon"`
		Opened    string `json:"opened"`
		Old       struct {
			Users     int `json:"users"`
			Remaining int `json:"remaining"`
		} `json:"old"`
	}
	if json.Unmarshal([]byte(e.Evidence), &evidence) != nil {
		return ""
	}
	switch e.Kind {
	case journal.Verdict:
		return strings.TrimSpace(evidence.Verdict + " " + criterionName(evidence.Reason))
	case journal.Census:
		return fmt.Sprintf("%d users of the old pool, %d left", evidence.Old.Users, evidence.Old.Remaining)
	default:
		return fmt.Sprintf("tolerance %v in %d days, opened %s", evidence.Tolerance, evidence.Horizon, evidence.Opened)
	}
}
