// Package hostlist reads the allow lists of hosts that operators and repositories
// write. An entry is a name, such as example.com, or with a dot in front that
// name and all below it, such as .example.com.
//
// The egress proxy on the runner has the last word on what a name is; what is
// accepted here, it accepts.
package hostlist

import (
	"regexp"
	"strings"
)

// Any is the entry that stands for every host. It belongs in an operator's
// list of what repositories may allow, and nowhere else.
const Any = "*"

var name = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Check says what is wrong with an entry, or "".
func Check(entry string) string {
	host := strings.TrimPrefix(entry, ".")
	switch {
	case entry == Any || strings.HasPrefix(entry, "*."):
		return "has a wildcard"
	case strings.ContainsAny(host, "/:@"):
		return "is more than the name of a host"
	case len(host) > 253 || !name.MatchString(host):
		return "is not the name of a host, in lower case and with a dot in it"
	case strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".localdomain") || host == "metadata.google.internal":
		return "is a name for the machine itself or its cloud"
	}
	return ""
}

// Covers tells whether everything that entry allows is allowed by list.
func Covers(list []string, entry string) bool {
	for _, have := range list {
		switch {
		case have == Any || have == entry:
			return true
		case strings.HasPrefix(have, ".") && (have[1:] == entry || strings.HasSuffix(entry, have)):
			return true
		}
	}
	return false
}
