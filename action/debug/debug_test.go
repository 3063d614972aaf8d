package debug_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/debug"
	"github.com/seed-bc0cc349/anvil/action/redact"
)

// unpack reads an archive to its end, and returns its files.
func unpack(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the archive is broken: %v", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("the archive is broken at %s: %v", h.Name, err)
		}
		files[h.Name] = string(content)
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		t.Fatalf("the archive is broken at its end: %v", err)
	}
	return files
}

func write(t *testing.T, secrets *redact.Set, l debug.Limits, parts ...debug.Part) (map[string]string, map[string]debug.Taken) {
	t.Helper()
	var b bytes.Buffer
	m, err := debug.Write(context.Background(), &b, "run x.1", parts, secrets, l)
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	var said debug.Manifest
	if err := json.Unmarshal([]byte(files[debug.ManifestName]), &said); err != nil || len(said.Parts) != len(m.Parts) {
		t.Fatalf("manifest %v: %s", err, files[debug.ManifestName])
	}
	taken := map[string]debug.Taken{}
	for _, p := range said.Parts {
		taken[p.Name] = p
		if p.Bytes != int64(len(files[p.Name])) {
			t.Errorf("%s has %d bytes, the manifest says %d", p.Name, len(files[p.Name]), p.Bytes)
		}
	}
	return files, taken
}

// A writer changes the file for as long as packages are made of it, and package and
// manifest agree every time.
func changing(t *testing.T, change func(f *os.File, n int)) (changed int) {
	path := filepath.Join(t.TempDir(), "log")
	line := strings.Repeat("a line of a log\n", 40_000) // 640 kB
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				change(f, n)
			}
		}
	}()
	for range 30 {
		_, taken := write(t, &redact.Set{}, debug.Limits{}, debug.Text("before", []byte("before\n")), debug.File("log", path), debug.Text("after", []byte("after\n")))
		if taken["after"].Bytes != 6 {
			t.Errorf("what comes after is %+v", taken["after"])
		}
		if strings.Contains(taken["log"].Cut, "it changed while it was read") || strings.Contains(taken["log"].Cut, "only the first") {
			changed++
		}
	}
	close(stop)
	<-ended
	return changed
}

func TestAFileThatGrows(t *testing.T) {
	t.Parallel()
	more := []byte(strings.Repeat("and one more line\n", 500))
	n := changing(t, func(f *os.File, _ int) {
		if info, err := f.Stat(); err == nil && info.Size() < 64<<20 {
			_, _ = f.WriteAt(more, info.Size())
		}
	})
	if n == 0 {
		t.Error("no package was made while the file grew: this shows nothing")
	}
}

func TestAFileThatShrinks(t *testing.T) {
	t.Parallel()
	n := changing(t, func(f *os.File, n int) {
		_ = f.Truncate(int64(640_000 - n%64*10_000))
	})
	if n == 0 {
		t.Error("no package was made while the file shrank: this shows nothing")
	}
}

func TestNoSecretGetsIn(t *testing.T) {
	t.Parallel()
	const canary = "canary-lease-8812f0aa91"
	secrets := &redact.Set{}
	secrets.Add(canary)
	path := filepath.Join(t.TempDir(), "log")
	// The cut of 1,000 bytes goes through the middle of it.
	text := strings.Repeat("x", 985) + " " + canary + " end\n" + strings.Repeat("more\n", 100)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	_, err := debug.Write(context.Background(), &b, "run "+canary, []debug.Part{
		debug.File("cut", path), debug.Text("named-"+canary, []byte(canary)), debug.File("gone", filepath.Join(t.TempDir(), canary)),
	}, secrets, debug.Limits{Part: 1000})
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	for name, content := range files {
		for n := 8; n <= len(canary); n++ {
			if strings.Contains(name+content, canary[:n]) {
				t.Fatalf("%d bytes of the canary are in %s: %.300s", n, name, content)
			}
		}
	}
	if len(files) != 3 || len(files["cut"]) != 1000 || !strings.Contains(files[debug.ManifestName], "only the first 1000 bytes") {
		t.Errorf("files: %d, cut %d, manifest %s", len(files), len(files["cut"]), files[debug.ManifestName])
	}
}

// A pipe in a file's place would be waited for, and a link would lead anywhere.
func TestOnlyFilesAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	files, taken := write(t, &redact.Set{}, debug.Limits{}, debug.File("pipe", pipe), debug.File("link", link), debug.File("dir", dir))
	for name, p := range taken {
		if !strings.HasPrefix(p.Cut, "left out: ") || files[name] != "" {
			t.Errorf("%s: %+v %q", name, p, files[name])
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	big := []byte(strings.Repeat("0123456789abcde\n", 1000))
	files, taken := write(t, &redact.Set{}, debug.Limits{Part: 10_000, Total: 15_000},
		debug.Text("one", big), debug.Text("two", big), debug.Text("three", big))
	if len(files["one"]) != 10_000 || len(files["two"]) != 5_000 || taken["three"].Cut != "left out: the package is full" {
		t.Errorf("%+v", taken)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var b bytes.Buffer
	m, err := debug.Write(ctx, &b, "late", []debug.Part{debug.Text("one", big)}, &redact.Set{}, debug.Limits{Time: time.Second})
	if err != nil || m.Parts[0].Cut == "" || len(unpack(t, b.Bytes())) != 1 {
		t.Errorf("out of time: %v %+v", err, m)
	}
}
