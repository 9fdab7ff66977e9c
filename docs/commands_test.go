package docs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	commands = regexp.MustCompile("(?ms)^ *```sh$\n(.*?)^ *```$")
	used     = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)
	set      = regexp.MustCompile(`(?:^|[\s;(])(?:([A-Za-z_]\w*)=|for (\w+) in|read -r (\w+)|--arg (\w+)|([a-z]+)\(\) ?\{)`)
	called   = regexp.MustCompile(`\$\((resource) `)
	comment  = regexp.MustCompile(`(?m)(?:^|\s)#.*$`)
)

// A reader can run a page's commands in their order: each variable is set by a command before it, or by the block in deploying.md that
// is run once in a shell, if the page names that block.
func TestCommandsUseWhatIsSet(t *testing.T) {
	deploying, err := os.ReadFile("deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(deploying), "## Once in a shell")
	if !ok {
		t.Fatal("deploying.md does not say any more what to set once in a shell")
	}
	once := names(set, commands.FindStringSubmatch(section)[1])
	for path, text := range sources(t) {
		known := []string{"PATH", "PWD"}
		if strings.Contains(text, "deploying.md#once-in-a-shell") {
			known = append(known, once...)
		}
		for _, block := range commands.FindAllStringSubmatch(text, -1) {
			script := comment.ReplaceAllString(block[1], "")
			known = append(known, names(set, script)...)
			for _, name := range append(names(used, script), names(called, script)...) {
				if !slices.Contains(known, name) {
					t.Errorf("%s: nothing before it sets %s in\n%s", path, name, block[1])
				}
			}
		}
	}
}

// The operator's tool took the place of these targets.
func TestCommandsNameTheTool(t *testing.T) {
	gone := regexp.MustCompile(`make (-s )?(report|inspect|preflight|maintain|audit)\b`)
	for path, text := range sources(t) {
		if strings.HasSuffix(path, "CHANGELOG.md") {
			continue
		}
		if found := gone.FindString(text); found != "" {
			t.Errorf("%s: %q is no command any more", path, found)
		}
	}
}

func names(pattern *regexp.Regexp, text string) []string {
	var all []string
	for _, groups := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Join(groups[1:], ""))
	}
	return all
}
