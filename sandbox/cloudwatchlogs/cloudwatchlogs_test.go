package cloudwatchlogs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cloudwatchlogs"
)

var first = time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)

// start starts the service with a log group of five lines, one a second, and returns AWS's own client of it.
func start(t *testing.T) *logs.Client {
	t.Helper()
	server, err := cloudwatchlogs.Start(func(group string) ([]cloudwatchlogs.Event, bool) {
		if group != "group" {
			return nil, false
		}
		var events []cloudwatchlogs.Event
		for i, line := range []string{"zero", "an ERROR", "two", "Task timed out", "four"} {
			events = append(events, cloudwatchlogs.Event{At: first.Add(time.Duration(i) * time.Second), Message: line})
		}
		return events, true
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return logs.New(logs.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func TestFilterLogEvents(t *testing.T) {
	t.Parallel()
	client := start(t)
	millis := func(seconds int) *int64 {
		return aws.Int64(first.Add(time.Duration(seconds) * time.Second).UnixMilli())
	}
	backwards := logs.FilterLogEventsInput{StartTime: millis(1), StartFromHead: aws.Bool(false), Limit: aws.Int32(3)}
	for name, tt := range map[string]struct {
		input logs.FilterLogEventsInput
		want  []string
		pages int
	}{
		"all":              {logs.FilterLogEventsInput{}, []string{"zero", "an ERROR", "two", "Task timed out", "four"}, 1},
		"in pages":         {logs.FilterLogEventsInput{Limit: aws.Int32(2)}, []string{"zero", "an ERROR", "two", "Task timed out", "four"}, 3},
		"a time":           {logs.FilterLogEventsInput{StartTime: millis(1), EndTime: millis(3)}, []string{"an ERROR", "two", "Task timed out"}, 1},
		"the last first":   {backwards, []string{"four", "Task timed out", "two", "an ERROR"}, 2},
		"some terms":       {logs.FilterLogEventsInput{FilterPattern: aws.String(`?ERROR ?"timed out"`)}, []string{"an ERROR", "Task timed out"}, 1},
		"of which none is": {logs.FilterLogEventsInput{FilterPattern: aws.String(`?error`)}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			tt.input.LogGroupName = aws.String("group")
			var got []string
			count := 0
			for pages := logs.NewFilterLogEventsPaginator(client, &tt.input); pages.HasMorePages(); count++ {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Events {
					got = append(got, *e.Message)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || count != tt.pages {
				t.Errorf("%d pages, want %d (-want +got):\n%s", count, tt.pages, diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	client := start(t)
	named := func(group, pattern string) logs.FilterLogEventsInput {
		return logs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: &pattern}
	}
	for name, tt := range map[string]struct {
		input logs.FilterLogEventsInput
		code  string
	}{
		"no such group":   {named("other", ""), "ResourceNotFoundException"},
		"a token made up": {logs.FilterLogEventsInput{LogGroupName: aws.String("group"), NextToken: aws.String("x")}, "InvalidParameterException"},
		"another pattern": {named("group", `{ $.x = 1 }`), "InvalidParameterException"},
		"half of a term":  {named("group", `?x ?"y`), "InvalidParameterException"},
		"terms in a word": {named("group", `?x?y`), "InvalidParameterException"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.FilterLogEvents(t.Context(), &tt.input)
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != tt.code {
				t.Errorf("%v, want %s", err, tt.code)
			}
		})
	}
}
