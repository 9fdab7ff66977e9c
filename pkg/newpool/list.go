package newpool

import (
	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/listusers"
)

// Listing returns the pool as a list of users, with all their attributes: the link is one that not every user has.
func (p *Pool) Listing(limiter *rate.Limiter) listusers.Listing {
	return listusers.Listing{Client: p.client, Limiter: limiter, PoolID: p.id}
}
