package conversation_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/seed-bc0cc349/anvil/action/conversation"
	"github.com/seed-bc0cc349/anvil/action/redact"
)

var patterns = []string{"sessions/**/*.jsonl", "notes/**", "history.json"}

func home(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func pack(t *testing.T, dir string, limit int64, secrets *redact.Set, since string) (*os.File, conversation.Packed, error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p, err := conversation.Pack(t.Context(), f, dir, patterns, limit, secrets, since)
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	return f, p, err
}

// What matches comes back as it was, byte for byte, and nothing else.
func TestPackAndUnpack(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-this-run-0001"
	secrets := &redact.Set{}
	secrets.Add(secret)
	wanted := map[string]string{
		"sessions/2026/11/a.jsonl": "{\"a\":1}\n", "sessions/b.jsonl": strings.Repeat("b\x00\xff", 100_000), "notes/deep/er/x": "", "history.json": "[]",
	}
	all := maps.Clone(wanted)
	for name, text := range map[string]string{
		"sessions/a.txt": "no", "auth.json": "no", "notes/auth.json": "no", "notes/.credentials.json": "no", "notes/my.PEM": "no", "other": "no",
		"notes/leak.txt": strings.Repeat("x", 300_000) + secret + "yy", "sessions/leak.jsonl": secret,
	} {
		all[name] = text
	}
	dir := home(t, all)
	for name, to := range map[string]string{"notes/link": "../auth.json", "sessions/dir": "/etc", "notes/gone": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f, p, err := pack(t, dir, 1<<20, secrets, "")
	if err != nil || p.Files != len(wanted) {
		t.Fatalf("packed %+v: %v", p, err)
	}
	if len(p.LeftOut) != 5 {
		t.Errorf("left out: %q", p.LeftOut)
	}
	to := t.TempDir()
	if n, err := conversation.Unpack(f, to, patterns, 1<<20); err != nil || n != len(wanted) {
		t.Fatalf("unpacked %d: %v", n, err)
	}
	if got := content(t, to); !maps.Equal(got, wanted) {
		t.Errorf("unpacked %v", slices.Collect(maps.Keys(got)))
	}

	if _, _, err := pack(t, dir, 1<<20, secrets, p.State); !errors.Is(err, conversation.ErrSame) {
		t.Errorf("unchanged: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "history.json"), []byte("[1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := pack(t, dir, 1<<20, secrets, p.State); err != nil {
		t.Errorf("changed: %v", err)
	}
	if _, _, err := pack(t, dir, 1000, secrets, ""); !errors.Is(err, conversation.ErrTooBig) {
		t.Errorf("too big: %v", err)
	}
	if _, _, err := pack(t, t.TempDir(), 1000, secrets, ""); !errors.Is(err, conversation.ErrNothing) {
		t.Errorf("nothing: %v", err)
	}
}

// An archive that Pack would not make leaves nothing behind.
func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	good := tar.Header{Typeflag: tar.TypeReg, Name: "notes/good", Size: 3}
	for name, bad := range map[string][]tar.Header{
		"leads out":         {{Typeflag: tar.TypeReg, Name: "notes/../../x", Size: 3}},
		"absolute":          {{Typeflag: tar.TypeReg, Name: "/notes/x", Size: 3}},
		"not cleaned":       {{Typeflag: tar.TypeReg, Name: "notes//x", Size: 3}},
		"backslash":         {{Typeflag: tar.TypeReg, Name: "notes/..\\x", Size: 3}},
		"matches nothing":   {{Typeflag: tar.TypeReg, Name: "auth.json", Size: 3}},
		"a credential file": {{Typeflag: tar.TypeReg, Name: "notes/auth.json", Size: 3}},
		"a link":            {{Typeflag: tar.TypeSymlink, Name: "notes/l", Linkname: "/etc/passwd"}},
		"a hard link":       {{Typeflag: tar.TypeLink, Name: "notes/l", Linkname: "notes/good"}},
		"a directory":       {{Typeflag: tar.TypeDir, Name: "notes/d"}},
		"a device":          {{Typeflag: tar.TypeChar, Name: "notes/d", Devmajor: 1, Devminor: 3}},
		"twice":             {good},
		"through a file":    {{Typeflag: tar.TypeReg, Name: "notes/good/x", Size: 3}},
		"too large":         {{Typeflag: tar.TypeReg, Name: "notes/x", Size: 5000}},
		"larger together":   {{Typeflag: tar.TypeReg, Name: "notes/x", Size: 600}, {Typeflag: tar.TypeReg, Name: "notes/y", Size: 600}},
	} {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w := tar.NewWriter(z)
		for _, h := range append([]tar.Header{good}, bad...) {
			h.Mode = 0o600
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		refused(t, name, b.Bytes())
	}
	refused(t, "empty", nil)
	refused(t, "nonsense", []byte("nonsense, and a lot of it"))
	f, _, err := pack(t, home(t, map[string]string{"notes/a": strings.Repeat("a", 900)}), 1000, &redact.Set{}, "")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "cut off", whole[:len(whole)/2])
}

func refused(t *testing.T, name string, archive []byte) {
	t.Helper()
	to := t.TempDir()
	if n, err := conversation.Unpack(bytes.NewReader(archive), to, patterns, 1000); err == nil || n != 0 {
		t.Errorf("%s: unpacked %d files", name, n)
	}
	if left := content(t, to); len(left) > 0 {
		t.Errorf("%s: it left %v", name, left)
	}
}
