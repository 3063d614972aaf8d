//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"regexp"
)

// shapes is how the secrets look that may be about: canaries of the tests, tokens
// of leases and installations, keys, what a job proves itself with.
var shapes = regexp.MustCompile(`canary-[a-z-]+-[0-9a-f]{8,}|anvil_lease_[A-Z0-9]{20}|ghs_[A-Za-z0-9_.-]{24}|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}|ACTIONS_[A-Z_]*TOKEN=.|ACTIONS_[A-Z_]*URL=.|GITHUB_[A-Z_]+=.|ANVIL_(?:NONCE|TASK|SERVER)=.`)

// hidden are beginnings of a canary in other forms.
var hidden = func() [][]byte {
	const beginning = "canary-"
	all := [][]byte{[]byte(hex.EncodeToString([]byte(beginning)))}
	backwards := []byte(beginning)
	for i, j := 0, len(backwards)-1; i < j; i, j = i+1, j-1 {
		backwards[i], backwards[j] = backwards[j], backwards[i]
	}
	all = append(all, backwards)
	for shift := range 3 {
		padded := append(make([]byte, shift), beginning...)
		encoded := base64.RawStdEncoding.EncodeToString(padded[:len(padded)/3*3])
		if shift > 0 {
			encoded = encoded[4:]
		}
		if len(encoded) >= 6 {
			all = append(all, []byte(encoded))
		}
	}
	return all
}()

// secretIn returns the beginning of a secret in b, or "".
func secretIn(b []byte) string {
	if m := shapes.Find(b); m != nil {
		return string(m[:min(len(m), 16)])
	}
	for _, form := range hidden {
		if bytes.Contains(b, form) {
			return "a hidden " + string(form)
		}
	}
	for at := bytes.Index(b, []byte{0x1f, 0x8b, 8}); at >= 0; {
		if z, err := gzip.NewReader(bytes.NewReader(b[at:])); err == nil {
			plain, _ := io.ReadAll(io.LimitReader(z, 1<<20))
			if m := shapes.Find(plain); m != nil {
				return "packed " + string(m[:min(len(m), 16)])
			}
		}
		next := bytes.Index(b[at+1:], []byte{0x1f, 0x8b, 8})
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return ""
}
