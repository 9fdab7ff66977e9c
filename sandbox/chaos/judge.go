package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// Result is what happened in a storm, and what was left after it.
type Result struct {
	Took time.Duration

	Attempts, Successes int // of users; successes are sign-ins that they received tokens for
	InNewPool           int // users in the new pool
	Finished            int // of these, those who had forgotten their password and finished the reset after the storm

	// Users whose confirmation was recorded in the storm, and after it: by the rest of the stream, the sweep, and a census.
	ConfirmedInStorm, ConfirmedByStream, ConfirmedBySweep, ConfirmedByCensus int

	Faults               map[fault.Kind]int // requests by what befell them
	LostAnswers          int                // of DynamoDB, to transactions that it had carried out
	Outages              int                // times that a service refused connections
	Kills, KilledReplays int                // in the middle of an invocation

	KilledConfirms, KilledCensuses int

	Decided, Repeats   int // attempts that the trigger's log tells of, and those that added nothing
	Unlogged           int // events in the ledger whose log line was lost by a kill
	Spooled, LostToLog int // events that the ledger did not take, and those that the spool did not take either
	DeadLetters        int // events that replay had given up
	Streams, Events    int // in the ledger, in the end
	Findings           []ledger.Finding
}

// Enough checks that every kind of fault happened often enough: the error names those that did not.
func (r Result) Enough(faults, lostAnswers, kills int) error {
	var errs []error
	least := func(what string, n, least int) {
		if n < least {
			errs = append(errs, fmt.Errorf("%s %d times, want at least %d", what, n, least))
		}
	}
	for _, kind := range []fault.Kind{fault.Delay, fault.Late, fault.Hang, fault.Reset, fault.DropAnswer, fault.Throttle, fault.Error} {
		least(string(kind), r.Faults[kind], faults)
	}
	least("an answer was lost after the write", r.LostAnswers, lostAnswers)
	least("the trigger was killed", r.Kills, kills)
	least("replay was killed", r.KilledReplays, kills/10)
	least("confirm was killed", r.KilledConfirms, kills/10)
	least("the census was killed", r.KilledCensuses, kills/10)
	least("a user was confirmed in the storm", r.ConfirmedInStorm, kills/10)
	least("a service was gone", r.Outages, faults)
	least("an event waited in the spool", r.Spooled, 1)
	return errors.Join(errs...)
}

// calm replays what waits: the spool, what replay gave up, and what only the log holds.
func (s *storm) calm(ctx context.Context, r *Result) error {
	if err := s.stack.Replay(ctx); err != nil {
		return err
	}
	var again []string
	for _, message := range s.stack.DeadLetters.Messages() {
		again = append(again, message.Body)
		r.DeadLetters++
	}
	for _, line := range logLines(s.sandbox.Lambda.Logs(trigger)) {
		r.Spooled += line.Spooled
		if line.LostToLog > 0 {
			again = append(again, string(line.Event))
			r.LostToLog++
		}
	}
	client := sqs.NewFromConfig(sandbox.Config(s.sandbox.SQS.Endpoint()))
	for _, body := range again {
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(s.stack.Spool.URL()), MessageBody: &body}); err != nil {
			return err
		}
	}
	if err := s.stack.Replay(ctx); err != nil {
		return err
	}
	if n := len(s.stack.DeadLetters.Messages()); n > r.DeadLetters {
		return fmt.Errorf("%d events could not be replayed though nothing is wrong any more", n-r.DeadLetters)
	}
	return nil
}

// logLine has the fields of an attempt's or a replay's line that judge needs.
type logLine struct {
	EventID                     string `json:"event_id"`
	Spooled, LostToLog, Repeats int
	Event                       json.RawMessage `json:"event"`
	Repeat                      bool            `json:"repeat"`
}

func logLines(log string) []logLine {
	var lines []logLine
	for text := range strings.Lines(log) {
		var line logLine
		if json.Unmarshal([]byte(text), &line) == nil { // a killed function's last line may be cut short
			lines = append(lines, line)
		}
	}
	return lines
}

// recorded is what the streams hold.
type recorded struct {
	written   map[string]int  // attempts, by id
	confirmed map[string]int  // confirmations, by sub
	migrated  map[string]bool // by sub
	counters  migration.Counters
	users     progress.Users
}

// judge compares the ledger with what the users and the logs saw.
func (s *storm) judge(ctx context.Context, r *Result, taken census.Result) error {
	var verification ledger.Verification
	for !verification.Complete {
		if err := s.ask(ctx, "maintain", `{"view":"verify"}`, &verification); err != nil {
			return err
		}
	}
	var errs []error
	if r.Findings = verification.Findings; verification.FindingCount > 0 {
		errs = append(errs, fmt.Errorf("verify has %d findings, first of all %+v", verification.FindingCount, r.Findings[0]))
	}
	store := dynamo.New(sandbox.Config(s.sandbox.DynamoDB.Endpoint()), s.stack.Tables, 10*time.Second)
	held, err := s.read(ctx, store, r)
	if err != nil {
		return err
	}
	there, err := s.sandbox.New.Users(ctx)
	if err != nil {
		return err
	}
	return errors.Join(append(errs, s.judgeFigures(ctx, store, held), s.judgeUsers(r, held, there),
		s.judgeArrivals(held.confirmed, held.users, there, taken), s.judgeLogs(r, held))...)
}

// read reads the users' streams.
func (s *storm) read(ctx context.Context, store *dynamo.Store, r *Result) (recorded, error) {
	held := recorded{written: map[string]int{}, confirmed: map[string]int{}, migrated: map[string]bool{}, counters: migration.Counters{}}
	count := map[migration.Status]*int{
		"": new(int), migration.StatusAttempted: &held.users.Attempted, migration.StatusBlocked: &held.users.Blocked,
		migration.StatusMigrated: &held.users.Migrated, migration.StatusConfirmed: &held.users.Confirmed,
	}
	for _, u := range s.users {
		stream, err := store.Stream(ctx, u.Sub)
		if err != nil {
			return held, err
		}
		if len(stream) > 0 {
			r.Streams++
		}
		r.Events += len(stream)
		var record migration.Record
		for _, e := range stream {
			if e.Kind == migration.Confirmation {
				held.confirmed[u.Sub]++
			} else {
				held.written[e.ID]++
			}
			held.migrated[u.Sub] = held.migrated[u.Sub] || e.Outcome == migration.Migrated
			next := record.Apply(e)
			held.counters.Add(migration.Count(record, e, next))
			record = next
		}
		*count[record.Status]++
	}
	return held, nil
}

// judgeFigures compares the tallies and the report with the streams.
func (s *storm) judgeFigures(ctx context.Context, store *dynamo.Store, held recorded) error {
	tallies, err := store.Tallies(ctx)
	if err != nil {
		return err
	}
	counted := migration.Counters{}
	for _, tally := range tallies {
		counted.Add(tally.Counters)
	}
	var errs []error
	if !maps.Equal(held.counters, counted) {
		errs = append(errs, fmt.Errorf("the tallies hold %v, the events give %v", counted, held.counters))
	}
	var p progress.Progress
	if err := s.ask(ctx, "report", `{"view":"progress"}`, &p); err != nil {
		return err
	}
	if p.Users != held.users {
		errs = append(errs, fmt.Errorf("the report has users %+v, there are %+v", p.Users, held.users))
	}
	return errors.Join(errs...)
}

// judgeUsers compares the new pool with the streams, and with what the users saw.
func (s *storm) judgeUsers(r *Result, held recorded, there []cognito.User) error {
	inNewPool := map[string]bool{}
	for _, u := range there {
		inNewPool[u.Username] = true
	}
	var errs []error
	for _, u := range s.users {
		switch {
		case inNewPool[u.Username]:
			r.InNewPool++
			if !held.migrated[u.Sub] {
				errs = append(errs, fmt.Errorf("the new pool has %s, and no event says so", u.Username))
			}
		case s.signedIn[u.Sub]:
			errs = append(errs, fmt.Errorf("%s signed in, and the new pool does not have that user", u.Username))
		}
	}
	return errors.Join(errs...)
}

// judgeLogs compares the logs with the streams.
func (s *storm) judgeLogs(r *Result, held recorded) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	decided, repeated := map[string]bool{}, map[string]bool{}
	attempts := slices.DeleteFunc(logLines(s.sandbox.Lambda.Logs(trigger)), func(l logLine) bool { return l.EventID == "" })
	for _, line := range slices.Concat(attempts, logLines(s.stack.Logs("replay"))) {
		repeated[line.EventID] = repeated[line.EventID] || line.Repeat || line.Repeats > 0
	}
	for _, line := range attempts {
		r.Decided++
		r.Repeats += line.Repeats
		if decided[line.EventID] {
			wrong("event %s was decided twice", line.EventID)
		}
		decided[line.EventID] = true
		if held.written[line.EventID] == 0 && !repeated[line.EventID] {
			wrong("event %s was decided and is nowhere", line.EventID)
		}
	}
	for id, n := range held.written {
		if n > 1 {
			wrong("event %s is there %d times", id, n)
		}
		if !decided[id] {
			r.Unlogged++
		}
	}
	if r.Unlogged > r.Kills {
		wrong("%d events in the ledger are of attempts that no log tells of, with %d kills", r.Unlogged, r.Kills)
	}
	return errors.Join(errs...)
}

// ask asks a function of the stack.
func (s *storm) ask(ctx context.Context, function, request string, answer any) error {
	raw, err := s.stack.Invoke(ctx, function, []byte(request))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, answer)
}
