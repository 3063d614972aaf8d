package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
)

var errNotJSON = errors.New("not a JSON object")

// member is one key of an object with its value, as bytes of the text.
type member struct {
	key        string
	start, end int // of the value
}

// members calls f with each member of the JSON object that text holds, not looking
// into the values. A request can be megabytes of conversation, and only a few keys
// of its top level matter here: this finds them at the speed of a search for quotes.
//
// It reads valid JSON as any parser does. Text that is not an object, goes on
// behind it or ends too early is an error; what is wrong inside a value is the
// provider's to refuse.
func members(text []byte, f func(member) error) error { return new(scan).members(text, f) }

// scan reads JSON. Of what it skips it counts what can be a picture or a file, and
// notices those that are elsewhere.
type scan struct {
	pictures int64
	named    bool // one is elsewhere, as Responses and Chat name it
	sourced  bool // one is, as Messages does
}

func (s *scan) members(text []byte, f func(member) error) error {
	i := space(text, 0)
	if i >= len(text) || text[i] != '{' {
		return errNotJSON
	}
	i = space(text, i+1)
	if i < len(text) && text[i] == '}' {
		return tail(text, i+1)
	}
	for {
		end, err := skipString(text, i)
		if err != nil {
			return err
		}
		m := member{key: string(text[i+1 : end-1])}
		if bytes.IndexByte(text[i:end], '\\') >= 0 {
			if json.Unmarshal(text[i:end], &m.key) != nil {
				return errNotJSON
			}
		}
		i = space(text, end)
		if i >= len(text) || text[i] != ':' {
			return errNotJSON
		}
		m.start = space(text, i+1)
		if m.end, err = s.skip(text, m.start); err != nil {
			return err
		}
		if err := f(m); err != nil {
			return err
		}
		i = space(text, m.end)
		switch {
		case i < len(text) && text[i] == ',':
			i = space(text, i+1)
		case i < len(text) && text[i] == '}':
			return tail(text, i+1)
		default:
			return errNotJSON
		}
	}
}

// elements calls f with each element of the JSON array that text holds.
func elements(text []byte, f func(element []byte) error) error {
	i := space(text, 0)
	if i >= len(text) || text[i] != '[' {
		return errNotJSON
	}
	i = space(text, i+1)
	if i < len(text) && text[i] == ']' {
		return tail(text, i+1)
	}
	for {
		end, err := new(scan).skip(text, i)
		if err != nil {
			return err
		}
		if err := f(text[i:end]); err != nil {
			return err
		}
		i = space(text, end)
		switch {
		case i < len(text) && text[i] == ',':
			i = space(text, i+1)
		case i < len(text) && text[i] == ']':
			return tail(text, i+1)
		default:
			return errNotJSON
		}
	}
}

// tail wants nothing but space from i on.
func tail(text []byte, i int) error {
	if space(text, i) != len(text) {
		return errNotJSON
	}
	return nil
}

func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends.
func (s *scan) skip(text []byte, i int) (int, error) {
	if i >= len(text) {
		return 0, errNotJSON
	}
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		return s.skipNested(text, i)
	}
	start := i
	for i < len(text) {
		switch text[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			if i == start {
				return 0, errNotJSON
			}
			return i, nil
		case '"', '{', '[', ':':
			return 0, errNotJSON
		}
		i++
	}
	return 0, errNotJSON // a number or a word ends with what holds it
}

// skipNested returns where the object or array that begins at i ends.
func (s *scan) skipNested(text []byte, i int) (int, error) {
	var open []nest // innermost last
	var next nest   // what the key before the next value says of it
	for i < len(text) {
		switch c := text[i]; c {
		case '"':
			end, err := skipString(text, i)
			if err != nil {
				return 0, err
			}
			said := word(text[i:end])
			if isPicture(said) {
				s.pictures++
			}
			if i = space(text, end); i < len(text) && text[i] == ':' {
				i = space(text, i+1)
				next = s.key(said, text[i:], &open[len(open)-1])
			}
			continue
		case '{':
			next.end = '}'
			open, next = append(open, next), nest{}
		case '[':
			open, next = append(open, nest{end: ']'}), nest{}
		case '}', ']':
			inner := open[len(open)-1]
			if inner.end != c {
				return 0, errNotJSON
			}
			s.sourced = s.sourced || inner.source && inner.elsewhere
			if open = open[:len(open)-1]; len(open) == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return 0, errNotJSON
}

// skipString returns where the string that begins at i ends.
func skipString(text []byte, i int) (int, error) {
	if i >= len(text) || text[i] != '"' {
		return 0, errNotJSON
	}
	i++
	for {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return 0, errNotJSON
		}
		escapes := 0
		for j := i + n - 1; j >= i && text[j] == '\\'; j-- {
			escapes++
		}
		i += n + 1
		if escapes%2 == 0 {
			return i, nil
		}
	}
}
