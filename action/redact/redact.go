// Package redact takes secrets out of text that leaves the runner or is logged.
//
// A [Set] knows values: the tokens that a run has learned so far. It takes out
//
//   - each known value, and the forms into which it is easily brought: base64 at
//     each alignment, hexadecimal, percent-encoding, backwards;
//   - what has the shape of a secret, by the rules of gitleaks and a few for
//     shapes that are newer or ours;
//   - private keys, with their lines.
//
// [Mark] stands in their place. Text is looked at line by line, because no secret
// but a key has more than one; a [Writer] does so with a stream, whose result is
// the same wherever the borders between writes fall. It holds back a line at most,
// of a very long line a bounded part.
//
// Not among the rules is gitleaks' guess at what a word like "key" stands beside:
// in a log it takes commit ids and file names for secrets.
//
// Known gap: a program that wants to hide a value from this can; it encrypts it.
// That is why a program that is not trusted has no secret in the first place.
package redact

import (
	"slices"
	"strings"
	"sync/atomic"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
)

// Mark stands where a secret was.
const Mark = "***"

// shortest is the length below which a value is no secret but a word: to take
// out every "abc" would garble the text and hide nothing.
const shortest = 8

// Set is the secrets known so far. It may grow while others use it. The zero
// value is ready.
type Set struct{ known atomic.Pointer[values] }

// values is an unchanging set of forms of known values.
type values struct {
	forms []form
	find  *ahocorasick.Trie // the beginnings of forms, in lower case: whole ones would take megabytes
	of    [][]int           // the forms of each beginning
}

// Add makes values known. Values too short to be a secret are left out; of one
// that has several lines each counts for itself.
func (s *Set) Add(all ...string) {
	for {
		was := s.known.Load()
		var next values
		if was != nil {
			next.forms = slices.Clone(was.forms)
		}
		for _, value := range all {
			for line := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\n' || r == '\r' }) {
				for _, f := range formsOf(line) {
					if !slices.Contains(next.forms, f) {
						next.forms = append(next.forms, f)
					}
				}
			}
		}
		if len(next.forms) == 0 {
			return
		}
		var beginnings []string
		for i, f := range next.forms {
			beginning := lower(f.text[:shortest])
			n := slices.Index(beginnings, beginning)
			if n < 0 {
				n = len(beginnings)
				beginnings, next.of = append(beginnings, beginning), append(next.of, nil)
			}
			next.of[n] = append(next.of[n], i)
		}
		next.find = ahocorasick.NewTrieBuilder().AddStrings(beginnings).Build()
		if s.known.CompareAndSwap(was, &next) {
			return
		}
	}
}

// String returns text with every secret replaced.
func (s *Set) String(text string) string {
	if text == "" {
		return text
	}
	l := Lines{set: s}
	if !strings.Contains(text, "\n") {
		return l.Line(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for line := range strings.Lines(text) {
		end := strings.TrimSuffix(line, "\n")
		b.WriteString(l.Line(end))
		b.WriteString(line[len(end):])
	}
	return b.String()
}

// Bytes returns b with every secret replaced.
func (s *Set) Bytes(b []byte) []byte { return []byte(s.String(string(b))) }
