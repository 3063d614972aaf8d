package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/blob"
)

func open(t *testing.T, dir string) *blob.Store {
	t.Helper()
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func digestOf(b string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(b))) }

func read(t *testing.T, s *blob.Store, digest string) string {
	t.Helper()
	r, err := s.Open(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files lists every file below dir with its mode.
func files(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := d.Info()
		name, _ := filepath.Rel(dir, path)
		found[name] = i.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestBytesComeBackByTheirDigestAfterReopening(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "blobs")
	s := open(t, dir)
	digest, size, err := s.Put(t.Context(), strings.NewReader("a bundle"), 8)
	if err != nil || digest != digestOf("a bundle") || size != 8 {
		t.Fatalf("Put = %s, %d, %v", digest, size, err)
	}
	s.Close()

	s = open(t, dir)
	if got := read(t, s, digest); got != "a bundle" {
		t.Fatalf("read %q", got)
	}
	if i, err := s.Stat(digest); err != nil || i.Size != 8 || i.StoredAt.IsZero() {
		t.Fatalf("Stat = %+v, %v", i, err)
	}
	for range 2 {
		if err := s.Delete(digest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(digest); !errors.Is(err, blob.ErrNotFound) {
		t.Fatalf("Open of a deleted blob: %v", err)
	}
	if _, err := s.Stat(digest); !errors.Is(err, blob.ErrNotFound) {
		t.Fatalf("Stat of a deleted blob: %v", err)
	}
}

func TestOnlyOurUserCanRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // as an operator may have made it
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, _, err := s.Put(t.Context(), strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	for name, mode := range files(t, dir) {
		if mode.Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %s", name, mode)
		}
	}
}

func TestWhatIsNotWantedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := io.MultiReader(strings.NewReader("half"), errReader{})
	for name, c := range map[string]struct {
		put  func(s *blob.Store) error
		want error
	}{
		"too many bytes": {func(s *blob.Store) error { _, _, err := s.Put(t.Context(), strings.NewReader("12345"), 4); return err }, blob.ErrTooBig},
		"endless":        {func(s *blob.Store) error { _, _, err := s.Put(t.Context(), endless{}, 1<<20); return err }, blob.ErrTooBig},
		"other bytes than promised": {func(s *blob.Store) error {
			_, err := s.PutExpect(t.Context(), strings.NewReader("b"), digestOf("a"), 9)
			return err
		}, blob.ErrMismatch},
		"a prefix of what was promised": {func(s *blob.Store) error {
			_, err := s.PutExpect(t.Context(), strings.NewReader("ab"), digestOf("abc"), 9)
			return err
		}, blob.ErrMismatch},
		"no digest": {func(s *blob.Store) error {
			_, err := s.PutExpect(t.Context(), strings.NewReader("b"), "b", 9)
			return err
		}, blob.ErrDigest},
		"upload broken off": {func(s *blob.Store) error { _, _, err := s.Put(t.Context(), broken, 9); return err }, errBroken},
		"caller gone":       {func(s *blob.Store) error { _, _, err := s.Put(cancelled, strings.NewReader("b"), 9); return err }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir)
			if err := c.put(s); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for name, mode := range files(t, dir) {
				if mode.IsRegular() {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

func TestDigestsAreTheOnlyNames(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	good := digestOf("x")
	for _, bad := range []string{
		"", "sha256:", good[7:], "sha512:" + good[7:], good + "0", good[:len(good)-1], strings.ToUpper(good),
		"sha256:" + strings.Repeat("g", 64), "sha256:" + strings.Repeat("../", 21) + "a", "sha256:" + strings.Repeat("0", 63) + "\n",
		"sha256:" + strings.Repeat("0", 62) + "\x00a", " " + good,
	} {
		if _, err := s.Open(bad); !errors.Is(err, blob.ErrDigest) {
			t.Errorf("Open(%q): %v", bad, err)
		}
		if _, err := s.Stat(bad); !errors.Is(err, blob.ErrDigest) {
			t.Errorf("Stat(%q): %v", bad, err)
		}
		if err := s.Delete(bad); !errors.Is(err, blob.ErrDigest) {
			t.Errorf("Delete(%q): %v", bad, err)
		}
	}
}

func TestALinkDoesNotLeadOutOfTheStore(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	s := open(t, dir)
	digest := digestOf("x")
	if err := os.WriteFile(filepath.Join(outside, digest[9:]), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, digest[7:9])); err != nil {
		t.Skip("no symbolic links here")
	}
	if r, err := s.Open(digest); err == nil {
		r.Close()
		t.Fatal("read a file outside the store")
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("x"), 9); err == nil {
		t.Fatal("wrote a file outside the store")
	}
}

func TestHalfWrittenFilesAreSweptAtOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	kept, _, err := s.Put(t.Context(), strings.NewReader("kept"), 9)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	left := filepath.Join(dir, "incoming", "LEFT")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil { // what a kill in the middle of Put leaves
		t.Fatal(err)
	}
	s = open(t, dir)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the leftover is still there: %v", err)
	}
	if got := read(t, s, kept); got != "kept" {
		t.Fatalf("read %q", got)
	}
}

func TestTheSameBytesAtTheSameTimeAreOneBlob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	body := bytes.Repeat([]byte("0123456789"), 10_000)
	digest := digestOf(string(body))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.PutExpect(t.Context(), bytes.NewReader(body), digest, int64(len(body))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if read(t, s, digest) != string(body) {
		t.Fatal("other bytes came back")
	}
	regular := 0
	for _, mode := range files(t, dir) {
		if mode.IsRegular() {
			regular++
		}
	}
	if regular != 1 {
		t.Fatalf("%d files, want 1", regular)
	}
}

func TestAReaderCanSeek(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	digest, _, err := s.Put(t.Context(), strings.NewReader("head tail"), 9)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(-4, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(r); string(b) != "tail" {
		t.Fatalf("read %q", b)
	}
}

var errBroken = errors.New("broken off")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
