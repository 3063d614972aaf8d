// Package redact takes known secrets out of text that leaves the runner.
//
// A [Set] knows values: the tokens that a run has learned so far. A [Writer]
// passes bytes on with every known value replaced by [Mark], wherever the
// borders between writes fall: it holds back the few bytes that may be the
// start of a value until it knows.
//
// What is matched is the exact value, and its base64 forms, since that is how
// git sends a token and how a careless program prints one. Patterns of other
// people's tokens belong here too; the server scans what is published anyway.
package redact

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"sync"
)

// Mark stands where a secret was.
const Mark = "***"

// shortest is the length below which a value is no secret but a word: to take
// out every "abc" would garble the text and hide nothing.
const shortest = 8

// Set is the secrets known so far. It may grow while writers use it. The zero
// value is ready.
type Set struct {
	mu sync.RWMutex
	// values are sorted with the longest first, so that a value that contains
	// another is replaced whole.
	values [][]byte
}

// Add makes values known. Values too short to be a secret are left out.
func (s *Set) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if len(v) < shortest {
			continue
		}
		for _, form := range forms(v) {
			if !slices.ContainsFunc(s.values, func(b []byte) bool { return string(b) == form }) {
				s.values = append(s.values, []byte(form))
			}
		}
	}
	slices.SortStableFunc(s.values, func(a, b []byte) int { return len(b) - len(a) })
}

// forms returns v and what every base64 text that contains v must contain. The
// three alignments encode different characters; those at the ends that mix with
// neighbouring bytes are left out.
func forms(v string) []string {
	out := []string{v}
	for shift := range 3 {
		padded := append(make([]byte, shift), v...)
		whole := len(padded) / 3 * 3
		from := 0
		if shift > 0 {
			from = 4
		}
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if e := enc.EncodeToString(padded[:whole]); len(e)-from >= shortest {
				out = append(out, e[from:])
			}
		}
	}
	return out
}

// String returns text with every known value replaced.
func (s *Set) String(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, v := range s.values {
		text = strings.ReplaceAll(text, string(v), Mark)
	}
	return text
}

// Bytes returns b with every known value replaced.
func (s *Set) Bytes(b []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, v := range s.values {
		b = bytes.ReplaceAll(b, v, []byte(Mark))
	}
	return b
}

// Writer passes bytes on to another writer, redacted. Close passes on what it
// held back; it does not close the other writer.
type Writer struct {
	set  *Set
	to   io.Writer
	held []byte
}

// NewWriter returns a writer that redacts the values of s.
func NewWriter(s *Set, to io.Writer) *Writer { return &Writer{set: s, to: to} }

func (w *Writer) Write(p []byte) (int, error) {
	out, rest := w.set.split(append(w.held, p...))
	w.held = append([]byte(nil), rest...)
	if _, err := w.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what was held back.
func (w *Writer) Close() error {
	held := w.set.Bytes(w.held)
	w.held = nil
	_, err := w.to.Write(held)
	return err
}

// split returns the beginning of b, redacted, and the end of b that must wait
// for more because a known value may begin there.
func (s *Set) split(b []byte) (out, rest []byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var first [256]bool
	for _, v := range s.values {
		first[v[0]] = true
	}
	out = make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if !first[b[i]] {
			out = append(out, b[i])
			i++
			continue
		}
		matched := 0
		for _, v := range s.values { // longest first
			if bytes.HasPrefix(b[i:], v) {
				matched = len(v)
				break
			}
			if bytes.HasPrefix(v, b[i:]) {
				return out, b[i:]
			}
		}
		if matched > 0 {
			out = append(out, Mark...)
			i += matched
			continue
		}
		out = append(out, b[i])
		i++
	}
	return out, nil
}
