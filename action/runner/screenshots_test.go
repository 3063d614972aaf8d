package runner

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Who leaves pictures is not trusted: nothing outside of the directory is read, nothing
// that would keep the runner waiting is opened, and the rest is bounded.
func TestOnlyPicturesAreReadFromWhatWasLeft(t *testing.T) {
	t.Parallel()
	secrets := &redact.Set{}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 3))); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside.png")
	write := func(path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(outside, b.Bytes())
	newJob := func() (*job, *bytes.Buffer) {
		var out bytes.Buffer
		none := func(string) string { return "" }
		j := &job{secrets: secrets, log: joblog.New(&out, none, secrets, time.Now), journal: newJournal(nil, 1<<20, nil)}
		j.views = []runapi.View{{Path: "/login", Note: "the button"}, {Path: "/"}}
		return j, &out
	}

	home := t.TempDir()
	dir := filepath.Join(home, screenshotsDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1.png", "2.PNG", "a.png", "b.png", "c.png", "d.png"} {
		write(filepath.Join(dir, name), b.Bytes())
	}
	write(filepath.Join(dir, "9text.png"), []byte("no picture"))
	write(filepath.Join(dir, "9big.png"), append(b.Bytes(), make([]byte, runapi.MaxScreenshotBytes)...))
	write(filepath.Join(dir, "notes.txt"), []byte("no picture, and not called one"))
	if err := os.Symlink(outside, filepath.Join(dir, "9link.png")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "9pipe.png"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, out := newJob()
	var titles []string
	for _, p := range j.readPictures(home) {
		titles = append(titles, p.title)
		if !bytes.Equal(p.bytes, b.Bytes()) {
			t.Errorf("%s has other bytes", p.title)
		}
	}
	if got := strings.Join(titles, ", "); got != "page /login: the button, page /, a, b, c" {
		t.Errorf("the pictures are %s", got)
	}
	for _, left := range []string{"9text.png", "9big.png", "9link.png", "9pipe.png", "More than 5"} {
		if !strings.Contains(out.String(), left) {
			t.Errorf("nothing is said of %s: %s", left, out)
		}
	}
	if strings.Contains(out.String(), "notes.txt") {
		t.Error("a file that is none of ours is told of")
	}

	// The directory itself may have become a way out.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), dir); err != nil {
		t.Fatal(err)
	}
	if j, _ := newJob(); len(j.readPictures(home)) != 0 {
		t.Error("pictures are read from outside of the home")
	}
}
