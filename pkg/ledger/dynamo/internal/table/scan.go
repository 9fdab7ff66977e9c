package table

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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

// Scan reads a segment of a table after the cursor. It promises no order, and not that the items of a partition come together.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
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

// Partition reads the items of a partition of the progress table with sort keys in [from, to].
func (t *Tables) Partition(ctx context.Context, pk, from, to string) iter.Seq2[Item, error] {
	return t.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &t.Progress,
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: Item{":pk": Text(pk), ":from": Text(from), ":to": Text(to)},
		ConsistentRead:            aws.Bool(true),
	})
}

// StreamAfter reads a user's events after a sort key, in order and consistently. An empty key means all events.
func (t *Tables) StreamAfter(ctx context.Context, sub, after string) iter.Seq2[Item, error] {
	input := &dynamodb.QueryInput{
		TableName:                 &t.Audit,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: Item{":pk": Text(sub)},
		ConsistentRead:            aws.Bool(true),
	}
	if after != "" {
		input.KeyConditionExpression = aws.String("pk = :pk AND sk > :sk")
		input.ExpressionAttributeValues[":sk"] = Text(after)
	}
	return t.Query(ctx, input)
}

// CountUpTo counts a user's items in the audit table, and stops at a number.
func (t *Tables) CountUpTo(ctx context.Context, sub string, most int, consistent bool) (int, error) {
	out, err := t.Client.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &t.Audit,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: Item{":pk": Text(sub)},
		Select:                    types.SelectCount,
		Limit:                     aws.Int32(int32(most)),
		ConsistentRead:            &consistent,
	}, Patient)
	if err != nil {
		return 0, Wrap(err, "count the events of %s", sub)
	}
	return int(out.Count), nil
}
