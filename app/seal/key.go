package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"filippo.io/age"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Key seals and opens. It does not print its secret.
type Key struct {
	to   age.Recipient
	with []age.Identity
}

// String is no secret.
func (k Key) String() string { return "seal.Key" }

// GoString is no secret.
func (k Key) GoString() string { return k.String() }

// ParseKey reads an age identity file. from names the setting or file it came from.
func ParseKey(text []byte, from string) (Key, error) {
	all, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // the error may quote the file
		return Key{}, badKey(from, "it is no age identity file")
	}
	first, ok := all[0].(*age.X25519Identity)
	if !ok {
		return Key{}, badKey(from, "its first identity cannot seal")
	}
	return Key{to: first.Recipient(), with: all}, nil
}

func badKey(from, what string) error {
	return anvil.Problemf("CFG_SESSION_KEY", "Make one: age-keygen -o "+from+"; or leave the setting out, and the server makes its own.", "the key in %s cannot be used: %s", from, what)
}

// OwnKey reads the key file at path, and makes one with mode 0600 if there is none.
func OwnKey(path string) (key Key, made bool, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return key, false, fmt.Errorf("make a key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		text := fmt.Appendf(nil, "# Sessions of Anvil are sealed with this key. Without it none of them can be opened.\n# public key: %s\n%s\n", identity.Recipient(), identity)
		_, err = f.Write(text)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return key, false, fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(path)))
		}
		key, err = ParseKey(text, path)
		return key, true, err
	}
	if !errors.Is(err, fs.ErrExist) {
		return key, false, fmt.Errorf("make a key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return key, false, fmt.Errorf("read the key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return key, false, anvil.Problemf("CFG_SESSION_KEY", "Run: chmod 600 "+path, "%s has mode %04o, so others on this machine can reach it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return key, false, fmt.Errorf("read the key: %w", err)
	}
	key, err = ParseKey(text, path)
	return key, false, err
}
