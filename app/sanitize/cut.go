package sanitize

import (
	"strings"
	"unicode/utf8"
)

// Cut returns body as it is if it has at most limit bytes. Otherwise it is cut
// before, at the end of a line where there is one near, a code block that is
// open there is closed, and note follows as a paragraph of its own.
func Cut(body string, limit int, note string) string {
	if len(body) <= limit {
		return body
	}
	// Room for the note, and for closing a code block of any sane fence.
	room := limit - len(note) - len("\n\n\n")
	for room > 0 {
		kept := body[:room]
		for len(kept) > 0 && !utf8.RuneStart(body[len(kept)]) {
			kept = kept[:len(kept)-1]
		}
		if end := strings.LastIndexByte(kept, '\n'); end >= len(kept)-1024 && end > 0 {
			kept = kept[:end]
		}
		if fence := openFence(kept); fence != "" {
			kept += "\n" + fence
		}
		if cut := kept + "\n\n" + note; len(cut) <= limit {
			return cut
		}
		room -= max(1, len(kept)-room+1)
	}
	for len(note) > limit || !utf8.ValidString(note) {
		note = note[:len(note)-1]
	}
	return note
}

// openFence returns the fence of the code block that is open at the end of
// text, indented as it was, or "".
func openFence(text string) string {
	open, indent := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		fence, info := fenceOf(line)
		switch {
		case open != "" && closes(strings.TrimPrefix(line, indent), open):
			open = ""
		case open == "" && fence != "" && !(fence[0] == '`' && strings.Contains(info, "`")):
			open, indent = fence, line[:len(line)-len(strings.TrimLeft(line, " \t>"))]
		}
	}
	if open == "" {
		return ""
	}
	return indent + open
}
