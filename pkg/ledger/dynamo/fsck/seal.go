package fsck

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// seal seals every tally of the days that are not over yet, including tallies that only events name: if the progress table was lost, a
// running function may still write to a later generation than the table knows.
func (c *Checker) seal(ctx context.Context, now time.Time) (map[string]bool, error) {
	open, newest := ledger.Day(now.Add(-table.ClosingDelay)), ledger.Day(now.Add(table.ClosingDelay))
	counted, err := c.counted(ctx, open, newest+table.Highest)
	if err != nil {
		return nil, err
	}
	sealed := map[string]bool{}
	for tally := range counted {
		sealed[tally] = true
	}
	for _, day := range slices.Compact([]string{open, newest}) {
		for shard := range table.DayShards {
			for it, err := range c.recorded(ctx, day, shard) {
				if err != nil {
					return nil, err
				}
				sealed[table.TallySort(day, table.Generation(it))] = true
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(table.TallyShards)
	for tally := range sealed {
		for shard := range table.TallyShards {
			group.Go(func() error {
				_, err := c.tables.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
					TableName:                 &c.tables.Progress,
					Key:                       table.Key(table.TallyShard(shard), tally),
					UpdateExpression:          aws.String("SET sealed = :true"),
					ExpressionAttributeValues: table.Item{":true": &types.AttributeValueMemberBOOL{Value: true}},
				}, table.Patient)
				return table.Wrap(err, "seal tally %s", tally)
			})
		}
	}
	return sealed, group.Wait()
}

// writeTallies replaces each tally that differs from the recount: the first shard gets the whole sum, the others nothing. It removes
// tallies that counted no event.
func (r *rebuilding) writeTallies(ctx context.Context, now time.Time) error {
	counted, err := r.counted(ctx, table.Lowest, table.Highest)
	if err != nil {
		return err
	}
	for _, tally := range union(counted, r.Walk.Recount) {
		want, ok := r.Walk.Recount[tally]
		begun := table.DayOf(tally) <= ledger.Day(now.Add(table.ClosingDelay))
		if begun && !r.recounts(tally) || ok && counted[tally].differs(want) == "" {
			continue
		}
		_, stands := counted[tally]
		group, groupCtx := errgroup.WithContext(ctx)
		for shard := range table.TallyShards {
			if shard > 0 && !stands {
				break
			}
			group.Go(func() error {
				k := table.Key(table.TallyShard(shard), tally)
				if !ok && !r.Sealed[tally] {
					return r.tables.Forget(groupCtx, k)
				}
				t := ledger.Tally{Period: tally}
				if shard == 0 {
					t.Counters, t.RecordedAt = want.Counters, want.RecordedAt
				}
				it, err := table.MarshalTally(table.Attribute(k, "pk"), t)
				if err != nil {
					return err
				}
				it["sealed"] = &types.AttributeValueMemberBOOL{Value: true}
				_, err = r.tables.Client.PutItem(groupCtx, &dynamodb.PutItemInput{TableName: &r.tables.Progress, Item: it}, table.Patient)
				return table.Wrap(err, "write tally %s", tally)
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if ok || counted[tally].differs(want) != "" {
			r.Result.TalliesWritten++
		}
	}
	return nil
}
