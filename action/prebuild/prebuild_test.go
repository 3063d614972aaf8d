package prebuild

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ocireg "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// What there is to say without an engine is said without one. With one: see
// TestDevcontainerPrebuild in app/apptest.
func TestPrebuildBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	const container = ".devcontainer/devcontainer.json"
	for name, c := range map[string]struct {
		files map[string]string
		env   []string
		code  int
		says  string
	}{
		"no dev container": {files: map[string]string{"a": "a"}, says: "no dev container: there is nothing to build"},
		"it touches the host": {
			files: map[string]string{container: `{"image": "x", "privileged": true}`}, code: 1, says: "::error::DEVC_FORBIDDEN: " + container + ": privileged is not allowed",
		},
		"none of that name": {
			files: map[string]string{container: `{"image": "x"}`}, env: []string{"ANVIL_ENVIRONMENT=web"}, code: 1, says: "::error::DEVC_CONFIG: There is no .devcontainer/web/devcontainer.json",
		},
		"no CLI": {files: map[string]string{container: `{"image": "x"}`}, env: []string{only(t, "git")}, code: 1, says: "::error::DEVC_MISSING"},
		"no CLI, and no registry that has it": {
			files: map[string]string{container: `{"image": "x"}`}, env: []string{only(t, "git", "node"), "NPM_CONFIG_REGISTRY=http://127.0.0.1:1"}, code: 1, says: "::error::TOOL_FETCH: devcontainer is not on this runner",
		},
		"no commit":      {files: map[string]string{"a": "a"}, env: []string{"GITHUB_SHA="}, code: 1, says: "::error::PREBUILD_INPUT: Not in the environment: GITHUB_SHA."},
		"no such commit": {files: map[string]string{"a": "a"}, env: []string{"GITHUB_SHA=" + strings.Repeat("0", 40)}, code: 1, says: "::error::check out the commit"},
		"no number":      {files: map[string]string{"a": "a"}, env: []string{"ANVIL_BUILD_SECONDS=soon"}, code: 1, says: `::error::PREBUILD_INPUT: ANVIL_BUILD_SECONDS is "soon"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			env := jobOf(t, c.files)
			if len(c.env) > 0 && strings.HasPrefix(c.env[0], "PATH=") {
				env = env[1:] // which has every program
			}
			code := Run(t.Context(), Config{Environ: append(env, c.env...), Out: &log})
			said := ""
			for line := range strings.Lines(log.String()) {
				if !strings.HasPrefix(line, "::add-mask::") {
					said += line
				}
			}
			if code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, "job-token") {
				t.Errorf("exit code %d, and it said %q; want %d and %q", code, said, c.code, c.says)
			}
		})
	}
}

// What a base asks for is known before it is built on, so nobody is asked to build.
func TestAHostileBaseIsRefusedBeforeTheBuild(t *testing.T) {
	t.Parallel()
	registry := httptest.NewServer(ocireg.New(ocireg.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(registry.Close)
	host := strings.TrimPrefix(registry.URL, "http://")
	base, err := mutate.Config(empty.Image, v1.Config{Labels: map[string]string{"devcontainer.metadata": `[{"privileged": true}]`}})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/base:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, base); err != nil {
		t.Fatal(err)
	}
	path, asked := only(t, "git"), filepath.Join(t.TempDir(), "asked")
	for program, text := range map[string]string{
		"devcontainer": "#!/bin/sh\n[ \"$1\" = --version ] && echo 0.89.0 && exit\necho \"$@\" >> " + asked + "\nexit 1\n",
		"docker":       "#!/bin/sh\nexit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(strings.TrimPrefix(path, "PATH="), program), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := jobOf(t, map[string]string{".devcontainer.json": `{"image": "` + host + `/base:1"}`})
	env = append(env[1:], path, "ANVIL_REGISTRY="+host)
	var said bytes.Buffer
	if code := Run(t.Context(), Config{Environ: env, Out: &said}); code != 1 || !strings.Contains(said.String(), "::error::DEVC_FORBIDDEN: the image "+host+"/base:1: privileged is not allowed") {
		t.Errorf("exit code %d, and it said %q", code, said.String())
	}
	if text, err := os.ReadFile(asked); err == nil {
		t.Errorf("the CLI was asked for: %s", text)
	}

	// By the operator's word it is built on.
	said.Reset()
	Run(t.Context(), Config{Environ: append(env, "ANVIL_ALLOW=privileged"), Out: &said})
	if strings.Contains(said.String(), "DEVC_FORBIDDEN") {
		t.Errorf("with the operator's word it said %q", said.String())
	}
}

// only is a PATH on which there are no other programs than these. But for git, they do
// nothing.
func only(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range programs {
		target, err := exec.LookPath(name)
		if name != "git" {
			target, err = exec.LookPath("true")
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return "PATH=" + dir
}

// jobOf is the environment of a job for a repository with these files.
func jobOf(t *testing.T, files map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "acme/web.git")
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", tree, "-c", "user.name=x", "-c", "user.email=x@x"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for name, text := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	return []string{
		"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + t.TempDir(), "GITHUB_SERVER_URL=file://" + dir, "GITHUB_REPOSITORY=acme/web",
		"GITHUB_REF_NAME=main", "GITHUB_SHA=" + git("rev-parse", "HEAD"), "GITHUB_TOKEN=job-token-0123456789",
	}
}
