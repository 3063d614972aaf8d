package redact

import (
	"bytes"
	"io"
)

// A line that is longer than window is looked at in parts, each together with the
// beginning of the next: what begins in the one may end in the other.
const (
	window  = 64 << 10
	overlap = 8 << 10
)

// Writer passes bytes on to another writer, redacted. Close passes on what it
// held back; it does not close the other writer.
type Writer struct {
	lines *Lines
	to    io.Writer
	held  []byte
	seen  int  // bytes of held that hold no end of a line
	inner bool // held begins within a line
}

// NewWriter returns a writer that redacts the secrets of s.
func NewWriter(s *Set, to io.Writer) *Writer { return &Writer{lines: NewLines(s), to: to} }

func (w *Writer) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	var out []byte
	rest := w.held
	for {
		i := bytes.IndexByte(rest[w.seen:], '\n')
		if i >= 0 {
			i += w.seen
		}
		switch {
		case i >= 0 && i <= window+overlap:
			out = append(w.last(out, rest[:i]), '\n')
			rest, w.seen, w.inner = rest[i+1:], 0, false
			continue
		case len(rest) > window+overlap:
			var n int
			out, n = w.part(out, rest[:window+overlap])
			rest, w.seen, w.inner = rest[n:], 0, true
			continue
		}
		break
	}
	w.seen = len(rest)
	w.held = append(w.held[:0], rest...)
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := w.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what was held back.
func (w *Writer) Close() error {
	if len(w.held) == 0 {
		return nil
	}
	out := w.last(nil, w.held)
	w.held, w.seen, w.inner = nil, 0, false
	_, err := w.to.Write(out)
	return err
}

// last appends the last part of a line, redacted.
func (w *Writer) last(out, line []byte) []byte {
	if !w.inner {
		return append(out, w.lines.Line(string(line))...)
	}
	text := string(line)
	return append(out, replaced(text, w.lines.find(text, false))...)
}

// part appends the first part of a long line, redacted, and returns how much of it
// is done. What begins in the overlap is left for the next part.
func (w *Writer) part(out, line []byte) ([]byte, int) {
	text, end := string(line), window
	spans := w.lines.find(text, false)
	for i, s := range spans {
		if s.from >= window {
			spans = spans[:i]
			break
		}
		end = max(end, s.to)
	}
	return append(out, replaced(text[:end], spans)...), end
}
