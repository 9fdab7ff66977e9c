package oldpool

import (
	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/listusers"
)

// Listing returns the pool as a list of users, with the sub alone of their attributes.
func (p *Pool) Listing(limiter *rate.Limiter) listusers.Listing {
	return listusers.Listing{Client: p.lookup, Limiter: limiter, PoolID: p.config.UserPoolID, Attributes: []string{"sub"}}
}
