package sanitize

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// tally counts what was removed, by kind.
type tally map[string]int

// removed returns the tally as the record of a prompt, in order of kind.
func (t tally) removed(where string) []anvil.RemovedHidden {
	var list []anvil.RemovedHidden
	for kind, count := range t {
		list = append(list, anvil.RemovedHidden{Where: where, Kind: kind, Count: count})
	}
	slices.SortFunc(list, func(a, b anvil.RemovedHidden) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}

// visible returns the characters of text that a person can see, and the line
// breaks and tabs between them. Line breaks become \n, and odd spaces spaces.
func visible(text string, count tally) string {
	var b strings.Builder
	b.Grow(len(text))
	last := rune(0) // the last character kept
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			count["invalid byte"]++
			i++
			continue
		}
		rest := text[i+size:]
		if r == '\U0001F3F4' {
			if flag := subdivisionFlag(rest); flag != "" {
				b.WriteString(text[i : i+size+len(flag)])
				last = '\U000E007F'
				i += size + len(flag)
				continue
			}
		}
		next, _ := utf8.DecodeRuneInString(rest)
		switch kept := allowed(r, last, next); {
		case kept >= 0:
			b.WriteRune(kept)
			last = kept
		case r != '\r': // the other half of a line break
			count[kind(r)]++
		}
		i += size
	}
	return b.String()
}

// allowed returns r, or what stands for it, or -1. It is the list of all
// characters that this package lets through. last is the character before it
// that was let through, next the one that follows it.
func allowed(r, last, next rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r == '\r':
		if next == '\n' {
			return -1
		}
		return '\n' // whatever follows would have been written over the line
	case r == '\u2028' || r == '\u2029':
		return '\n'
	case r == '\u200d' && emoji(last) && pictograph(next):
		return r
	case (r == '\u200c' || r == '\u200d') && joining(last) && joining(next):
		return r
	case r == '\ufe0f' || r == '\ufe0e':
		if pictograph(last) || symbolWithEmoji(last) || next == '\u20e3' && strings.ContainsRune("0123456789#*", last) {
			return r
		}
		return -1
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return r // format characters by name, visible by nature
	case blank(r) || !unicode.IsGraphic(r):
		return -1
	case unicode.Is(unicode.Zs, r) && r != ' ' && r != '\u00a0' && r != '\u3000':
		return ' '
	}
	return r
}

// blank says whether r is a letter, mark or symbol that shows nothing.
func blank(r rune) bool {
	switch r {
	case '\u2800', '\U0001D159': // the empty Braille pattern, the null notehead
		return true
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u17b4' || r == '\u17b5'
}

// pictograph says whether r may be part of an emoji that is made of several.
func pictograph(r rune) bool {
	// The replacement character is one by its class; it may also stand for
	// broken bytes that are about to go.
	return unicode.Is(unicode.So, r) && !blank(r) && r != utf8.RuneError
}

// symbolWithEmoji lists what is punctuation or mathematics and has an emoji form.
func symbolWithEmoji(r rune) bool {
	return r == '\u203c' || r == '\u2049' || r == '\u3030' || r == '\u303d' || r >= '\u2190' && r <= '\u21ff' || r == '\u25fd' || r == '\u25fe'
}

// emoji says whether r may stand before a joiner in an emoji.
func emoji(r rune) bool {
	return pictograph(r) || r == '\ufe0f' || r >= '\U0001F3FB' && r <= '\U0001F3FF'
}

// joining says whether r is a letter or mark of a script in which joiners and
// non-joiners change what is seen.
func joining(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsMark(r)) && !blank(r) && unicode.In(r,
		unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
		unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// subdivisionFlag returns the tag characters at the beginning of rest that make
// a black flag one of the three flags of subdivisions in common use, or "".
func subdivisionFlag(rest string) string {
	for _, name := range []string{"gbeng", "gbsct", "gbwls"} {
		var tags strings.Builder
		for _, c := range name {
			tags.WriteRune(0xE0000 + c)
		}
		tags.WriteRune(0xE007F)
		if strings.HasPrefix(rest, tags.String()) {
			return tags.String()
		}
	}
	return ""
}

// kind names what r is, to a person.
func kind(r rune) string {
	switch {
	case unicode.IsControl(r):
		return "control character"
	case r >= 0xE0000 && r <= 0xE007F:
		return "tag character"
	case unicode.Is(unicode.Bidi_Control, r):
		return "text direction character"
	case unicode.Is(unicode.Variation_Selector, r):
		return "variation selector"
	case r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\u2060' || r == '\ufeff':
		return "zero-width character"
	case unicode.Is(unicode.Co, r):
		return "private use character"
	case unicode.IsLetter(r) || unicode.IsSymbol(r):
		return "blank character"
	case unicode.Is(unicode.Cf, r) || unicode.IsMark(r):
		return "invisible character"
	}
	return "unassigned character"
}
