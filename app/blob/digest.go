package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const algorithm = "sha256:"

// Check returns an error unless digest is "sha256:" and 64 lower-case hexadecimal
// digits.
func Check(digest string) error {
	digits, ok := strings.CutPrefix(digest, algorithm)
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) || strings.Trim(digits, "0123456789abcdef") != "" {
		return fmt.Errorf("blob: %w", ErrDigest)
	}
	return nil
}

// place returns the directory and the path of a blob. Two digits of fan-out keep
// directories small.
func place(digest string) (dir, path string, err error) {
	if err := Check(digest); err != nil {
		return "", "", err
	}
	digits := digest[len(algorithm):]
	return digits[:2], digits[:2] + "/" + digits[2:], nil
}
