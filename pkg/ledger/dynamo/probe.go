package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/probe"
)

// probes is the partition of the days' probes: an item a day, small, since all of them are read at once.
const probes = "probe"

// probeDay is how a day's probes are stored. An hour may be in both sets.
type probeDay struct {
	Day      string       `dynamodbav:"sk"`
	OK       []int        `dynamodbav:"ok"`        // hours with a probe that was answered
	Failed   []int        `dynamodbav:"failed"`    // hours with one that was not
	OKAt     int64        `dynamodbav:"ok_at"`     // Unix seconds
	FailedAt int64        `dynamodbav:"failed_at"` // Unix seconds
	Reason   probe.Reason `dynamodbav:"reason"`
}

// CountProbe counts a probe in its hour. To count it again changes nothing but the time.
func (s *Store) CountProbe(ctx context.Context, at time.Time, result probe.Result) error {
	at = at.UTC()
	values := table.Item{
		":hour": &types.AttributeValueMemberNS{Value: []string{strconv.Itoa(at.Hour())}}, ":at": table.Number(int(at.Unix())),
	}
	update := "ADD ok :hour SET ok_at = :at"
	if !result.Answered {
		update = "ADD failed :hour SET failed_at = :at, reason = :reason"
		values[":reason"] = table.Text(string(result.Reason))
	}
	_, err := s.tables.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.tables.Progress, Key: table.Key(probes, ledger.Day(at)),
		UpdateExpression: &update, ExpressionAttributeValues: values,
	})
	return table.Wrap(err, "count a probe")
}

// Probes returns the days with probes from a day (2006-01-02) on, in order; all of them if it is empty. It may be a moment behind. Two
// years cost some ten read units.
func (s *Store) Probes(ctx context.Context, from string) ([]probe.Day, error) {
	var days []probe.Day
	for it, err := range s.tables.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &s.tables.Progress,
		KeyConditionExpression:    aws.String("pk = :pk AND sk >= :from"),
		ExpressionAttributeValues: table.Item{":pk": table.Text(probes), ":from": table.Text(max(from, table.Beginning))},
	}) {
		if err != nil {
			return nil, err
		}
		var stored probeDay
		if err := attributevalue.UnmarshalMap(it, &stored); err != nil {
			return nil, fmt.Errorf("read the probes of a day: %w", err)
		}
		days = append(days, stored.day())
	}
	return days, nil
}

func (d probeDay) day() probe.Day {
	ok := slices.DeleteFunc(slices.Clone(d.OK), func(hour int) bool { return slices.Contains(d.Failed, hour) })
	day := probe.Day{Day: d.Day, OK: len(ok), Failed: len(d.Failed), Reason: d.Reason}
	if d.OKAt > 0 {
		day.LastOK = time.Unix(d.OKAt, 0).UTC()
	}
	if d.FailedAt > 0 {
		day.LastFailed = time.Unix(d.FailedAt, 0).UTC()
	}
	return day
}
