package sanitize

import "strings"

// Fence returns text in a code block that nothing in it can close. It belongs
// on lines of its own.
func Fence(text string) string {
	text = strings.TrimRight(Terminal(text), "\n")
	longest, run := 2, 0
	for _, c := range []byte(text) {
		if c != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	return fence + "text\n" + text + "\n" + fence
}
