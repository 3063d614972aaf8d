package conversation

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxFiles is more than any conversation has.
const maxFiles = 10_000

// match reports whether the slash-separated name fits the pattern, in which ** is
// any number of directories, or all that is left.
func match(pattern, name string) bool {
	return matchParts(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

func matchParts(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			if len(pattern) == 1 {
				return len(name) > 0
			}
			for i := range name {
				if matchParts(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); !ok || err != nil {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}

// wanted reports whether a file of the given name belongs into an archive.
func wanted(patterns []string, name string) bool {
	if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name || strings.ContainsAny(name, "\\\x00") || credential(name) {
		return false
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

// credential reports whether files of that name hold credentials, whatever an
// engine's patterns say.
func credential(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch base {
	case "auth.json", ".credentials.json", "credentials.json", "credentials", "credentials.db", "oauth_creds.json", "token.json", "tokens.json",
		".netrc", "_netrc", ".git-credentials", ".npmrc", ".pypirc", ".env", "id_rsa", "id_ecdsa", "id_ed25519":
		return true
	}
	for _, end := range []string{".pem", ".key", ".p12", ".pfx", ".jks", ".keystore"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return false
}

// roots are the directories or files below which everything lies that may match:
// the parts of the patterns before their first wildcard.
func roots(patterns []string) []string {
	var all []string
	for _, p := range patterns {
		parts := strings.Split(p, "/")
		n := slices.IndexFunc(parts, func(part string) bool { return strings.ContainsAny(part, "*?[") })
		if n < 0 {
			n = len(parts)
		}
		root := path.Join(parts[:n]...)
		if root == "" {
			root = "."
		}
		if !slices.Contains(all, root) {
			all = append(all, root)
		}
	}
	return all
}
