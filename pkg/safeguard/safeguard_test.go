package safeguard

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	lambda "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

const (
	keyARN     = "arn:aws:kms:eu-west-1:123456789012:key/1"
	streamARN  = "arn:aws:dynamodb:eu-west-1:123456789012:table/audit/stream/2026-07-14T12:00:00.000"
	deadARN    = "arn:aws:sqs:eu-west-1:123456789012:dead-letters"
	ownFilter  = `{"eventName":["MODIFY","REMOVE"]}`
	otherTable = "arn:aws:dynamodb:eu-west-1:123456789012:table/other/stream/2026-07-14T12:00:00.000"
)

// guarded is a snapshot in which nothing is wrong, without a key of the stack's own.
func guarded() Snapshot {
	table := func() Table {
		return Table{
			Description: &dynamodb.TableDescription{DeletionProtectionEnabled: aws.Bool(true)},
			Recovery: &dynamodb.PointInTimeRecoveryDescription{
				PointInTimeRecoveryStatus: dynamodb.PointInTimeRecoveryStatusEnabled, RecoveryPeriodInDays: aws.Int32(35),
			},
			Tags: []dynamodb.Tag{{Key: aws.String("owner"), Value: aws.String("x")}, {Key: aws.String(tagKey), Value: aws.String(tagValue)}},
		}
	}
	queue := func(arn string) map[string]string {
		return map[string]string{"QueueArn": arn, "SqsManagedSseEnabled": "true", "MessageRetentionPeriod": "1209600"}
	}
	s := Snapshot{
		Audit: table(), Progress: table(), Policy: aws.String(AppendOnly),
		Mappings: []lambda.EventSourceMappingConfiguration{
			{EventSourceArn: aws.String(otherTable), State: aws.String("Disabled")},
			{
				EventSourceArn: aws.String(streamARN), State: aws.String("Enabled"), LastProcessingResult: aws.String("No records processed"),
				FilterCriteria: &lambda.FilterCriteria{Filters: []lambda.Filter{{Pattern: aws.String(ownFilter)}}},
			},
		},
		Spool: queue("arn:aws:sqs:eu-west-1:123456789012:spool"), DeadLetters: queue(deadARN),
	}
	s.Audit.Description.LatestStreamArn = aws.String(streamARN)
	s.Audit.Description.StreamSpecification = &dynamodb.StreamSpecification{
		StreamEnabled: aws.Bool(true), StreamViewType: dynamodb.StreamViewTypeKeysOnly,
	}
	s.Spool["RedrivePolicy"] = `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":100}`
	return s
}

// encrypted is the same with the stack's own key.
func encrypted() Snapshot {
	s := guarded()
	for _, t := range []*Table{&s.Audit, &s.Progress} {
		t.Description.SSEDescription = &dynamodb.SSEDescription{Status: dynamodb.SSEStatusEnabled, KMSMasterKeyArn: aws.String(keyARN)}
	}
	for _, q := range []map[string]string{s.Spool, s.DeadLetters} {
		delete(q, "SqsManagedSseEnabled")
		q["KmsMasterKeyId"] = keyARN
	}
	return s
}

func kinds(r Report) []Kind {
	found := []Kind{}
	for _, f := range r.Findings {
		found = append(found, f.Kind)
	}
	return found
}

func TestNothingIsFoundWhereNothingIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		snapshot Snapshot
		key      string
	}{"AWS's keys": {guarded(), ""}, "the stack's key": {encrypted(), keyARN}} {
		if got := Check(tt.snapshot, tt.key); len(got.Findings) != 0 || got.Findings == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatIsFound(t *testing.T) {
	mapping := func(s *Snapshot) *lambda.EventSourceMappingConfiguration { return &s.Mappings[1] }
	redriveAfter := func(s *Snapshot, tries string) {
		s.Spool["RedrivePolicy"] = strings.Replace(s.Spool["RedrivePolicy"], "100", tries, 1)
	}
	filter := func(patterns ...string) *lambda.FilterCriteria {
		criteria := &lambda.FilterCriteria{}
		for _, p := range patterns {
			criteria.Filters = append(criteria.Filters, lambda.Filter{Pattern: aws.String(p)})
		}
		return criteria
	}
	for name, tt := range map[string]struct {
		change func(*Snapshot)
		want   []Kind
	}{
		"no policy":           {func(s *Snapshot) { *s.Policy = "" }, []Kind{Policy}},
		"policy without JSON": {func(s *Snapshot) { *s.Policy = "{" }, []Kind{Policy}},
		"stream off, though the last one is still named": {
			func(s *Snapshot) { s.Audit.Description.StreamSpecification = nil }, []Kind{Stream},
		},
		"stream of whole items": {
			func(s *Snapshot) {
				s.Audit.Description.StreamSpecification.StreamViewType = dynamodb.StreamViewTypeNewAndOldImages
			}, []Kind{},
		},
		"another stream":          {func(s *Snapshot) { s.Audit.Description.LatestStreamArn = aws.String(streamARN + "1") }, []Kind{Watch}},
		"no mapping":              {func(s *Snapshot) { s.Mappings = []lambda.EventSourceMappingConfiguration{} }, []Kind{Watch}},
		"mapping off":             {func(s *Snapshot) { mapping(s).State = aws.String("Disabled") }, []Kind{Watch}},
		"mapping without a state": {func(s *Snapshot) { mapping(s).State = nil }, []Kind{Watch}},
		"mapping that may not read": {
			func(s *Snapshot) { mapping(s).LastProcessingResult = aws.String("PROBLEM: Cannot access stream") }, []Kind{Watch},
		},
		"mapping of everything": {func(s *Snapshot) { mapping(s).FilterCriteria = nil }, []Kind{}},
		"mapping by two filters": {func(s *Snapshot) {
			mapping(s).FilterCriteria = filter(`{"eventName":["REMOVE"]}`, `{"eventName":["MODIFY"]}`)
		}, []Kind{}},
		"mapping of removals alone": {func(s *Snapshot) { mapping(s).FilterCriteria = filter(`{"eventName":["REMOVE"]}`) }, []Kind{Watch}},
		"mapping of some changes": {func(s *Snapshot) {
			mapping(s).FilterCriteria = filter(`{"eventName":["MODIFY","REMOVE"],"eventID":["1"]}`)
		}, []Kind{Watch}},
		"no recovery":               {func(s *Snapshot) { s.Audit.Recovery.PointInTimeRecoveryStatus = "DISABLED" }, []Kind{Recovery}},
		"recovery never set up":     {func(s *Snapshot) { s.Progress.Recovery = &dynamodb.PointInTimeRecoveryDescription{} }, []Kind{Recovery}},
		"recovery of a day":         {func(s *Snapshot) { s.Audit.Recovery.RecoveryPeriodInDays = aws.Int32(1) }, []Kind{Recovery}},
		"recovery without a period": {func(s *Snapshot) { s.Audit.Recovery.RecoveryPeriodInDays = nil }, []Kind{}},
		"no protection":             {func(s *Snapshot) { s.Audit.Description.DeletionProtectionEnabled = aws.Bool(false) }, []Kind{Protection}},
		"protection unknown":        {func(s *Snapshot) { s.Progress.Description.DeletionProtectionEnabled = nil }, []Kind{Protection}},
		"somebody's key": {func(s *Snapshot) {
			s.Progress.Description.SSEDescription = encrypted().Audit.Description.SSEDescription
		}, []Kind{Encryption}},
		"no tags":                     {func(s *Snapshot) { s.Progress.Tags = []dynamodb.Tag{} }, []Kind{Tags}},
		"another tag":                 {func(s *Snapshot) { s.Audit.Tags[1].Value = aws.String("x") }, []Kind{Tags}},
		"spool in plain":              {func(s *Snapshot) { s.Spool["SqsManagedSseEnabled"] = "false" }, []Kind{Encryption}},
		"dead letters kept for a day": {func(s *Snapshot) { s.DeadLetters["MessageRetentionPeriod"] = "86400" }, []Kind{Retention}},
		"no redrive":                  {func(s *Snapshot) { delete(s.Spool, "RedrivePolicy") }, []Kind{Redrive}},
		"redrive after three":         {func(s *Snapshot) { redriveAfter(s, "3") }, []Kind{Redrive}},
		"redrive by text": {func(s *Snapshot) {
			s.Spool["RedrivePolicy"] = strings.Replace(s.Spool["RedrivePolicy"], "100", `"100"`, 1)
		}, []Kind{}},
		"redrive to another queue":    {func(s *Snapshot) { s.DeadLetters["QueueArn"] += "1" }, []Kind{Redrive}},
		"something was not looked at": {func(s *Snapshot) { s.Spool, s.Unseen = nil, []string{"the spool queue: x"} }, []Kind{NotLooked}},
		"nothing was looked at":       {func(s *Snapshot) { *s = Snapshot{Unseen: []string{"everything: x"}} }, []Kind{NotLooked}},
		"a restored table, as it comes": {
			func(s *Snapshot) {
				*s.Policy = ""
				s.Audit = Table{Description: &dynamodb.TableDescription{}, Recovery: &dynamodb.PointInTimeRecoveryDescription{}, Tags: []dynamodb.Tag{}}
			}, []Kind{Policy, Stream, Recovery, Protection, Tags},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := guarded()
			tt.change(&s)
			if diff := cmp.Diff(tt.want, kinds(Check(s, ""))); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

// A stack with a key of its own wants that key everywhere; one without wants no other.
func TestEncryptionIsThatOfTheStack(t *testing.T) {
	everywhere := []Kind{Encryption, Encryption, Encryption, Encryption}
	if diff := cmp.Diff(everywhere, kinds(Check(guarded(), keyARN))); diff != "" {
		t.Errorf("AWS's keys in place of the stack's (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(everywhere, kinds(Check(encrypted(), ""))); diff != "" {
		t.Errorf("a key in place of AWS's (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(everywhere, kinds(Check(encrypted(), keyARN+"2"))); diff != "" {
		t.Errorf("another key (-want +got):\n%s", diff)
	}
}

func TestWhichPoliciesAreTheSame(t *testing.T) {
	statement := `"Effect":"Deny","Principal":"*","Resource":"*","Action":["dynamodb:UpdateItem","dynamodb:PartiQLUpdate",` +
		`"dynamodb:PartiQLInsert","dynamodb:PartiQLDelete","dynamodb:DeleteItem","dynamodb:BatchWriteItem"]`
	for document, want := range map[string]bool{
		AppendOnly:                          true,
		`{"Statement":{` + statement + `}}`: true, // another order, no list, no Sid
		`{"Statement":[{` + strings.Replace(statement, `"*"`, `{"AWS":"*"}`, 1) + `}]}`:                                     true,
		`{"Statement":[{` + strings.Replace(statement, `"Resource":"*"`, `"Resource":["*"]`, 1) + `}]}`:                     true,
		`{"Statement":[{` + strings.Replace(statement, `"*"`, `{"AWS":"arn:aws:iam::123456789012:root"}`, 1) + `}]}`:        false,
		`{"Statement":[{` + strings.Replace(statement, `"Deny"`, `"Allow"`, 1) + `}]}`:                                      false,
		`{"Statement":[{` + strings.Replace(statement, `"dynamodb:DeleteItem",`, "", 1) + `}]}`:                             false,
		`{"Statement":[{` + statement + `,"Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}]}`:          false,
		`{"Statement":[{` + statement + `},{"Effect":"Allow","Principal":"*","Action":"dynamodb:PutItem","Resource":"*"}]}`: false,
		`{"Statement":[]}`:    false,
		`{"Statement":["x"]}`: false,
		`{}`:                  false,
		`null`:                false,
		``:                    false,
	} {
		if got := samePolicy(document, AppendOnly); got != want {
			t.Errorf("%s: the same %t, want %t", document, got, want)
		}
	}
}
