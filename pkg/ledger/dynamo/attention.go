package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"
)

// Oldest returns since when the user has stood there who has stood in a standing (see migration.Record.Standing) the longest; the
// zero time if there is no such user. Only users who are blocked, or migrated and not confirmed, are found.
func (s *Store) Oldest(ctx context.Context, standing string) (time.Time, error) {
	var oldest [attentionShards]time.Time
	group, ctx := errgroup.WithContext(ctx)
	for i := range oldest {
		group.Go(func() error {
			out, err := s.client.Query(ctx, &dynamodb.QueryInput{
				TableName:                 &s.config.ProgressTable,
				IndexName:                 aws.String("attention"),
				KeyConditionExpression:    aws.String("attention = :attention"),
				ExpressionAttributeValues: item{":attention": text(attentionKey(standing, i))},
				ProjectionExpression:      aws.String("attention_sort"),
				Limit:                     aws.Int32(1),
			})
			if err != nil || len(out.Items) == 0 {
				return wrap(err, "read who is %s", standing)
			}
			since, _, _ := strings.Cut(attribute(out.Items[0], "attention_sort"), "#")
			if oldest[i], err = time.Parse(time.RFC3339Nano, since); err != nil {
				return fmt.Errorf("read who is %s: %w", standing, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return time.Time{}, err
	}
	var first time.Time
	for _, t := range oldest {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first, nil
}
