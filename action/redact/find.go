package redact

import "strings"

// Finder is a writer that only looks whether a known value goes by, in any of its
// forms, wherever the borders between writes fall. Shapes do not interest it.
type Finder struct {
	set   *Set
	held  []byte // the end of what went by, too short to hold a form
	lower []byte
	found bool
}

// Finder returns a finder of s's values.
func (s *Set) Finder() *Finder { return &Finder{set: s} }

func (f *Finder) Write(p []byte) (int, error) {
	known := f.set.known.Load()
	if known == nil || f.found {
		return len(p), nil
	}
	f.held = append(f.held, p...)
	f.found = known.in(f.held, &f.lower)
	if rest := len(f.held) - longestForm; rest > 0 {
		f.held = append(f.held[:0], f.held[rest:]...)
	}
	return len(p), nil
}

// Found reports whether a value went by.
func (f *Finder) Found() bool { return f.found }

// in reports whether one of the values stands in b; lower is room to work in.
func (v *values) in(b []byte, lower *[]byte) (found bool) {
	*lower = appendLower((*lower)[:0], string(b))
	v.find.Walk(*lower, func(end, n, beginning int64) bool {
		from := int(end - n + 1)
		for _, i := range v.of[beginning] {
			f, to := v.forms[i], from+len(v.forms[i].text)
			found = found || to <= len(b) && (string(b[from:to]) == f.text || f.fold && strings.EqualFold(string(b[from:to]), f.text))
		}
		return !found
	})
	return found
}
