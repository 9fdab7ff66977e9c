// Package version says which version of the project a binary is built from.
package version

import "runtime/debug"

// String is the module's version if the binary was built from a released module, else the revision of its source ("-dirty" if files
// were changed), else "devel": a build outside of version control.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return of(info)
}

// revisionLength is how much of a revision names it.
const revisionLength = 12

func of(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), revisionLength)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + dirty
}
