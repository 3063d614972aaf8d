package redact

import "bytes"

// Finder is a writer that only looks whether a known value goes by, wherever the
// borders between writes fall.
type Finder struct {
	set   *Set
	tail  []byte // the end of what went by, too short to hold a value
	found bool
}

// Finder returns a finder of s's values, as they are known now and later.
func (s *Set) Finder() *Finder { return &Finder{set: s} }

func (f *Finder) Write(p []byte) (int, error) {
	f.set.mu.RLock()
	defer f.set.mu.RUnlock()
	longest := 0
	for _, v := range f.set.values {
		longest = max(longest, len(v))
	}
	if longest == 0 || f.found {
		return len(p), nil
	}
	// A value that crosses the border begins in the tail; all others are in p.
	border := append(f.tail, p[:min(len(p), longest-1)]...)
	for _, v := range f.set.values {
		if bytes.Contains(p, v) || bytes.Contains(border, v) {
			f.found = true
			break
		}
	}
	if len(p) >= longest-1 {
		border = p
	}
	f.tail = bytes.Clone(border[max(0, len(border)-(longest-1)):])
	return len(p), nil
}

// Found reports whether a value went by.
func (f *Finder) Found() bool { return f.found }
