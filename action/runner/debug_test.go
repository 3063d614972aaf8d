package runner_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// unpacked is what a debug package has, by name.
func unpacked(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("there is no debug package: %v", err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(content)
	}
}

// A failure leaves a package that explains it, and no secret is in any file of it.
func TestRunLeavesADebugPackageAfterAFailure(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, "echo the engine says "+leaseToken+"; echo it breaks >&2; exit 3")
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Failed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	files := unpacked(t, s.artifacts[runapi.ArtifactDebug])
	for name, part := range map[string]string{
		"run.json": `"phase": "work"`, "machine.json": "git version", "log.txt": "the engine says ***", "engine.txt": "the engine says ***", "manifest.json": `"name": "log.txt"`,
	} {
		if !strings.Contains(files[name], part) {
			t.Errorf("%s has no %q:\n%.2000s", name, part, files[name])
		}
	}
	for name, content := range files {
		for _, canary := range canaries {
			if strings.Contains(content, canary) {
				t.Errorf("%s of the debug package has %s", name, canary)
			}
		}
	}
	if !s.finish.Debug {
		t.Error("the server was not told of the package")
	}
	if strings.Contains(m.file("GITHUB_OUTPUT"), "anvil-debug") {
		t.Error("a file was left though nobody asked for it")
	}
}

// A run that went well leaves one if its job asks for it, as a file too.
func TestRunLeavesADebugPackageOnRequest(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{true, false} {
		s := newServer(t)
		s.assign(project, "echo x > good")
		m := newMachine(t, s)
		if asked {
			m.config.Environ = append(m.config.Environ, "ANVIL_DEBUG=true")
		}
		if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
			t.Fatalf("exit code %d, finish %+v", code, s.finish)
		}
		if len(s.artifacts[runapi.ArtifactDebug]) > 0 != asked {
			t.Errorf("asked %v: the package has %d bytes", asked, len(s.artifacts[runapi.ArtifactDebug]))
		}
		if !asked {
			continue
		}
		var left []byte
		for line := range strings.Lines(m.file("GITHUB_OUTPUT")) {
			if name := strings.TrimSpace(line); strings.HasSuffix(name, "anvil-debug.tar.gz") {
				left, _ = os.ReadFile(name[strings.Index(name, "/"):])
			}
		}
		if !bytes.Equal(left, s.artifacts[runapi.ArtifactDebug]) {
			t.Errorf("the file that the workflow may upload has %d bytes; outputs:\n%s", len(left), m.file("GITHUB_OUTPUT"))
		}
	}
}

// A machine's package has the files that were named, and no value of a variable.
func TestDebugMachine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log, out := dir+"/Runner.log", dir+"/debug.tar.gz"
	if err := os.WriteFile(log, []byte("started\ntoken "+jobSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c := runner.Config{Out: &said, Version: "v9", Environ: []string{"GITHUB_TOKEN=" + jobSecret, "OTHER=" + cloudSecret}}
	if err := runner.DebugMachine(t.Context(), c, out, []string{log, dir + "/none"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	files := unpacked(t, b)
	if files["files/1-Runner.log"] != "started\ntoken ***\n" || !strings.Contains(files["machine.json"], `"OTHER"`) || !strings.Contains(said.String(), "2-none, 0 bytes, left out") {
		t.Errorf("%q\n%s", files, &said)
	}
	for name, content := range files {
		if strings.Contains(content, jobSecret) || strings.Contains(content, cloudSecret) {
			t.Errorf("%s has a secret", name)
		}
	}
	if err := runner.DebugMachine(t.Context(), c, out, nil); err == nil {
		t.Error("a file that was there is another one now")
	}
}
