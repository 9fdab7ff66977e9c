package fsck

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/journal"
)

// visitEvents visits each user whose stream begins in a batch of events. A Scan promises no order, and not that a user's events come
// together. So a user is visited at the first event only, and therefore once.
func (c *Checker) visitEvents(ctx context.Context, v visitor, events []table.Item) error {
	byUser := map[string][]table.Item{}
	for _, it := range events {
		if sub := table.Attribute(it, "pk"); sub != journal.Stream {
			byUser[sub] = append(byUser[sub], it)
		}
	}
	var strangers []table.Item // the keys of the first events of users who do not begin here
	var streams []*folded
	for _, sub := range slices.Sorted(maps.Keys(byUser)) {
		items := byUser[sub]
		slices.SortFunc(items, func(a, b table.Item) int { return cmp.Compare(table.Attribute(a, "sk"), table.Attribute(b, "sk")) })
		if !slices.ContainsFunc(items, func(it table.Item) bool { return table.Sequence(it) == 1 }) {
			strangers = append(strangers, table.EventKey(sub, 1))
			continue
		}
		f, err := c.whole(ctx, sub, items, v.readsAll())
		if err != nil {
			return err
		}
		streams = append(streams, f)
	}
	met, err := c.tables.BatchGet(ctx, c.tables.Audit, strangers, v.readsAll())
	if err != nil {
		return err
	}
	for _, k := range strangers {
		sub := table.Attribute(k, "pk")
		if met[sub] != nil {
			continue // met with the first event
		}
		begins, err := c.begins(ctx, sub, byUser[sub])
		if err != nil {
			return err
		}
		if begins {
			f, _, err := c.read(ctx, sub)
			if err != nil {
				return err
			}
			streams = append(streams, f)
		}
	}
	return v.visitStreams(ctx, streams)
}

// whole folds a user's stream: from the items at hand if they are all that there is, else as it is read.
func (c *Checker) whole(ctx context.Context, sub string, items []table.Item, consistent bool) (*folded, error) {
	n, err := c.tables.CountUpTo(ctx, sub, len(items)+1, consistent)
	if err == nil && n == len(items) {
		return fold(sub, items), nil
	}
	if err != nil {
		return nil, err
	}
	f, _, err := c.read(ctx, sub)
	return f, err
}

// begins tells whether the first event that there is of a user, who lacks the very first, is among some.
func (c *Checker) begins(ctx context.Context, sub string, items []table.Item) (bool, error) {
	for it, err := range c.tables.StreamAfter(ctx, sub, "") {
		return err == nil && table.Attribute(it, "sk") == table.Attribute(items[0], "sk"), err
	}
	return false, nil
}
