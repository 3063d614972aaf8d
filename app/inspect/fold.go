package inspect

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold returns the form in which two names are equal if any common file
// system takes them for the same: without case, composed, without invisible
// characters, and without the dots and spaces that Windows drops at the end.
func fold(name string) string {
	if ascii(name) {
		return strings.TrimRight(strings.ToLower(name), ". ")
	}
	visible := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	// Folding may leave text decomposed differently, so it is normalised on
	// both sides.
	folded := norm.NFC.String(cases.Fold().String(norm.NFD.String(visible)))
	return strings.TrimRight(folded, ". ")
}

// foldPath folds each name of a path.
func foldPath(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		names[i] = fold(name)
	}
	return strings.Join(names, "/")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
