package gateway

import "bytes"

// keys are the values that never go to an engine, should a provider repeat them.
type keys [][]byte

// hide writes stars over every key in chunk, and returns how many bytes at its end
// are to be held back, because they may be the beginning of one.
func (k keys) hide(chunk []byte) (held int) {
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
