package config_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/config"
)

// lambda is what Lambda sets.
var lambda = []string{"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token"}

// A call goes where the SDK's own loader would send it, as whom, and as often.
func TestAWSHonoursWhatTheSDKDoes(t *testing.T) {
	for _, tt := range []struct {
		environ []string
		want    []string // where the calls of two services went, one after the other
	}{
		{nil, []string{"https://dynamodb.eu-west-1.amazonaws.com/", "https://cognito-idp.eu-west-1.amazonaws.com/"}},
		{
			[]string{"AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1"},
			[]string{"http://127.0.0.1:1/", "https://cognito-idp.eu-west-1.amazonaws.com/"},
		},
		{
			[]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=http://127.0.0.1:2"},
			[]string{"http://127.0.0.1:1/", "http://127.0.0.1:2/"},
		},
		{
			[]string{"AWS_ENDPOINT_URL=", "AWS_ENDPOINT_URL_DYNAMODB="},
			[]string{"https://dynamodb.eu-west-1.amazonaws.com/", "https://cognito-idp.eu-west-1.amazonaws.com/"},
		},
		{
			[]string{"AWS_REGION=us-west-2", "AWS_USE_FIPS_ENDPOINT=true"},
			[]string{"https://dynamodb-fips.us-west-2.amazonaws.com/", "https://cognito-idp-fips.us-west-2.amazonaws.com/"},
		},
		{
			[]string{"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_USE_FIPS_ENDPOINT=false"},
			[]string{"https://dynamodb.eu-west-1.api.aws/", "https://cognito-idp.eu-west-1.amazonaws.com/"},
		},
		{
			[]string{"AWS_MAX_ATTEMPTS=2", "AWS_RETRY_MODE=adaptive"},
			[]string{"https://dynamodb.eu-west-1.amazonaws.com/", "https://cognito-idp.eu-west-1.amazonaws.com/"},
		},
	} {
		t.Run(strings.Join(tt.environ, " "), func(t *testing.T) {
			environ := slices.Concat([]string{"AWS_MAX_ATTEMPTS=1"}, lambda, tt.environ)
			cfg, err := config.AWS(environ)
			if err != nil {
				t.Fatal(err)
			}
			for _, variable := range environ {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			theirs, err := awsconfig.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := calls(t, cfg)
			if diff := cmp.Diff(calls(t, theirs), got); diff != "" {
				t.Errorf("calls (-the SDK's +ours):\n%s", diff)
			}
			var urls []string
			for _, call := range got {
				urls = append(urls, call.URL)
			}
			if diff := cmp.Diff(tt.want, slices.Compact(urls)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if theirs.RetryMode != cfg.RetryMode || theirs.RequestMinCompressSizeBytes != cfg.RequestMinCompressSizeBytes {
				t.Errorf("%v, %d: the SDK has %v, %d",
					cfg.RetryMode, cfg.RequestMinCompressSizeBytes, theirs.RetryMode, theirs.RequestMinCompressSizeBytes)
			}
		})
	}
}

// call is what a try to call has of a configuration.
type call struct{ URL, Credential, Token string }

// calls has two services called, which do not answer, and returns all tries.
func calls(t *testing.T, cfg aws.Config) []call {
	t.Helper()
	var tries []call
	cfg.HTTPClient = client(func(r *http.Request) (*http.Response, error) {
		credential, _, _ := strings.Cut(r.Header.Get("Authorization"), ",")
		tries = append(tries, call{r.URL.String(), credential, r.Header.Get("X-Amz-Security-Token")})
		return nil, errors.New("no answer")
	})
	_, tablesErr := dynamodb.NewFromConfig(cfg).ListTables(t.Context(), nil)
	_, poolErr := cognitoidentityprovider.NewFromConfig(cfg).DescribeUserPool(t.Context(),
		&cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String("eu-west-1_aB3dE5gH7")})
	if tablesErr == nil || poolErr == nil {
		t.Errorf("an answer: %v, %v", tablesErr, poolErr)
	}
	return tries
}

type client func(*http.Request) (*http.Response, error)

func (c client) Do(r *http.Request) (*http.Response, error) { return c(r) }

// A variable that is missing or wrong is named.
func TestAWSNamesTheVariable(t *testing.T) {
	for change, want := range map[string][]string{
		"AWS_REGION=":                 {"AWS_REGION"},
		"AWS_ACCESS_KEY_ID=":          {"AWS_ACCESS_KEY_ID"},
		"AWS_SECRET_ACCESS_KEY=":      {"AWS_SECRET_ACCESS_KEY"},
		"AWS_USE_FIPS_ENDPOINT=maybe": {"AWS_USE_FIPS_ENDPOINT", "maybe"},
		"AWS_MAX_ATTEMPTS=-1":         {"AWS_MAX_ATTEMPTS", "-1"},
		"AWS_RETRY_MODE=often":        {"AWS_RETRY_MODE", "often", "standard, adaptive"},
	} {
		_, err := config.AWS(append(slices.Clone(lambda), change))
		for _, text := range want {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v does not say %q", change, err, text)
			}
		}
	}
	var none []string
	_, err := config.AWS(none)
	for _, want := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
