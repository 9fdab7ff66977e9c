package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/google/go-cmp/cmp"
)

// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
func TestWhatComesAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answer  func(invocation int, batch []string) (failed []string, err error)
		retries int
		want    []string // the batches that the function gets
	}{
		{"all handled", func(int, []string) ([]string, error) { return nil, nil }, 3, []string{"1 2 3 4"}},
		{
			"from the first that failed, until the retries are used up",
			func(int, []string) ([]string, error) { return []string{"4", "3"}, nil }, 2,
			[]string{"1 2 3 4", "3 4", "3 4"},
		},
		{
			"after an error by halves", func(n int, _ []string) ([]string, error) {
				if n == 0 {
					return nil, errors.New("it broke")
				}
				return nil, nil
			}, 3, []string{"1 2 3 4", "1 2", "3 4"},
		},
		{
			"one that always breaks is given up alone", func(_ int, batch []string) ([]string, error) {
				if slices.Contains(batch, "2") {
					return nil, errors.New("it broke")
				}
				return nil, nil
			}, 3, []string{"1 2 3 4", "1 2", "1", "2", "2", "3 4"},
		},
	} {
		var got []string
		err := deliver(t.Context(), records("1", "2", "3", "4"), tt.retries, func(_ context.Context, payload []byte) ([]byte, error) {
			batch := sequence(t, payload)
			got = append(got, strings.Join(batch, " "))
			failed, err := tt.answer(len(got)-1, batch)
			return answer(t, failed), err
		})
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	err := deliver(t.Context(), records("1"), 3, func(context.Context, []byte) ([]byte, error) { return answer(t, []string{"7"}), nil })
	if err == nil {
		t.Error("an answer that names another record is taken")
	}
}

func records(numbers ...string) []types.Record {
	var all []types.Record
	for _, n := range numbers {
		all = append(all, types.Record{EventName: types.OperationTypeInsert, Dynamodb: &types.StreamRecord{
			SequenceNumber: aws.String(n), ApproximateCreationDateTime: aws.Time(aws.ToTime(nil)),
			NewImage: map[string]types.AttributeValue{
				"sub": &types.AttributeValueMemberS{Value: "a"}, "seq": &types.AttributeValueMemberN{Value: "1"},
				"factors": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberS{Value: "SMS_MFA"}}},
			},
		}})
	}
	return all
}

// sequence reads the numbers of a batch, and holds that the items are as Lambda writes them.
func sequence(t *testing.T, payload []byte) []string {
	t.Helper()
	var event struct {
		Records []struct {
			Dynamodb struct {
				SequenceNumber string
				NewImage       any
			}
		}
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, r := range event.Records {
		numbers = append(numbers, r.Dynamodb.SequenceNumber)
		const want = `map[factors:map[L:[map[S:SMS_MFA]]] seq:map[N:1] sub:map[S:a]]`
		if got := fmt.Sprint(r.Dynamodb.NewImage); got != want {
			t.Errorf("the item is %s, want %s", got, want)
		}
	}
	return numbers
}

func answer(t *testing.T, failed []string) []byte {
	t.Helper()
	type failure struct {
		ItemIdentifier string `json:"itemIdentifier"`
	}
	failures := []failure{}
	for _, f := range failed {
		failures = append(failures, failure{f})
	}
	text, err := json.Marshal(map[string]any{"batchItemFailures": failures})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
