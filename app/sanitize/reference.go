package sanitize

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// issueURL matches addresses that GitHub turns into references, and that
	// leave a trace at what they refer to.
	issueURL = regexp.MustCompile(`(?i)(?:https?:)?//([A-Za-z0-9.-]+(?::[0-9]+)?)(/[^\s/()<>"']+/[^\s/()<>"']+/(?:issues?|pulls?|discussions?|commits?)/)`)
	mention  = regexp.MustCompile(`@([A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9._-]+)?)`)
	number   = regexp.MustCompile(`#([0-9])`)
	gh       = regexp.MustCompile(`(?i)\b(GH)-([0-9])`)
)

// withoutReferences rewrites what GitHub would turn into a notification or a
// reference. The signs it puts in look alike and mean nothing to GitHub.
func (p prose) withoutReferences(text, keepMention string) string {
	text = p.replace(text, issueURL, func(text string, m []int) string {
		host, path := text[m[2]:m[3]], text[m[4]:m[5]]
		switch strings.ToLower(strings.TrimPrefix(strings.ToLower(host), "www.")) {
		case "redirect.github.com":
			return text[m[0]:m[1]]
		case "github.com":
			return "https://redirect.github.com" + path
		}
		return host + path
	})
	text = p.replace(text, mention, func(text string, m []int) string {
		name := text[m[2]:m[3]]
		switch {
		case wordBefore(text, m[0]):
			return text[m[0]:m[1]] // an address for mail, or a version
		case keepMention != "" && strings.EqualFold(name, keepMention) && !continues(text, m[1]):
			return text[m[0]:m[1]]
		case inAddress(text, m[0]):
			return "%40" + name
		}
		return "\uff20" + name
	})
	text = p.replace(text, number, func(text string, m []int) string {
		if inAddress(text, m[0]) {
			return text[m[0]:m[1]]
		}
		return "\uff03" + text[m[2]:m[3]]
	})
	return p.replace(text, gh, func(text string, m []int) string {
		return text[m[2]:m[3]] + "\u2011" + text[m[4]:m[5]]
	})
}

// wordBefore says whether a letter or digit of ASCII, or an underscore, stands
// before at: GitHub takes anything else for the end of a word.
func wordBefore(text string, at int) bool {
	if at == 0 {
		return false
	}
	c := text[at-1]
	return c == '_' || c < utf8.RuneSelf && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)))
}

// continues says whether a name goes on at at, in a way that we do not match.
func continues(text string, at int) bool {
	return at < len(text) && (text[at] == '/' || text[at] == '_' || text[at] == '-')
}

var scheme = regexp.MustCompile(`(?i)(?:^|[\s(<\[])https?://[^\s()<>\[\]"'` + "`" + `]*$`)

// inAddress says whether text[:at] ends within a web address.
func inAddress(text string, at int) bool {
	const longest = 2048
	before := text[max(0, at-longest):at]
	before = before[strings.LastIndexAny(before, "\n ")+1:]
	return strings.Contains(before, "://") && scheme.MatchString(before)
}
