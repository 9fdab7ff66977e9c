package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/attach"
)

// settings reads and writes a user pool's settings. What is sent and received is JSON as it is: the SDK signs and carries it, and its
// types, which lose what they do not know, see nothing of it.
type settings struct {
	stack  *stack
	id     string
	client *cognitoidentityprovider.Client
}

// settings returns the settings of a pool, which is in the Region that its id names.
func (s *stack) settings(id string) settings {
	client := s.pools(id)
	return settings{stack: s, id: id, client: client}
}

// state is what an update of a pool may change. Cognito keeps the second factors other than SMS, and passkeys, apart from the pool's
// description; UpdateUserPool does not take them, but has a say in whether factors are on.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SetUserPoolMfaConfig.html
type state struct {
	UserPool          attach.Pool
	UserPoolMfaConfig attach.Pool
}

// look describes the pool.
func (s settings) look(ctx context.Context) (state, error) {
	var answer []byte
	var err error
	if _, err = s.client.DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: &s.id}, received(&answer)); err != nil {
		return state{}, s.stack.explain(ctx, err)
	}
	var seen state
	if seen.UserPool, err = attach.Parse(answer); err != nil {
		return state{}, err
	}
	if _, err := s.client.GetUserPoolMfaConfig(ctx, &cognitoidentityprovider.GetUserPoolMfaConfigInput{UserPoolId: &s.id}, received(&answer)); err != nil {
		return state{}, s.stack.explain(ctx, err)
	}
	return seen, json.Unmarshal(answer, &seen.UserPoolMfaConfig)
}

// update calls UpdateUserPool. Only a throttled call is tried again: after a lost answer another operator's change may have come between.
func (s settings) update(ctx context.Context, pool attach.Pool) error {
	_, err := s.client.UpdateUserPool(ctx, &cognitoidentityprovider.UpdateUserPoolInput{UserPoolId: &s.id}, sent(pool.Update()), throttledOnly)
	if err != nil {
		return s.stack.explain(ctx, err)
	}
	return nil
}

// setMFA calls SetUserPoolMfaConfig. With factors off, real pools refuse to have one set up:
// https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/cognitoidp/user_pool.go
func (s settings) setMFA(ctx context.Context, config attach.Pool) error {
	input := map[string]any{"UserPoolId": s.id}
	off := string(config["MfaConfiguration"]) == `"OFF"`
	for name, value := range config {
		if !off || !strings.HasSuffix(name, "MfaConfiguration") || name == "MfaConfiguration" {
			input[name] = value
		}
	}
	text, err := json.Marshal(input)
	if err != nil {
		return err
	}
	_, err = s.client.SetUserPoolMfaConfig(ctx, &cognitoidentityprovider.SetUserPoolMfaConfigInput{UserPoolId: &s.id}, sent(text), throttledOnly)
	if err != nil {
		return s.stack.explain(ctx, err)
	}
	return nil
}

func throttledOnly(o *cognitoidentityprovider.Options) { o.Retryer = onlyThrottled() }

// sent has a call send this body instead of its input.
func sent(body []byte) func(*cognitoidentityprovider.Options) {
	return cognitoidentityprovider.WithAPIOptions(func(s *middleware.Stack) error {
		return s.Serialize.Add(middleware.SerializeMiddlewareFunc("Sent", func(
			ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler,
		) (out middleware.SerializeOutput, metadata middleware.Metadata, err error) {
			request, ok := in.Request.(*smithyhttp.Request)
			if !ok {
				return out, metadata, fmt.Errorf("a request of type %T is not known", in.Request)
			}
			if in.Request, err = request.SetStream(bytes.NewReader(body)); err != nil {
				return out, metadata, err
			}
			return next.HandleSerialize(ctx, in)
		}), middleware.After)
	})
}

// received keeps the body of a call's answer as it came.
func received(body *[]byte) func(*cognitoidentityprovider.Options) {
	return cognitoidentityprovider.WithAPIOptions(func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Received", func(
			ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
		) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			response, ok := out.RawResponse.(*smithyhttp.Response)
			if err != nil || !ok {
				return out, metadata, err
			}
			if *body, err = io.ReadAll(response.Body); err != nil {
				return out, metadata, err
			}
			err = response.Body.Close()
			response.Body = io.NopCloser(bytes.NewReader(*body))
			return out, metadata, err
		}), middleware.After)
	})
}

// save writes a pool's state to a new file in this folder, for the owner's eyes only, and returns the file's name.
func (s state) save(now time.Time) (name string, err error) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp(".", s.UserPool.ID()+"-"+now.UTC().Format("20060102T150405Z")+"-*.json")
	if err != nil {
		return "", fmt.Errorf("the settings as they are can't be saved, so nothing was changed: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	return filepath.Base(file.Name()), errors.Join(err, file.Close())
}

// saved reads a file that save wrote.
func saved(name string) (state, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return state{}, err
	}
	var s state
	if s.UserPool, err = attach.Parse(text); err != nil {
		return state{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, json.Unmarshal(text, &s)
}
