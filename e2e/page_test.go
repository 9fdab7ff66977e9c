package e2e

import (
	"strings"
	"testing"
)

// The page says what the stack knows: how many have moved and how many are left, who is blocked by what, and what is not declared.
// The tests of pkg/report look at it in a browser.
func TestPage(t *testing.T) {
	t.Parallel()
	stack := deploy(t, nil)
	mixed(t, stack)
	page := func() string { return query[string](t, stack, "report", `{"view":"html"}`) }
	for _, want := range []string{
		"? INCONCLUSIVE", "2 of 5 users who came have moved", "How many users are left is not known",
		"1 user is blocked: challenge SMS_MFA, the first since 20", "1 user is blocked: disabled, the first since 20", "It is not declared what a verdict needs",
	} {
		if !strings.Contains(page(), want) {
			t.Errorf("%q is missing:\n%s", want, page())
		}
	}
	query[any](t, stack, "census", `{"view":"run"}`)
	if page := page(); !strings.Contains(page, " users of the old pool have moved, ") || !strings.Contains(page, "never came ") {
		t.Errorf("after a census:\n%s", page)
	}
}
