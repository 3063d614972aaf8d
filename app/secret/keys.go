package secret

import (
	"bytes"
	"slices"
)

// Keys are values that are known to be secrets and are hidden where somebody could
// repeat them, longer ones first: one may be the beginning of another.
type Keys [][]byte

// shortest is how long a value is at least that is hidden, in bytes.
const shortest = 8

// Add adds a value, unless it is so short that it is no secret, and would be found
// everywhere.
func (k *Keys) Add(value string) {
	if len(value) >= shortest {
		*k = append(*k, []byte(value))
		slices.SortFunc(*k, func(a, b []byte) int { return len(b) - len(a) })
	}
}

// Hide writes stars over every key in chunk, and returns how many bytes at its end
// are to be held back, because they may be the beginning of one.
func (k Keys) Hide(chunk []byte) (held int) {
	for _, key := range k {
		for rest := chunk; ; {
			i := bytes.Index(rest, key)
			if i < 0 {
				break
			}
			copy(rest[i:], bytes.Repeat([]byte{'*'}, len(key)))
			rest = rest[i+len(key):]
		}
		for n := min(len(key)-1, len(chunk)); n > held; n-- {
			if bytes.HasSuffix(chunk, key[:n]) {
				held = n
				break
			}
		}
	}
	return held
}
