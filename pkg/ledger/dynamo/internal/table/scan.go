package table

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// How a table is walked and read in batches.
const (
	Segments  = 4    // of a table, walked at the same time
	pageSize  = 1000 // items of each that are in memory, of at most 1 MB together
	BatchSize = 100  // what BatchGetItem takes
)

// Cursor is how far a segment of a table has been walked: the key of the last item.
type Cursor struct {
	PK, SK string
	Done   bool
}

// CursorAt is the place behind an item.
func CursorAt(it Item) Cursor { return Cursor{PK: Attribute(it, "pk"), SK: Attribute(it, "sk")} }

// Scan reads a segment of a table behind the cursor. Items of one partition key come together, in the order of their sort keys.
func (t *Tables) Scan(ctx context.Context, table string, segment int, after Cursor, consistent bool) iter.Seq2[Item, error] {
	input := &dynamodb.ScanInput{
		TableName: &table, Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(Segments), Limit: aws.Int32(pageSize),
		ConsistentRead: &consistent,
	}
	if after.PK != "" {
		input.ExclusiveStartKey = Key(after.PK, after.SK)
	}
	return func(yield func(Item, error) bool) {
		for pages := dynamodb.NewScanPaginator(t.Client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx, Patient)
			if err != nil {
				yield(nil, Wrap(err, "walk through %s", table))
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// Query reads what a Query finds.
func (t *Tables) Query(ctx context.Context, input *dynamodb.QueryInput) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for pages := dynamodb.NewQueryPaginator(t.Client, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx, Patient)
			if err != nil {
				yield(nil, Wrap(err, "read %s", *input.TableName))
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// Partition reads the items of a partition of the progress table whose sort keys are between two, those included.
func (t *Tables) Partition(ctx context.Context, pk, from, to string) iter.Seq2[Item, error] {
	return t.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &t.Progress,
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: Item{":pk": Text(pk), ":from": Text(from), ":to": Text(to)},
		ConsistentRead:            aws.Bool(true),
	})
}

// Stream reads a user's events, in order and consistently.
func (t *Tables) Stream(ctx context.Context, sub string) iter.Seq2[Item, error] {
	return t.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &t.Audit,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: Item{":pk": Text(sub)},
		ConsistentRead:            aws.Bool(true),
	})
}
