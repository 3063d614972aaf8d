package hook

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

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
	// Half a surrogate pair counts as invalid UTF-8 there; the rest of it is checked above.
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowInvalidUTF8(true))
	at := int64(0)
	bad := func(what string) *anvil.Problem {
		return anvil.Problemf("WH_JSON", "Send the delivery again as GitHub made it.", "%s at byte %d", what, at)
	}
	if kind := dec.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return bad("the document is not an object")
	}
	for {
		_, err := dec.ReadToken()
		if wrong, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			at = wrong.ByteOffset
		} else {
			at = dec.InputOffset()
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return bad("the document is not complete")
		case errors.Is(err, jsontext.ErrDuplicateName):
			return bad("a member is given twice")
		case err != nil:
			return bad("the body is not JSON")
		case dec.StackDepth() > maxDepth:
			return bad("the document nests too deep")
		case dec.StackDepth() > 0:
			continue
		}
		if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
			return bad("something follows the document")
		}
		return nil
	}
}
