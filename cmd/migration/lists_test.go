package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Lists are asked for page after page, until the limit.
func TestListsComeInPages(t *testing.T) {
	const inAll, pageSize = 250, 60
	list := func(_ string, question map[string]any) any {
		from := 0
		if next, ok := question["next"].(string); ok {
			from, _ = strconv.Atoi(next)
		}
		to, next := min(from+pageSize, inAll), ""
		items := []map[string]any{}
		for i := from; i < to; i++ {
			items = append(items, map[string]any{"sub": fmt.Sprintf("sub-%03d", i)})
		}
		if to < inAll {
			next = strconv.Itoa(to)
		}
		return map[string]any{"users": items, "events": items, "next": next}
	}
	for name, tt := range map[string]struct {
		args  []string
		lines int
		calls int
		more  bool
	}{
		"a hundred":               {[]string{"unconfirmed"}, 100, 2, true},
		"fewer":                   {[]string{"unconfirmed", "--limit=7"}, 7, 1, true},
		"a page":                  {[]string{"unconfirmed", "--limit=60"}, 60, 2, true},
		"all but one":             {[]string{"unconfirmed", "--limit=249"}, 249, 5, true},
		"as many as there are":    {[]string{"unconfirmed", "--limit=250"}, 250, 5, false},
		"all":                     {[]string{"unconfirmed", "--limit=0"}, 250, 5, false},
		"the blocked":             {[]string{"blocked", "disabled", "--limit=0"}, 250, 5, false},
		"events":                  {[]string{"trail", "--from=2026-07-01"}, 100, 2, true},
		"all events":              {[]string{"trail", "--from=2026-07-01", "--limit=0"}, 250, 5, false},
		"events as JSON":          {[]string{"trail", "--from=2026-07-01", "--json"}, 100, 2, true},
		"all events as JSON":      {[]string{"trail", "--from=2026-07-01", "--json", "--limit=0"}, 250, 5, false},
		"all unconfirmed as JSON": {[]string{"unconfirmed", "--json", "--limit=0"}, 250, 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, list)
			stdout, stderr, code := tool(t, append(tt.args, "--stack=live")...)
			if lines := strings.Count(stdout, "sub-"); code != 0 || lines != tt.lines || len(fake.calls) != tt.calls {
				t.Errorf("exit code %d, %d items of %d, %d calls of %d", code, lines, tt.lines, len(fake.calls), tt.calls)
			}
			for i := range tt.lines {
				if !strings.Contains(stdout, fmt.Sprintf("sub-%03d", i)) {
					t.Fatalf("sub-%03d is left out", i)
				}
			}
			if more := strings.Contains(stderr, "are printed: --limit=0 prints all"); more != tt.more {
				t.Errorf("said %q", stderr)
			}
		})
	}
}
