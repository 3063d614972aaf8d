package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/seal"
)

const words = "the whole conversation of yesterday "

func open(t *testing.T) (*seal.Store, string) {
	t.Helper()
	dir := t.TempDir()
	blobs, err := blob.Open(filepath.Join(dir, "blob"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	key, made, err := seal.OwnKey(filepath.Join(dir, "sessions.key"))
	if err != nil || !made {
		t.Fatalf("no key was made: %v", err)
	}
	return &seal.Store{Blobs: blobs, Key: key}, dir
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestWhatIsStoredCanOnlyBeReadWithTheKey(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	plain := []byte(strings.Repeat(words, 10_000))
	name, size, err := s.Put(t.Context(), bytes.NewReader(plain), digest(plain), int64(len(plain)))
	if err != nil || size != int64(len(plain)) || name == digest(plain) {
		t.Fatalf("stored %d bytes as %s: %v", size, name, err)
	}
	again, _, err := s.Put(t.Context(), bytes.NewReader(plain), digest(plain), int64(len(plain)))
	if err != nil || again == name {
		t.Errorf("the same content has the same name: %v", err)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("conversation")) {
			t.Errorf("%s has it in the open", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes came back: %v", len(got), err)
	}

	// The key is found again after a restart; another one opens nothing.
	key, made, err := seal.OwnKey(filepath.Join(dir, "sessions.key"))
	if err != nil || made {
		t.Fatalf("made %v: %v", made, err)
	}
	s.Key = key
	if r, err := s.Open(name); err != nil {
		t.Error(err)
	} else {
		r.Close()
	}
	if s.Key, _, err = seal.OwnKey(filepath.Join(dir, "other.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(name); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("another key: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", key, key, key); strings.Contains(text, "AGE-SECRET") {
		t.Error("the key prints itself")
	}
}

// Two keys in one file: the first seals, both open.
func TestTheKeyIsChanged(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	name, _, err := s.Put(t.Context(), strings.NewReader(words), digest([]byte(words)), 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := seal.OwnKey(filepath.Join(dir, "new.key")); err != nil {
		t.Fatal(err)
	}
	var both []byte
	for _, file := range []string{"new.key", "sessions.key"} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, b...)
	}
	if s.Key, err = seal.ParseKey(both, "both"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

func TestWhatIsNotAsAnnouncedIsNotStored(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	for _, c := range []struct {
		what   string
		r      io.Reader
		digest string
		max    int64
		want   error
	}{
		{"another digest", strings.NewReader(words), digest([]byte("x")), 100, blob.ErrMismatch},
		{"too much", strings.NewReader(words), digest([]byte(words)), 10, blob.ErrTooBig},
		{"no digest", strings.NewReader(words), "x", 100, blob.ErrDigest},
		{"cut off", io.MultiReader(strings.NewReader("the"), broken{}), digest([]byte(words)), 100, io.ErrUnexpectedEOF},
	} {
		if _, _, err := s.Put(t.Context(), c.r, c.digest, c.max); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "blob"))
	if err != nil || len(entries) != 1 { // incoming
		t.Errorf("stored: %v %v", entries, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestDamageShows(t *testing.T) {
	t.Parallel()
	s, dir := open(t)
	plain := []byte(strings.Repeat(words, 10_000))
	name, _, err := s.Put(t.Context(), bytes.NewReader(plain), digest(plain), int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	hex := strings.TrimPrefix(name, "sha256:")
	path := filepath.Join(dir, "blob", hex[:2], hex[2:])
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); err == nil {
		t.Error("it can be read")
	}
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := os.WriteFile(path, []byte("AGE-SECRET-KEY-1NONSENSE"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := seal.OwnKey(path)
	if p := anvil.AsProblem(err); p == nil || p.Code != "CFG_SESSION_KEY" || strings.Contains(err.Error(), "NONSENSE") {
		t.Errorf("nonsense: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err = seal.OwnKey(path)
	if p := anvil.AsProblem(err); p == nil || !strings.Contains(p.Next, "chmod 600") {
		t.Errorf("open to others: %v", err)
	}
}
