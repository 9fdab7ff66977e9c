package version

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	for name, tt := range map[string]struct {
		module   string
		settings map[string]string
		want     string
	}{
		"a release":            {"v1.2.3", nil, "v1.2.3"},
		"a commit":             {"(devel)", map[string]string{"vcs.revision": "0123456789abcdef", "vcs.modified": "false"}, "0123456789ab"},
		"with changed files":   {"", map[string]string{"vcs.revision": "0123456789abcdef", "vcs.modified": "true"}, "0123456789ab-dirty"},
		"no version control":   {"(devel)", nil, "devel"},
		"a revision cut short": {"", map[string]string{"vcs.revision": "0123"}, "0123"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: tt.module}}
		for key, value := range tt.settings {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
		}
		if got := of(info); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
