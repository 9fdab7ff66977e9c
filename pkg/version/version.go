// Package version tells which version of the project a binary was built from.
package version

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// unknown is the version of a binary without information about its source: one that was built by "go run", outside a repository, or in
// a git work tree, where the go command does not find the repository (https://go.dev/issue/58218).
const unknown = "devel"

// String returns the module's version, as v1.2.3, if the binary was built from a release. Otherwise it returns the first twelve digits of
// the commit, with "-dirty" after them if files had been changed since, or "devel" if the commit is not known.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	return of(info)
}

// revisionLength is how many digits of a commit name it, as in Go's pseudo-versions. https://go.dev/ref/mod#pseudo-versions
const revisionLength = 12

func of(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	revision = revision[:min(revisionLength, len(revision))]
	// Between two releases Go makes up a version that ends in the commit. The commit alone says the same.
	isRelease := info.Main.Version != "(devel)" && (revision == "" || !strings.Contains(info.Main.Version, revision))
	if isRelease && info.Main.Version != "" {
		return info.Main.Version
	}
	if revision != "" && settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return cmp.Or(revision, unknown)
}
