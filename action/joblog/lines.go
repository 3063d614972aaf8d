package joblog

import "bytes"

// longestLine is where a line without an end is cut, unless it is said otherwise.
const longestLine = 64 << 10

// Lines calls a function with each line that is written to it, without its end.
// Close calls it with what is left. It is not safe for concurrent use.
type Lines struct {
	// Longest is the number of bytes at which a line without an end is cut.
	Longest int

	each func(line string)
	held []byte
}

// NewLines returns a writer that calls each.
func NewLines(each func(line string)) *Lines { return &Lines{Longest: longestLine, each: each} }

func (l *Lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		l.each(string(append(l.held, p[:i]...)))
		l.held, p = l.held[:0], p[i+1:]
	}
	l.held = append(l.held, p...)
	for len(l.held) > l.Longest {
		l.each(string(l.held[:l.Longest]))
		l.held = append(l.held[:0], l.held[l.Longest:]...)
	}
	return n, nil
}

// Close passes on a last line that has no end.
func (l *Lines) Close() error {
	if len(l.held) > 0 {
		l.each(string(l.held))
		l.held = nil
	}
	return nil
}
