package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// maxDepth is how deep a payload may nest. GitHub's own stay below 10.
const maxDepth = 64

// checkJSON reports what keeps body from being one JSON object that every reader
// understands alike: invalid UTF-8, NUL, bad syntax, deep nesting, a member given
// twice, or something after the end. A text that escapes a NUL or half a surrogate
// pair is let in: people can write those, and intake takes them out.
func checkJSON(body []byte) *anvil.Problem {
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return anvil.Problemf("WH_UTF8", "Send the delivery again as GitHub made it.", "the body is not clean UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	bad := func(what string) *anvil.Problem {
		return anvil.Problemf("WH_JSON", "Send the delivery again as GitHub made it.", "%s at byte %d", what, dec.InputOffset())
	}
	// One entry for each open value: the names seen in an object, nil in an array.
	type open struct {
		names map[string]bool
		key   bool // the next token is a member's name
	}
	var stack []open
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return bad("the document is not complete")
		}
		if err != nil {
			return bad("the body is not JSON")
		}
		top := len(stack) - 1
		if top < 0 && token != json.Token(json.Delim('{')) {
			return bad("the document is not an object")
		}
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{', '[':
				if top >= 0 && stack[top].names != nil {
					stack[top].key = true
				}
				if len(stack) >= maxDepth {
					return bad("the document nests too deep")
				}
				if delim == '{' {
					stack = append(stack, open{names: map[string]bool{}, key: true})
				} else {
					stack = append(stack, open{})
				}
				continue
			default:
				stack = stack[:top]
			}
		} else if stack[top].names != nil {
			if stack[top].key {
				name := token.(string)
				if stack[top].names[name] {
					return bad("a member is given twice")
				}
				stack[top].names[name] = true
			}
			stack[top].key = !stack[top].key
		}
		if len(stack) == 0 {
			if _, err := dec.Token(); !errors.Is(err, io.EOF) {
				return bad("something follows the document")
			}
			return nil
		}
	}
}
