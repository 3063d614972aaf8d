package sanitize

import "regexp"

// escapes matches what a terminal would obey instead of showing: sequences
// that begin with ESC or with their one-character forms. Strings that nobody
// ends are ended by the line.
var escapes = regexp.MustCompile(
	`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]?` + // colours, cursor, erasing
		`|(?:\x1b[\]PX^_]|[\x{9d}\x{90}\x{98}\x{9e}\x{9f}])[^\x07\x1b\x{9c}\r\n]*(?:\x07|\x1b\\|\x{9c})?` + // titles, links, clipboard
		`|\x1b[ -/]*[0-~]?`)

// Terminal returns text as it can be written to a terminal or a log: nothing in
// it moves the cursor, writes over what was there, or is invisible. Of the
// characters below the space only line breaks and tabs are left.
func Terminal(text string) string {
	return visible(escapes.ReplaceAllString(text, ""), tally{})
}

// withoutEscapes is for text that is not a log and should have none.
func withoutEscapes(text string, count tally) string {
	return escapes.ReplaceAllStringFunc(text, func(string) string {
		count["terminal control sequence"]++
		return ""
	})
}
