package fsck

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo/internal/table"
)

// visitEvents has each user visited whose stream begins in a batch of events. A Scan promises no order, and not that a user's events
// come together: the user's first event stands for all of them, so that every user is met once.
func (c *Checker) visitEvents(ctx context.Context, v visitor, events []table.Item) error {
	byUser := map[string][]table.Item{}
	for _, it := range events {
		sub := table.Attribute(it, "pk")
		byUser[sub] = append(byUser[sub], it)
	}
	// Of users who begin here: is there an event that the batch does not hold? Of the others: is there a first one?
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

// begins tells whether the first event that there is of a user, who lacks the very first, is among some.
func (c *Checker) begins(ctx context.Context, sub string, items []table.Item) (bool, error) {
	for it, err := range c.tables.StreamAfter(ctx, sub, "") {
		return err == nil && table.Attribute(it, "sk") == table.Attribute(items[0], "sk"), err
	}
	return false, nil
}
