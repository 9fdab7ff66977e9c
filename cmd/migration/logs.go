package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

type logsCommand struct {
	Function string `arg:"" optional:"" default:"migrate" enum:"migrate,report,inspect,census,journal,probe,guard,maintain,replay,watch,confirm" help:"One of ${enum}."`
	Since    since  `default:"15m" placeholder:"15m" help:"How far to look back, such as 90s, 15m or 24h (default: ${default})."`
	Failed   bool   `help:"Only attempts that failed, ERROR lines, time-outs and crashes."`
	JSON     bool   `name:"json" help:"Print the lines as they are, Lambda's own included."`
	Limit    limit  `default:"100" placeholder:"N" help:"Print the latest N lines; 0 is all (default: ${default})."`
}

func (logsCommand) Help() string {
	return example("migration logs replay --since=1h --failed --stack=my-migration")
}

// since is a duration that has passed.
type since time.Duration

func (s *since) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return errors.New("allowed is a duration, such as 90s, 15m or 24h")
	}
	*s = since(d)
	return nil
}

// signs are what the lines of --failed hold: an ERROR line of ours, and what Lambda says when it ends a function that does not answer.
var signs = []string{`"level":"ERROR"`, "Task timed out", "Runtime exited", "Runtime."}

// pattern asks for lines that hold one of the signs, or the word ERROR: quotes can't be looked for.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
const pattern = `?ERROR ?"Task timed out" ?"Runtime exited" ?"Runtime."`

func (c logsCommand) Run(ctx context.Context, s *stack, out *output) error {
	group, err := s.resource(ctx, logicalID(c.Function, "LogGroup"))
	if err != nil {
		return err
	}
	input := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: aws.Int64(time.Now().Add(-time.Duration(c.Since)).UnixMilli()),
		StartFromHead: aws.Bool(c.Limit == 0), // else the latest come first, and the oldest are left out
	}
	if c.Failed {
		input.FilterPattern = aws.String(pattern)
	}
	events, more, err := c.collect(ctx, s, out, input)
	if err != nil {
		return err
	}
	for _, event := range slices.Backward(events) {
		if err := c.print(out, event); err != nil {
			return err
		}
	}
	if more {
		out.sayf("only the latest %v lines are printed: --limit=0 prints all", int(c.Limit))
	}
	return nil
}

// collect returns the latest lines, the newest first, and whether there are more. Without a limit it prints them as they come.
func (c logsCommand) collect(ctx context.Context, s *stack, out *output, input *cloudwatchlogs.FilterLogEventsInput) (
	events []types.FilteredLogEvent, more bool, err error,
) {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(*s.cfg), input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, s.explain(ctx, err)
		}
		for _, event := range page.Events {
			switch {
			case !c.wants(aws.ToString(event.Message)):
			case c.Limit == 0:
				if err := c.print(out, event); err != nil {
					return nil, false, err
				}
			case len(events) == int(c.Limit):
				return events, true, nil
			default:
				events = append(events, event)
			}
		}
	}
	return events, false, nil
}

// wants tells whether to print a line.
func (c logsCommand) wants(line string) bool {
	switch {
	case c.Failed:
		return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(line, sign) })
	case c.JSON:
		return true
	}
	// Lambda's own lines say nothing about the migration.
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
	return !slices.ContainsFunc([]string{"INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: "}, func(own string) bool {
		return strings.HasPrefix(line, own)
	})
}

func (c logsCommand) print(out *output, event types.FilteredLogEvent) error {
	line := strings.TrimRight(aws.ToString(event.Message), "\r\n")
	if c.JSON {
		return out.raw(escape(line, "\t") + "\n")
	}
	at := time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC().Format("2006-01-02 15:04:05.000")
	colour := ""
	if strings.Contains(line, signs[0]) {
		colour = red
	}
	out.colouredf(colour, "%s  %s\n", at, readable(line))
	return nil
}

// readable turns a log line of JSON into its level, its message and its other fields in their order, without those that only CloudWatch
// reads. Any other line stays as it is.
func readable(line string) string {
	decoder := json.NewDecoder(strings.NewReader(line))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return line
	}
	var words, fields []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return line
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return line
		}
		switch name {
		case "time", "_aws":
		case "level", "msg":
			words = append(words, plain(value))
		default:
			fields = append(fields, name.(string)+"="+plain(value))
		}
	}
	return strings.Join(append(words, fields...), " ")
}

// plain is a JSON value without its quotes, if it is one word.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil || text == "" || strings.ContainsAny(text, " =\"\n") {
		return string(value)
	}
	return text
}
