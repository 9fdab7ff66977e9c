package config

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
	"github.com/caarlos0/env/v11"
)

// AWS returns the SDK's configuration from the variables that Lambda sets, and from those of the SDK for endpoints and retries:
// AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ with a service's name, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_MAX_ATTEMPTS and
// AWS_RETRY_MODE. The error names what is missing or wrong.
//
// The SDK has a loader of its own. It also asks for profiles, web identities and machines' metadata, which no function has, and each cold
// start would pay for linking that.
//
// The SDK's own log is off: it is plain text, and may quote personal data.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
func AWS(environ []string) (aws.Config, error) {
	var cfg struct{ SDK sdk }
	if err := Parse(&cfg, environ); err != nil {
		return aws.Config{}, err
	}
	s := cfg.SDK
	return aws.Config{
		Region:                      s.Region,
		Credentials:                 credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, s.SessionToken),
		BaseEndpoint:                s.Endpoint,
		RetryMaxAttempts:            int(s.MaxAttempts),
		RetryMode:                   aws.RetryMode(s.RetryMode),
		RequestMinCompressSizeBytes: minCompressed,
		Logger:                      logging.Nop{},
		ConfigSources:               []any{s, endpoints(env.ToMap(environ))},
	}, nil
}

// minCompressed is the size in bytes from which the SDK compresses a request, by its own default.
const minCompressed = 10240

// sdk is the SDK's variables.
type sdk struct {
	Region          string    `env:"AWS_REGION,required,notEmpty"`
	AccessKeyID     string    `env:"AWS_ACCESS_KEY_ID,required,notEmpty"`
	SecretAccessKey string    `env:"AWS_SECRET_ACCESS_KEY,required,notEmpty"`
	SessionToken    string    `env:"AWS_SESSION_TOKEN"`
	Endpoint        *string   `env:"AWS_ENDPOINT_URL"`
	FIPS            bool      `env:"AWS_USE_FIPS_ENDPOINT"`
	DualStack       bool      `env:"AWS_USE_DUALSTACK_ENDPOINT"`
	MaxAttempts     uint8     `env:"AWS_MAX_ATTEMPTS"`
	RetryMode       retryMode `env:"AWS_RETRY_MODE"`
}

// GetUseFIPSEndpoint is asked by the SDK's clients.
func (s sdk) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, s.FIPS, nil
}

// GetUseDualStackEndpoint is asked by the SDK's clients.
func (s sdk) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return aws.DualStackEndpointStateEnabled, s.DualStack, nil
}

// endpoints finds a service's endpoint among all variables.
type endpoints map[string]string

// GetServiceBaseEndpoint is asked by the SDK's clients.
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	url := e["AWS_ENDPOINT_URL_"+strings.ReplaceAll(strings.ToUpper(service), " ", "_")]
	return url, url != "", nil
}

type retryMode aws.RetryMode

// UnmarshalText accepts the SDK's modes.
func (m *retryMode) UnmarshalText(text []byte) error {
	mode, err := aws.ParseRetryMode(string(text))
	if err != nil {
		return fmt.Errorf("%q is not allowed: allowed is standard, adaptive", text)
	}
	*m = retryMode(mode)
	return nil
}
