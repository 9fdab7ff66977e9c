package attach

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Change is one setting that differs between two descriptions.
type Change struct {
	Setting       string // where it is: "Policies.PasswordPolicy.MinimumLength"
	Before, After string // JSON; empty: not set
}

// moving are the members that change without anybody setting them.
var moving = []string{"EstimatedNumberOfUsers", "LastModifiedDate"}

// Diff returns what differs between two descriptions of a pool, in the order of the settings' names. The order of a list means nothing:
// all lists that a pool has are sets. What is null or empty is not set. UnusedAccountValidityDays is left out where it has no effect.
func Diff(before, after Pool) []Change {
	before, after = maps.Clone(before), maps.Clone(after)
	for _, p := range []Pool{before, after} {
		maps.DeleteFunc(p, func(name string, _ json.RawMessage) bool { return slices.Contains(moving, name) })
	}
	if before.outlived() || after.outlived() {
		for _, p := range []Pool{before, after} {
			if config := p.object("AdminCreateUserConfig"); config != nil {
				delete(config, unusedDays)
				p["AdminCreateUserConfig"] = encode(config)
			}
		}
	}
	return compare("", decode(encode(before)), decode(encode(after)))
}

// compare returns what differs between two values, which decode has made.
func compare(setting string, before, after any) []Change {
	was, isObject := before.(map[string]any)
	is, isStill := after.(map[string]any)
	if (isObject || before == nil) && (isStill || after == nil) {
		var changes []Change
		names := maps.Clone(was)
		if names == nil {
			names = map[string]any{}
		}
		maps.Copy(names, is)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			changes = append(changes, compare(strings.TrimPrefix(setting+"."+name, "."), was[name], is[name])...)
		}
		return changes
	}
	change := Change{Setting: setting, Before: textOf(before), After: textOf(after)}
	if change.Before == change.After {
		return nil
	}
	return []Change{change}
}

// textOf returns a value as JSON.
func textOf(value any) string {
	if value == nil {
		return ""
	}
	return string(encode(value))
}

// decode reads JSON such that equal settings are equal texts: lists are sorted, and what is not set is nil.
func decode(text json.RawMessage) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(err) // it was parsed before
	}
	return normal(value)
}

func normal(value any) any {
	switch value := value.(type) {
	case map[string]any:
		maps.DeleteFunc(value, func(name string, v any) bool {
			value[name] = normal(v)
			return value[name] == nil
		})
		if len(value) == 0 {
			return nil
		}
		return value
	case []any:
		if len(value) == 0 {
			return nil
		}
		for i := range value {
			value[i] = normal(value[i])
		}
		slices.SortFunc(value, func(a, b any) int { return bytes.Compare(encode(a), encode(b)) })
		return value
	default:
		return value
	}
}
