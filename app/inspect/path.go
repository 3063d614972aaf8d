package inspect

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

const (
	pathBytes = 1024 // of a whole path: checkouts elsewhere put a folder before it
	nameBytes = 255  // of one name: the limit of common file systems
)

// unsafePaths refuses new paths that mean something else on some machine than
// what they look like. Paths that the base had already are not its business.
func (c *change) unsafePaths() *anvil.Problem {
	var found []string
	var places []anvil.Place
	for _, e := range c.entries {
		if e.Status != "A" {
			continue
		}
		if why := unsafePath(e.Path); why != "" {
			found = append(found, fmt.Sprintf("%s (%s)", sanitize.Path(e.Path), why))
			places = append(places, anvil.Place{Path: e.Path, What: "not a safe path: " + why})
		}
	}
	if len(found) == 0 {
		return nil
	}
	return anvil.Problemf("PATH_UNSAFE", nextPath, "the change adds paths that are not safe everywhere: %s", list(found)).At(places)
}

// unsafePath says what is wrong with a path, or "".
func unsafePath(path string) string {
	switch {
	case len(path) > pathBytes:
		return "too long"
	case !utf8.ValidString(path):
		return "not UTF-8"
	case strings.Contains(path, `\`):
		return "a backslash"
	case strings.Contains(path, ":"):
		return "a colon"
	}
	for _, r := range path {
		if unicode.IsControl(r) {
			return "a control character"
		}
		// Beside marks of direction these are the characters that HFS+
		// leaves out when it compares names.
		if !unicode.IsGraphic(r) {
			return "an invisible character"
		}
	}
	for name := range strings.SplitSeq(path, "/") {
		if why := unsafeSegment(name); why != "" {
			return why
		}
	}
	return ""
}

var (
	// device matches the names that are devices in every folder of Windows,
	// whatever extension follows.
	device = regexp.MustCompile(`^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ ]*(?:\.|$)`)
	// shortName matches what Windows calls a file with a longer name, such
	// as git~1 for .git.
	shortName = regexp.MustCompile(`^[^.]{1,8}~[0-9]{1,6}(?:\.[^.]{0,3})?$`)
)

func unsafeSegment(name string) string {
	folded := fold(name)
	switch {
	case name == "":
		return "an absolute path or an empty name"
	case name == "." || name == "..":
		return "a path that climbs"
	case len(name) > nameBytes:
		return "a name too long"
	case folded == ".git":
		return "git's own folder"
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "a name that ends with a dot or a space"
	case device.MatchString(folded):
		return "a device on Windows"
	case shortName.MatchString(folded):
		return "a short name on Windows"
	}
	return ""
}
