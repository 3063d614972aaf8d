package policy

import (
	"errors"
	"path"
	"strings"
)

// Match reports whether name, a path inside a repository with forward slashes,
// matches glob. A segment of ** stands for any number of whole segments, also
// none, except at the end, where it stands for at least one: docs/** matches
// what is inside docs. In other segments * and ? and [a-z] are as in
// [path.Match] and never match a slash. Case counts. A glob that [CheckGlob]
// refuses matches nothing.
func Match(glob, name string) bool {
	pattern, segments := strings.Split(glob, "/"), strings.Split(name, "/")
	// ok[j] says whether the pattern so far matches the first j segments. Going
	// through both once keeps a glob of many ** from taking exponential time.
	ok := make([]bool, len(segments)+1)
	ok[0] = true
	for i, p := range pattern {
		next := make([]bool, len(segments)+1)
		if p == "**" {
			seen := false
			for j := range ok {
				if i == len(pattern)-1 {
					next[j] = seen
					seen = seen || ok[j]
				} else {
					seen = seen || ok[j]
					next[j] = seen
				}
			}
		} else {
			for j, s := range segments {
				if ok[j] {
					matched, err := path.Match(p, s)
					next[j+1] = matched && err == nil
				}
			}
		}
		ok = next
	}
	return ok[len(segments)]
}

// CheckGlob says what keeps glob from being a pattern of paths that may be
// changed although they are protected.
func CheckGlob(glob string) error {
	if err := CheckPath(glob); err != nil {
		return err
	}
	// One pattern for everything would switch the protection off in a way that a
	// reader of the file easily takes for less.
	if Match(glob, ".github/workflows/ci.yml") && Match(glob, "CODEOWNERS") {
		return errors.New("matches everything; name what may change")
	}
	return nil
}

// CheckPath says what keeps glob from being a pattern of paths.
func CheckPath(glob string) error {
	switch {
	case strings.TrimSpace(glob) == "":
		return errors.New("is empty")
	case len(glob) > 500:
		return errors.New("has more than 500 bytes")
	case strings.HasPrefix(glob, "/"):
		return errors.New("starts with a slash; paths start at the repository's root")
	case strings.HasSuffix(glob, "/"):
		return errors.New("ends with a slash; write /** for all that is inside")
	case strings.Contains(glob, "\\"):
		return errors.New("holds a backslash; separate with forward slashes")
	}
	for _, segment := range strings.Split(glob, "/") {
		switch _, err := path.Match(segment, ""); {
		case err != nil:
			return errors.New("has a bracket without its end")
		case segment == "", segment == ".", segment == "..":
			return errors.New("has a segment that is empty or only dots")
		case segment != "**" && strings.Contains(segment, "**"):
			return errors.New("has ** beside other characters; it stands for whole segments")
		}
	}
	return nil
}
