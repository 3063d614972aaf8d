package hook

import (
	"encoding/json"
	"strings"
	"testing"
)

// What the door lets in, every reader of JSON can read.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,{"b":null}],"c":"\u0000"}`, `{"a":1,"a":2}`, `[`, `{"a"`, `{"a":tru}`, `{"a":1e999}`, "{\"a\":\"\xff\"}", `{}{}`, `{"a":{}}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkJSON(body) != nil {
			return
		}
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil || !json.Valid(body) {
			t.Errorf("let in %q: %v", body, err)
		}
	})
}
