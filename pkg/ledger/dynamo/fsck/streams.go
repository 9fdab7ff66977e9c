package fsck

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// visitEvents visits each user whose stream begins in a batch of events. A Scan promises no order, and not that a user's events come
// together. So a user is visited at the first event only, and therefore once.
func (c *Checker) visitEvents(ctx context.Context, v visitor, events []table.Item) error {
	byUser := map[string][]table.Item{}
	for _, it := range events {
		sub := table.Attribute(it, "pk")
		byUser[sub] = append(byUser[sub], it)
	}
	// Does a stream that begins here have an event that is not in the batch? Does a stream that does not begin here have a first event?
	folds, keys := map[string]*folded{}, []table.Item{}
	for sub, items := range byUser {
		slices.SortFunc(items, func(a, b table.Item) int { return cmp.Compare(table.Attribute(a, "sk"), table.Attribute(b, "sk")) })
		next := 1
		if slices.ContainsFunc(items, func(it table.Item) bool { return table.Sequence(it) == 1 }) {
			folds[sub] = fold(sub, items)
			next = folds[sub].last + 1
		}
		keys = append(keys, table.EventKey(sub, next))
	}
	there, err := c.tables.BatchGet(ctx, c.tables.Audit, keys, v.readsAll())
	if err != nil {
		return err
	}
	var streams []*folded
	for _, sub := range slices.Sorted(maps.Keys(byUser)) {
		f := folds[sub]
		switch {
		case f == nil && there[sub] != nil:
			continue // met with the first event
		case f == nil:
			begins, err := c.begins(ctx, sub, byUser[sub])
			if err != nil {
				return err
			}
			if !begins {
				continue
			}
			fallthrough
		case there[sub] != nil, !f.contiguous():
			if f, _, err = c.read(ctx, sub); err != nil {
				return err
			}
		}
		streams = append(streams, f)
	}
	return v.visitStreams(ctx, streams)
}

// begins tells whether some events include the first that is left of a user whose event 1 is missing.
func (c *Checker) begins(ctx context.Context, sub string, items []table.Item) (bool, error) {
	for it, err := range c.tables.StreamAfter(ctx, sub, "") {
		return err == nil && table.Attribute(it, "sk") == table.Attribute(items[0], "sk"), err
	}
	return false, nil
}
