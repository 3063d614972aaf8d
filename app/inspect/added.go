package inspect

import (
	"bytes"
	"strings"
)

// span is a run of lines of a new file, of which some were added.
type span struct {
	first int // number of its first line, from 1
	text  string
	added map[int]bool // numbers of the added lines
}

// around is how many unchanged lines go along before and after added ones: the
// name of a secret may stand on another line than its value.
const around = 2

// addedSpans returns the lines of after that before does not have, with a few
// lines around them. A line that only moved within the file is not added.
func addedSpans(before, after []byte) []span {
	known := map[string]bool{}
	for line := range bytes.Lines(before) {
		known[strings.TrimSpace(string(line))] = true
	}
	starts := []int{0} // where each line begins, and the end
	var fresh []int
	for line := range bytes.Lines(after) {
		if !known[strings.TrimSpace(string(line))] {
			fresh = append(fresh, len(starts))
		}
		starts = append(starts, starts[len(starts)-1]+len(line))
	}
	count := len(starts) - 1
	var spans []span
	last := 0 // the last line of the last span
	for i, n := range fresh {
		if len(spans) == 0 || n-around > last+1 {
			spans = append(spans, span{first: max(n-around, last+1), added: map[int]bool{}})
		}
		s := &spans[len(spans)-1]
		s.added[n] = true
		last = min(n+around, count)
		if i+1 == len(fresh) || fresh[i+1]-around > last+1 {
			s.text = string(after[starts[s.first-1]:starts[last]])
		}
	}
	return spans
}

// printable returns what a person could read in a binary file: runs of eight
// and more printable characters, one to a line. Zero bytes are left out
// beforehand, so that text of two bytes a character is found as well.
func printable(content []byte) []byte {
	const shortest = 8
	var out, run []byte
	flush := func() {
		if len(run) >= shortest {
			out = append(append(out, run...), '\n')
		}
		run = run[:0]
	}
	for _, c := range content {
		switch {
		case c == 0:
		case c >= ' ' && c <= '~':
			run = append(run, c)
		default:
			flush()
		}
	}
	flush()
	return out
}

// isBinary says whether git would take content for a binary file.
func isBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
}

// isPointer says whether content stands for a file that is kept elsewhere, by
// Git LFS. The file itself was not handed over, so nobody could have it.
func isPointer(content []byte) bool {
	return len(content) < 1024 && bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/"))
}
