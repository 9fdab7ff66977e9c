package docs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/safeguard"
)

// Operators and support look a reason up in these two tables: each has to be in both, and nothing else.
func TestTheTablesOfReasonsAreComplete(t *testing.T) {
	var want []string
	for _, reason := range migration.Reasons() {
		want = append(want, string(reason))
	}
	for _, page := range []string{"how-it-works.md", "support.md"} {
		t.Run(page, func(t *testing.T) {
			if diff := cmp.Diff(want, namesOf(t, page, "reason")); diff != "" {
				t.Errorf("reasons (-code +%s):\n%s", page, diff)
			}
		})
	}
}

// An operator looks a kind of finding up in the playbook.
func TestTheTableOfSafeguardsIsComplete(t *testing.T) {
	var want []string
	for _, kind := range safeguard.Kinds {
		want = append(want, string(kind))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, namesOf(t, "playbooks/safeguards.md", "kind of finding")); diff != "" {
		t.Errorf("kinds of findings (-code +playbook):\n%s", diff)
	}
}

var name = regexp.MustCompile("`(\\w+)`")

// namesOf returns the names in the first column of a page's table, which its heading names, sorted.
func namesOf(t *testing.T, page, column string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?m)^\| ` + column + ` \|.*\n\|-.*\n((?:\|.*\n)+)`).FindSubmatch(text)
	if table == nil {
		t.Fatalf("%s has no table of %ss", page, column)
	}
	var all []string
	for row := range strings.Lines(string(table[1])) {
		for _, found := range name.FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			all = append(all, found[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
