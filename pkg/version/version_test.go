package version

import (
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	const revision = "3b89ac1f2d4e5a6b7c8d9e0f1a2b3c4d5e6f7a8b"
	for name, tt := range map[string]struct {
		version, revision, modified string
		want                        string
	}{
		"a release":                        {"v1.2.3", revision, "false", "v1.2.3"},
		"a release, changed since":         {"v1.2.3+dirty", revision, "true", "v1.2.3+dirty"},
		"a release from the module cache":  {"v1.2.3", "", "", "v1.2.3"},
		"a commit from the module cache":   {"v0.0.0-20260714030000-3b89ac1f2d4e", "", "", "v0.0.0-20260714030000-3b89ac1f2d4e"},
		"between releases":                 {"v1.2.4-0.20260714030000-3b89ac1f2d4e", revision, "false", "3b89ac1f2d4e"},
		"before the first release":         {"v0.0.0-20260714030000-3b89ac1f2d4e", revision, "false", "3b89ac1f2d4e"},
		"before it, with files changed":    {"v0.0.0-20260714030000-3b89ac1f2d4e+dirty", revision, "true", "3b89ac1f2d4e-dirty"},
		"no version, but a commit":         {"(devel)", revision, "false", "3b89ac1f2d4e"},
		"no version, a commit and changes": {"", revision, "true", "3b89ac1f2d4e-dirty"},
		"neither":                          {"(devel)", "", "", "devel"},
		"nothing":                          {"", "", "", "devel"},
	} {
		t.Run(name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}}
			for key, value := range map[string]string{"vcs.revision": tt.revision, "vcs.modified": tt.modified} {
				if value != "" {
					info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
				}
			}
			if got := of(info); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
