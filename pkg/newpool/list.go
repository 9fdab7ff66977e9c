package newpool

import (
	"context"

	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/listusers"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Listing is the pool as a list of users, with all their attributes: the link is one that not every user has.
type Listing struct {
	pool    *Pool
	limiter *rate.Limiter
}

// Listing returns the pool's listing. It asks no more often than the limiter lets it.
func (p *Pool) Listing(limiter *rate.Limiter) Listing { return Listing{p, limiter} }

// List returns a page of the users whose sub begins with a prefix, as listusers.List does.
func (l Listing) List(ctx context.Context, prefix, token string) ([]migration.Account, string, error) {
	return listusers.List(ctx, l.pool.client, l.limiter, listusers.Query{PoolID: l.pool.id, Prefix: prefix}, token)
}

// Estimate returns how many users Cognito believes that the pool has.
func (l Listing) Estimate(ctx context.Context) (int, error) {
	return listusers.Estimate(ctx, l.pool.client, l.pool.id)
}
