// Package strict reads YAML that people write by hand, and says exactly what is
// wrong with it and where.
//
// It accepts one document of plain YAML: no tabs in indentation, no key twice,
// no anchors, aliases, merge keys or tags (they let a few bytes stand for a
// gigabyte, and nobody needs them here), no key that the target struct does not
// have, no value of another kind than the field's, no empty value. Every
// [Error] has its line and column, the path of the setting and what to write
// instead; a misspelt key is answered with the nearest one.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds nesting; no settings of ours go half as deep.
const maxDepth = 16

// maxErrors bounds how many errors one answer lists.
const maxErrors = 20

// Error is one thing that is wrong in a text.
type Error struct {
	Line, Col int    // from 1; 0 where not known
	Path      string // such as limits.lease; empty for the whole text
	What      string // without a final stop
	Next      string // what to write instead
	Syntax    bool   // not well-formed, as opposed to well-formed but not allowed
}

// Where returns "line L:C, PATH: ", as far as it is known.
func (e *Error) Where() string {
	var parts []string
	if e.Line > 0 {
		at := "line " + strconv.Itoa(e.Line)
		if e.Col > 0 {
			at += ":" + strconv.Itoa(e.Col)
		}
		parts = append(parts, at)
	}
	if e.Path != "" {
		parts = append(parts, e.Path)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + ": "
}

func (e *Error) Error() string {
	s := e.Where() + e.What + "."
	if e.Next != "" {
		s += " " + e.Next + "."
	}
	return s
}

// Errors is all that is wrong, in the order of the text.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Decode reads text into the struct that target points to. Fields that the text
// does not name keep their values. An error is an [Errors]; the target is then
// not to be used.
func Decode(text []byte, limit int, target any) error {
	if len(text) > limit {
		return Errors{{
			What: fmt.Sprintf("the text is larger than %d bytes", limit), Syntax: true,
			Next: "Keep only settings in it",
		}}
	}
	if at := invalidUTF8(text); at >= 0 {
		line, col := position(text, at)
		return Errors{{Line: line, Col: col, What: "the text is not UTF-8", Next: "Save it as UTF-8", Syntax: true}}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil // nothing but comments: every default holds
	} else if err != nil {
		return Errors{syntaxError(text, err)}
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return Errors{{Line: second.Line, Col: second.Column, What: "a second document begins", Next: "Remove the line with ---", Syntax: true}}
	} else if !errors.Is(err, io.EOF) {
		return Errors{syntaxError(text, err)}
	}
	w := &walk{}
	w.document(&document, target)
	if len(w.errs) > 0 {
		return w.errs
	}
	if err := document.Decode(target); err != nil {
		return Errors{fromYAML(err)}
	}
	return nil
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func position(text []byte, at int) (line, col int) {
	before := text[:at]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + at - (bytes.LastIndexByte(before, '\n') + 1)
}

var lineOf = regexp.MustCompile(`line (\d+): `)

// fromYAML turns the library's own error into ours: it knows lines only.
func fromYAML(err error) *Error {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		what = typed.Errors[0]
	}
	e := &Error{}
	if m := lineOf.FindStringSubmatchIndex(what); m != nil {
		e.Line, _ = strconv.Atoi(what[m[2]:m[3]])
		what = what[:m[0]] + what[m[1]:]
	}
	e.What = strings.TrimSpace(what)
	return e
}

// syntaxError explains why the text is not YAML. The parser's words for a tab
// puzzle people, so a tab near the place is named.
func syntaxError(text []byte, err error) *Error {
	e := fromYAML(err)
	e.Syntax = true
	lines := strings.Split(string(text), "\n")
	// The parser counts some lines from 0, and notices a tab on the line after.
	for n := max(1, e.Line-1); n <= min(len(lines), e.Line+1); n++ {
		line := lines[n-1]
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
			e.Line, e.Col = n, tab+1
			e.What, e.Next = "a tab is used for indentation", "Indent with spaces"
			return e
		}
	}
	if e.Line > 0 && e.Line <= len(lines) {
		line := lines[e.Line-1]
		e.Col = 1 + len(line) - len(strings.TrimLeft(line, " "))
	}
	e.Next = "Correct the YAML there"
	return e
}
