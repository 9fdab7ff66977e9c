// Package safeguard checks whether what guards the record is still there: the audit table's policy, its stream and the watch on it; the
// recovery, protection, encryption and tags of both tables; the spool's queues. Each of them can go missing unnoticed: by a change, a
// restored table or an unfinished erasure.
//
// Look reads how they are set up into a Snapshot, and Check, which is pure, judges it. Neither changes anything.
package safeguard

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	lambda "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Kind is the kind of a finding. docs/playbooks/safeguards.md says how to mend each.
type Kind string

// The kinds of findings.
const (
	NotLooked  Kind = "not_looked" // nobody knows whether it is there
	Policy     Kind = "policy"
	Stream     Kind = "stream"
	Watch      Kind = "watch"
	Recovery   Kind = "recovery"
	Protection Kind = "protection"
	Encryption Kind = "encryption"
	Tags       Kind = "tags"
	Retention  Kind = "retention"
	Redrive    Kind = "redrive"
)

// Kinds are all kinds of findings.
var Kinds = []Kind{NotLooked, Policy, Stream, Watch, Recovery, Protection, Encryption, Tags, Retention, Redrive}

// Finding is a safeguard that is not as it should be.
type Finding struct {
	Kind Kind   `json:"kind"`
	What string `json:"what"`
}

// Report is what a look found. Without findings, everything was looked at, and is as the stack's template sets it.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Snapshot is how the safeguards were set up at one moment. A part that could not be looked at is nil.
type Snapshot struct {
	Audit, Progress    Table
	Policy             *string                                  // the audit table's; empty if it has none
	Mappings           []lambda.EventSourceMappingConfiguration // all that feed the watch
	Spool, DeadLetters map[string]string                        // the queues' attributes

	Unseen []string // what could not be looked at, and why
}

// Table is how a table is set up.
type Table struct {
	Description *dynamodb.TableDescription
	Recovery    *dynamodb.PointInTimeRecoveryDescription
	Tags        []dynamodb.Tag
}

// What the template sets, besides the policy.
const (
	recoveryDays     = 35 // the most there is, and what holds if nothing is said
	retentionSeconds = "1209600"
	maxReceives      = "100"
	tagKey, tagValue = "application", "cognito-user-migration"
)

// Check judges a snapshot. The key is the ARN of the KMS key that should encrypt the tables and queues; empty means AWS's own keys. A
// safeguard that could not be looked at is a finding too.
func Check(s Snapshot, key string) Report {
	findings := []Finding{}
	add := func(kind Kind, found []string) {
		for _, what := range found {
			findings = append(findings, Finding{kind, what})
		}
	}
	add(NotLooked, s.Unseen)
	add(Policy, s.policy())
	add(Stream, s.stream())
	add(Watch, s.watch())
	for _, t := range []struct {
		name string
		Table
	}{{"the audit table", s.Audit}, {"the progress table", s.Progress}} {
		add(Recovery, t.recovery(t.name))
		add(Protection, t.protection(t.name))
		add(Encryption, t.encryption(t.name, key))
		add(Tags, t.tags(t.name))
	}
	add(Encryption, slices.Concat(encryption("the spool queue", s.Spool, key), encryption("the dead-letter queue", s.DeadLetters, key)))
	add(Retention, slices.Concat(retention("the spool queue", s.Spool), retention("the dead-letter queue", s.DeadLetters)))
	add(Redrive, s.redrive())
	return Report{findings}
}

func (s Snapshot) policy() []string {
	switch {
	case s.Policy == nil:
		return nil
	case *s.Policy == "":
		return []string{"the audit table has no policy: every role with the right to change its items can do so"}
	case !samePolicy(*s.Policy, AppendOnly):
		return []string{"the audit table's policy is not the one that the template sets"}
	}
	return nil
}

func (s Snapshot) stream() []string {
	if s.Audit.Description != nil && presentStream(s.Audit.Description) == "" {
		return []string{"the audit table has no stream: nobody hears of changes"}
	}
	return nil
}

// presentStream is the ARN of the stream that a table writes now. A stream of any view type shows the keys. A stream that was switched
// off can be read for another day, and the table still names it.
func presentStream(table *dynamodb.TableDescription) string {
	if table.StreamSpecification == nil || !aws.ToBool(table.StreamSpecification.StreamEnabled) {
		return ""
	}
	return aws.ToString(table.LatestStreamArn)
}

// watch judges the mapping of the present stream to the watch. Restoring a table leaves a mapping of an earlier stream, which does no harm.
func (s Snapshot) watch() []string {
	if s.Audit.Description == nil || s.Mappings == nil || presentStream(s.Audit.Description) == "" {
		return nil
	}
	i := slices.IndexFunc(s.Mappings, func(m lambda.EventSourceMappingConfiguration) bool {
		return aws.ToString(m.EventSourceArn) == presentStream(s.Audit.Description)
	})
	if i < 0 {
		return []string{"the watch does not listen to the audit table's present stream"}
	}
	var found []string
	mapping := s.Mappings[i]
	if state := aws.ToString(mapping.State); state != "Enabled" {
		found = append(found, "the watch's event source mapping is "+cmp.Or(state, "in no known state"))
	}
	if strings.HasPrefix(aws.ToString(mapping.LastProcessingResult), "PROBLEM") {
		found = append(found, "the watch's event source mapping has a problem with the stream, or with the function")
	}
	if !hearsChanges(mapping.FilterCriteria) {
		found = append(found, "the watch's event source mapping leaves out changes or removals")
	}
	return found
}

// hearsChanges tells whether a filter lets every change and removal through. It may let more through.
func hearsChanges(criteria *lambda.FilterCriteria) bool {
	if criteria == nil || len(criteria.Filters) == 0 {
		return true
	}
	var heard []string
	for _, filter := range criteria.Filters {
		var pattern map[string][]string
		if json.Unmarshal([]byte(aws.ToString(filter.Pattern)), &pattern) == nil && len(pattern) == 1 {
			heard = append(heard, pattern["eventName"]...)
		}
	}
	return slices.Contains(heard, "MODIFY") && slices.Contains(heard, "REMOVE")
}

func (t Table) recovery(name string) []string {
	switch {
	case t.Recovery == nil:
		return nil
	case t.Recovery.PointInTimeRecoveryStatus != dynamodb.PointInTimeRecoveryStatusEnabled:
		return []string{name + " has no point-in-time recovery"}
	case aws.ToInt32(t.Recovery.RecoveryPeriodInDays) != 0 && *t.Recovery.RecoveryPeriodInDays != recoveryDays:
		return []string{fmt.Sprintf("%s can be recovered for %d days back, not %d", name, *t.Recovery.RecoveryPeriodInDays, recoveryDays)}
	}
	return nil
}

func (t Table) protection(name string) []string {
	if t.Description != nil && !aws.ToBool(t.Description.DeletionProtectionEnabled) {
		return []string{name + " is not protected against deletion"}
	}
	return nil
}

// encryption judges the key of a table. Without a description of it, the table is encrypted with a key that DynamoDB owns.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html
func (t Table) encryption(name, key string) []string {
	if t.Description == nil {
		return nil
	}
	var used string
	if sse := t.Description.SSEDescription; sse != nil && sse.Status != dynamodb.SSEStatusDisabled {
		used = cmp.Or(aws.ToString(sse.KMSMasterKeyArn), "unknown")
	}
	if used != key {
		return []string{name + " is not encrypted with the key of the stack"}
	}
	return nil
}

func (t Table) tags(name string) []string {
	if t.Tags == nil || slices.ContainsFunc(t.Tags, func(tag dynamodb.Tag) bool {
		return aws.ToString(tag.Key) == tagKey && aws.ToString(tag.Value) == tagValue
	}) {
		return nil
	}
	return []string{name + " does not have the tag " + tagKey + "=" + tagValue}
}

// encryption judges the key of a queue.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
func encryption(name string, queue map[string]string, key string) []string {
	if queue == nil || key != "" && queue["KmsMasterKeyId"] == key {
		return nil
	}
	if managed, _ := strconv.ParseBool(queue["SqsManagedSseEnabled"]); managed && key == "" {
		return nil
	}
	return []string{name + " is not encrypted with the key of the stack"}
}

func retention(name string, queue map[string]string) []string {
	if queue == nil || queue["MessageRetentionPeriod"] == retentionSeconds {
		return nil
	}
	return []string{name + " does not keep messages for 14 days"}
}

// redrive judges where and when the spool's messages go that can't be replayed.
func (s Snapshot) redrive() []string {
	if s.Spool == nil || s.DeadLetters == nil {
		return nil
	}
	var policy struct {
		DeadLetterTargetArn string
		MaxReceiveCount     json.Number
	}
	if json.Unmarshal([]byte(s.Spool["RedrivePolicy"]), &policy) == nil &&
		policy.DeadLetterTargetArn == s.DeadLetters["QueueArn"] && policy.MaxReceiveCount == maxReceives {
		return nil
	}
	return []string{"the spool queue does not hand what can't be replayed to the dead-letter queue after " + maxReceives + " tries"}
}
