package hook

import (
	"strings"
	"testing"
)

// What the door does to a megabyte before it stores it must be some milliseconds.
func BenchmarkCheckJSON(b *testing.B) {
	body := []byte(`{"a":[` + strings.Repeat(`{"id":12345,"name":"abc def","url":"https://api.github.com/x","flag":true},`, 12_000) +
		`{}],"c":"` + strings.Repeat("Thank you. ", 10_000) + `"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if p := checkJSON(body); p != nil {
			b.Fatal(p)
		}
	}
}
