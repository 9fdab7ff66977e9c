package docs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Operators and support look a reason up in these two tables: each has to be in both, and nothing else.
func TestTheTablesOfReasonsAreComplete(t *testing.T) {
	var want []string
	for _, reason := range migration.Reasons() {
		want = append(want, string(reason))
	}
	for _, page := range []string{"how-it-works.md", "support.md"} {
		t.Run(page, func(t *testing.T) {
			if diff := cmp.Diff(want, reasonsOf(t, page)); diff != "" {
				t.Errorf("reasons (-code +%s):\n%s", page, diff)
			}
		})
	}
}

var (
	tableOfReasons = regexp.MustCompile(`(?m)^\| reason \|.*\n\|-.*\n((?:\|.*\n)+)`)
	name           = regexp.MustCompile("`(\\w+)`")
)

// reasonsOf returns the names in the first column of a page's table of reasons, sorted.
func reasonsOf(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	table := tableOfReasons.FindSubmatch(text)
	if table == nil {
		t.Fatalf("%s has no table of reasons", page)
	}
	var reasons []string
	for row := range strings.Lines(string(table[1])) {
		for _, found := range name.FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			reasons = append(reasons, found[1])
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}
