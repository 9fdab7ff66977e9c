// Package newpool asks the new user pool what it did with the users who were handed over to it.
package newpool

import (
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// Config names the new pool, which is in the Region of the function that asks.
type Config struct {
	UserPoolID string `env:"NEW_USER_POOL_ID,required,notEmpty"`
}

var poolID = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)

// Validate names the variable that does not fit.
func (c Config) Validate() error {
	if !poolID.MatchString(c.UserPoolID) {
		return fmt.Errorf("NEW_USER_POOL_ID is %q: allowed is an id like eu-west-1_aB3dE5gH7", c.UserPoolID)
	}
	return nil
}

// Pool asks the new pool.
type Pool struct {
	client *cognito.Client
	id     string
}

// New returns a pool. A try of a call takes at most the given time, and the caller's deadline ends the tries.
func New(cfg aws.Config, config Config, try time.Duration) *Pool {
	return &Pool{id: config.UserPoolID, client: cognito.NewFromConfig(cfg, func(o *cognito.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(try)
	})}
}
