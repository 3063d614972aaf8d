package release

import (
	"cmp"
	"runtime/debug"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Build is which build a program is.
type Build struct {
	Version string // such as v1.2.3; empty for a build that is no release
	Commit  string // that it was built from; empty if it does not say
	Changed bool   // the sources were not as committed
}

// Self is the running program's build; stamped is the version that the release job
// set, if any.
func Self(stamped string) Build {
	b := Build{Version: stamped}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

func (b Build) String() string {
	s := b.Version
	if s == "" {
		s = "development build"
	}
	if b.Commit != "" {
		s += " " + b.Commit
	}
	if b.Changed {
		s += " with changes"
	}
	return s
}

// Ref is where GitHub has what this build was made of: the tag of a release, which also
// has the action with the digests of the release's programs; else the commit; else the
// branch main, because nothing else is known or published.
func (b Build) Ref() string {
	switch {
	case b.Changed:
		return "main"
	case b.Version != "":
		return b.Version
	}
	return cmp.Or(b.Commit, "main")
}

// Released reports whether the build is one of the release job's.
func (b Build) Released() bool { return b.Version != "" && !b.Changed }

// Codes of what can keep a program from being verified.
const (
	CodeDevelopment anvil.Code = "VERSION_DEVELOPMENT" // it is no release
	CodeChecksums   anvil.Code = "VERSION_CHECKSUMS"   // the checksums cannot be had or read
	CodeDiffers     anvil.Code = "VERSION_DIFFERS"     // it is not what was released
)
