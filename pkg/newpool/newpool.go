// Package newpool asks the new user pool what it did with the users who were handed over to it.
package newpool

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
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

// User is a user as the new pool has it.
type User struct {
	Username   string
	Attributes map[string]string
	Enabled    bool
	Status     types.UserStatusType
}

// What the new pool does not have.
var (
	ErrNoUser  = errors.New("the new pool has no such user")
	ErrNoGroup = errors.New("the new pool has no such group")
)

// User looks a user up by the username, an alias, or what the pool's users sign in by instead. It returns ErrNoUser if nobody has that
// name. The call makes the user a monthly active one.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
func (p *Pool) User(ctx context.Context, name string) (User, error) {
	out, err := p.client.AdminGetUser(ctx, &cognito.AdminGetUserInput{UserPoolId: &p.id, Username: &name})
	var missing *types.UserNotFoundException
	if errors.As(err, &missing) {
		return User{}, ErrNoUser
	}
	if err != nil {
		return User{}, err
	}
	u := User{Username: aws.ToString(out.Username), Enabled: out.Enabled, Status: out.UserStatus, Attributes: map[string]string{}}
	for _, a := range out.UserAttributes {
		u.Attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	return u, nil
}

// AddToGroup puts a user into a group; one who is in it stays in it. It returns ErrNoGroup if there is no such group.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminAddUserToGroup.html
func (p *Pool) AddToGroup(ctx context.Context, username, group string) error {
	_, err := p.client.AdminAddUserToGroup(ctx, &cognito.AdminAddUserToGroupInput{
		UserPoolId: &p.id, Username: &username, GroupName: &group,
	})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return ErrNoGroup
	}
	return err
}
