package safeguard

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// AppendOnly is the audit table's policy, as the template sets it.
const AppendOnly = `{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "AppendOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": [
      "dynamodb:BatchWriteItem",
      "dynamodb:DeleteItem",
      "dynamodb:PartiQLDelete",
      "dynamodb:PartiQLInsert",
      "dynamodb:PartiQLUpdate",
      "dynamodb:UpdateItem"
    ],
    "Resource": "*"
  }]
}`

// samePolicy tells whether two policies say the same. An additional statement matters as much as a missing one: it could let another
// account in, which no role of this one shows.
func samePolicy(a, b string) bool {
	first, err := statements(a)
	second, err2 := statements(b)
	return err == nil && err2 == nil && reflect.DeepEqual(first, second)
}

// statements are a policy's statements in one form: what may stand alone or in a list is a list, lists are in order, and everyone is
// "*". https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func statements(document string) ([]any, error) {
	var policy struct{ Statement any }
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		return nil, err
	}
	all := list(policy.Statement)
	for _, statement := range all {
		s, ok := statement.(map[string]any)
		if !ok {
			continue
		}
		delete(s, "Sid")
		for _, element := range []string{"Action", "Resource"} {
			if value, ok := s[element]; ok {
				s[element] = ordered(list(value))
			}
		}
		if p, ok := s["Principal"].(map[string]any); ok && len(p) == 1 && reflect.DeepEqual(list(p["AWS"]), []any{"*"}) {
			s["Principal"] = "*"
		}
	}
	return ordered(all), nil
}

func list(value any) []any {
	if all, ok := value.([]any); ok {
		return all
	}
	return []any{value}
}

func ordered(all []any) []any {
	slices.SortFunc(all, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}
