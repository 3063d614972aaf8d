package confine_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// An engine that can't run where it is put is said to be just that, by its start and
// not by what it fails to print: it is for another machine, or what loads it is missing
// there, as in an image without its libc.
func TestEngineThatCannotRunHere(t *testing.T) {
	t.Parallel()
	eachBox(t, func(t *testing.T, c *confine.Choice) {
		dir := t.TempDir()
		for name, program := range engines(t) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, program.bytes, 0o755); err != nil {
				t.Fatal(err)
			}
			r := room(t)
			r.ReadOnly = []string{path}
			b := newBox(t, c, r)
			p, err := b.Start(t.Context(), confine.Spec{Argv: []string{b.Path(path)}, Env: []string{"PATH=/usr/bin:/bin"}})
			if err == nil {
				_, _ = p.Wait()
				t.Errorf("%s was started", name)
				continue
			}
			var problem *runapi.Error
			if !errors.As(err, &problem) || problem.Code != confine.CodeEngine || !strings.Contains(problem.What, program.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// An image that can't be had is the reason why nothing contains an agent: what needs no
// image would run it with the machine's own tools, which nobody asked for.
func TestAnImageThatCannotBeHad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const fake = "#!/bin/sh\ncase $1 in\ninfo) echo '{\"ServerVersion\": \"1\", \"Version\": {\"Version\": \"1\"}}' ;;\n*) echo no such image >&2; exit 1 ;;\nesac\n"
	for _, name := range []string{"docker", "podman"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fake), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	job := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for _, mode := range []string{"", confine.ModeAuto} {
		c, err := confine.Choose(t.Context(), confine.Options{Containment: runapi.Containment{Mode: mode, Image: "registry.example/tools:1"}, Environ: job, Self: self})
		if err == nil {
			t.Fatalf("mode %q chose %s", mode, c.Evidence)
		}
		var problem *runapi.Error
		if !errors.As(err, &problem) || problem.Code != confine.CodeNone || strings.Contains(problem.What, "bwrap") ||
			!strings.Contains(problem.What, "docker: the image registry.example/tools:1 can't be had") || !strings.Contains(problem.What, "podman: ") ||
			!strings.Contains(problem.Next, "containment.image") {
			t.Errorf("mode %q: %v", mode, err)
		}
	}
}

type notHere struct {
	bytes []byte
	says  string
}

// engines are programs that no system of the tests can run.
func engines(t *testing.T) map[string]notHere {
	t.Helper()
	path, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Skipf("programs of %s are of another form", runtime.GOOS)
	}
	foreign := bytes.Clone(program)
	machine := elf.EM_AARCH64
	if f.Machine == machine {
		machine = elf.EM_X86_64
	}
	f.ByteOrder.PutUint16(foreign[18:], uint16(machine)) // e_machine
	all := map[string]notHere{
		"for-another-machine": {foreign, "it is for " + machineName(machine)},
		"of-nothing":          {[]byte("\x7fELFnonsense"), "it is no program"},
		"a-script":            {[]byte("#!/no/such/node\n"), "/no/such/node"},
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		homeless := bytes.Clone(program)
		loader := bytes.TrimRight(homeless[p.Off:p.Off+p.Filesz], "\x00")
		copy(loader[len(loader)-4:], "gone")
		all["without-its-libc"] = notHere{homeless, string(loader)}
	}
	return all
}

func machineName(m elf.Machine) string {
	if m == elf.EM_AARCH64 {
		return "arm64"
	}
	return "amd64"
}
