package preflight

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// ResourcePolicy is a function's resource-based policy, as far as it matters here.
// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
type ResourcePolicy struct {
	Statement oneOrMany[Statement]
}

// Statement is one statement of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal json.RawMessage // "*", or an object whose member Service names services
	Action    oneOrMany[string]
	Condition map[string]map[string]oneOrMany[string] // values by operator and key
}

// oneOrMany is a value that the policy grammar lets stand alone or in a list.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type oneOrMany[T any] []T

// UnmarshalJSON accepts a value or a list of values.
func (m *oneOrMany[T]) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(m))
	}
	*m = make([]T, 1)
	return json.Unmarshal(data, &(*m)[0])
}

// Admits tells whether the function's policy lets Cognito call it for a pool.
func (p ResourcePolicy) Admits(pool arn.ARN) bool {
	return slices.ContainsFunc(p.Statement, func(st Statement) bool { return st.admits(pool) })
}

const cognitoService = "cognito-idp.amazonaws.com"

// admits tells whether the statement lets Cognito call the function for a pool. A condition that is not about the calling
// pool or account counts as not met.
func (s Statement) admits(pool arn.ARN) bool {
	for operator, keys := range s.Condition {
		if !slices.Contains([]string{"StringEquals", "StringLike", "ArnEquals", "ArnLike"}, operator) {
			return false
		}
		for key, values := range keys {
			var caller string
			switch strings.ToLower(key) {
			case sourceARN:
				caller = pool.String()
			case "aws:sourceaccount":
				caller = pool.AccountID
			}
			if !slices.ContainsFunc(values, func(pattern string) bool { return like(pattern, caller) }) {
				return false
			}
		}
	}
	return s.aboutCognito()
}

// others lists what the statement lets in besides one pool.
func (s Statement) others(pool arn.ARN) []string {
	if !s.aboutCognito() && string(s.Principal) != `"*"` {
		return nil
	}
	for _, keys := range s.Condition {
		for key, values := range keys {
			if strings.ToLower(key) == sourceARN {
				return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == pool.String() })
			}
		}
	}
	return []string{"statement " + s.Sid + " has no AWS:SourceArn"}
}

const sourceARN = "aws:sourcearn"

func (s Statement) aboutCognito() bool {
	var principal struct{ Service oneOrMany[string] }
	return s.Effect == "Allow" &&
		json.Unmarshal(s.Principal, &principal) == nil && slices.Contains(principal.Service, cognitoService) &&
		slices.ContainsFunc(s.Action, func(pattern string) bool { return like(pattern, "lambda:InvokeFunction") })
}

// like matches a pattern in which * stands for any characters and ? for one.
func like(pattern, value string) bool {
	expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("^" + expression + "$").MatchString(value)
}
