package git

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// refLimit is the longest ref name we take, in bytes: a loose ref is a file,
// and its lock needs five bytes more than its name.
const refLimit = 244

// ValidateRef says whether name can be the name of a branch, or a full ref
// name. It is the one rule for the whole product: git's own, and besides that
// a name must not look like an option, an object name or HEAD, must be of
// visible UTF-8 characters, and must fit a file name. The error is an
// [anvil.Problem] REF_INVALID that says which rule was broken.
func ValidateRef(name string) error {
	if rule := brokenRule(name); rule != "" {
		return anvil.Problemf("REF_INVALID", "Use another branch name.", "the branch name %s", rule)
	}
	return nil
}

func brokenRule(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > refLimit:
		return fmt.Sprintf("is longer than %d bytes", refLimit)
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case name[0] == '-', name[0] == '+':
		return "begins with a dash or a plus"
	case name == "@" || name == "HEAD" || strings.HasSuffix(name, "/HEAD"):
		return "is reserved by git"
	case ObjectID(strings.ToLower(name)):
		return "looks like an object name"
	case strings.Contains(name, ".."):
		return "contains two dots in a row"
	case strings.Contains(name, "@{"):
		return "contains @{"
	case strings.HasSuffix(name, "."):
		return "ends with a dot"
	}
	for _, r := range name {
		switch {
		case unicode.IsControl(r):
			return "contains a control character"
		case strings.ContainsRune(" ~^:?*[\\", r):
			return fmt.Sprintf("contains %q", r)
		case !unicode.IsGraphic(r) || unicode.IsSpace(r):
			return "contains an invisible character"
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return "has an empty part between slashes, or begins or ends with a slash"
		case part[0] == '.':
			return "has a part that begins with a dot"
		case strings.HasSuffix(part, ".lock"):
			return "has a part that ends with .lock"
		}
	}
	return ""
}

// fullRef returns an error unless ref is a valid full ref name.
func fullRef(ref string) error {
	if err := ValidateRef(ref); err != nil {
		return err
	}
	if !strings.HasPrefix(ref, "refs/") {
		return fmt.Errorf("%q is not a full ref name", ref)
	}
	return nil
}
