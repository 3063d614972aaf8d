//go:build unix

package devcontainer

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// script makes a program in the CLI's place.
func script(t *testing.T, text string) CLI {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "devcontainer"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return CLI{Environ: []string{"PATH=" + dir + ":/usr/bin:/bin"}, Limit: time.Minute, Ask: time.Minute}
}

func TestAFailedBuildTellsTheEndOfItsLog(t *testing.T) {
	t.Parallel()
	c := script(t, `i=0; while [ $i -lt 400 ]; do echo "step $i of many"; i=$((i+1)); done; echo "no such package: frob" >&2; exit 3`)
	_, err := c.Build(t.Context(), "/x", &Configuration{Path: ".devcontainer.json"}, "i", nil, nil)
	code, text := codeOf(err)
	if code != CodeBuild || !strings.Contains(text, "frob") || strings.Contains(text, "step 1 of") || len(text) > tailBytes+200 {
		t.Errorf("%s in %d bytes: %s", code, len(text), text)
	}
}

// The shell's child holds the output open: only the end of the whole group ends it.
func TestABuildThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	c := script(t, "sleep 600 & wait")
	c.Limit = 200 * time.Millisecond
	start := time.Now()
	_, err := c.Build(t.Context(), "/x", &Configuration{Path: ".devcontainer.json"}, "i", nil, nil)
	if code, _ := codeOf(err); code != CodeTimeout || time.Since(start) > drain {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := script(t, "sleep 600").Version(stopped); err != context.Canceled {
		t.Errorf("stopped by the run: %v", err)
	}
}

func TestAMissingCLIIsNamedWithTheFix(t *testing.T) {
	t.Parallel()
	_, err := CLI{Environ: []string{"PATH=" + t.TempDir()}, Ask: time.Minute}.Version(t.Context())
	if code, _ := codeOf(err); code != CodeMissing || !strings.Contains(err.Error(), "npm install") {
		t.Error(err)
	}
}

// A CLI on PATH is taken as it is. Where there is none, one is got, unless it couldn't run.
func TestACLIIsGotWhereThereIsNone(t *testing.T) {
	t.Parallel()
	got := ""
	get := func(_ context.Context, name string) (string, error) {
		got = name
		return "/had/" + name, nil
	}
	own := script(t, "echo 0.1.2")
	if c, err := own.Have(t.Context(), get); err != nil || got != "" || c.Program != own.Program {
		t.Errorf("beside its own: %+v, %v", c, err)
	}
	empty := CLI{Environ: []string{"PATH=" + t.TempDir()}, Ask: time.Minute}
	if c, err := empty.Have(t.Context(), get); err != nil || got != "" || c.Program != "" {
		t.Errorf("without Node: %+v, %v", c, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "node"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	empty.Environ = []string{"PATH=" + dir}
	if c, err := empty.Have(t.Context(), get); err != nil || got != "devcontainer" || c.Program != "/had/devcontainer" {
		t.Errorf("with Node: %+v, %v", c, err)
	}
	if _, err := empty.Have(t.Context(), func(context.Context, string) (string, error) { return "", fs.ErrInvalid }); err != fs.ErrInvalid {
		t.Errorf("one that can't be got: %v", err)
	}
}

func TestTheBuildSeesNothingOfTheJob(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "secret-of-the-job")
	if out, err := script(t, "env").Version(t.Context()); err != nil || strings.Contains(out, "secret-of-the-job") {
		t.Errorf("%v: %s", err, out)
	}
}

// The CLI writes its Dockerfile to a folder that is named by the time; another build's must
// not be in the same place.
func TestABuildHasItsTemporaryFilesForItself(t *testing.T) {
	t.Parallel()
	c := script(t, `touch "$TMPDIR/here"; echo "in $TMPDIR." >&2; exit 3`)
	seen := map[string]bool{}
	for range 2 {
		_, err := c.Build(t.Context(), "/x", &Configuration{Path: ".devcontainer.json"}, "i", nil, nil)
		_, text := codeOf(err)
		_, text, _ = strings.Cut(text, "in ")
		dir, _, _ := strings.Cut(text, ".")
		if _, err := os.Stat(dir); !filepath.IsAbs(dir) || seen[dir] || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("built with its files in %q, before that in %v: %v", dir, seen, err)
		}
		seen[dir] = true
	}
}

// The reference CLI on a real engine: each usual shape of a configuration is built, and
// what the result says of itself is what was asked for.
func TestDevcontainerBuild(t *testing.T) {
	t.Parallel()
	host, base := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_BASE")
	if host == "" {
		t.Skip("this needs a real container engine: make test-devcontainer")
	}
	buildkit := t.TempDir() // a home with buildx
	plugins := filepath.Join(buildkit, ".docker", "cli-plugins")
	err := os.MkdirAll(plugins, 0o755)
	if err == nil {
		err = os.Symlink(os.Getenv("ANVIL_DEVCONTAINER_BUILDX"), filepath.Join(plugins, "docker-buildx"))
	}
	if err != nil {
		t.Fatal(err)
	}
	cli := CLI{
		Program: os.Getenv("ANVIL_DEVCONTAINER_CLI"), Limit: 5 * time.Minute, Ask: time.Minute,
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "DOCKER_HOST=" + host},
	}
	if v, err := cli.Version(t.Context()); err != nil || v != "0.89.0" {
		t.Fatalf("version %q, %v", v, err)
	}
	tool := map[string]string{".devcontainer/tool/devcontainer-feature.json": toolFeature, ".devcontainer/tool/install.sh": toolInstall}
	published := publishFeature(t, "localhost:"+port(os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")), strings.ToLower(rand.Text()))
	for _, c := range []struct {
		about, name, text, says string
		files                   map[string]string
		code                    string // of what is refused once it is built
		broken                  string // what a build that fails says
		buildkit                bool   // with features it needs a frontend from the network
	}{
		{about: "a missing image", text: `{"image": "` + published + `/none:1"}`, broken: "none:1"},
		{about: "a missing base", text: `{"build": {"dockerfile": "Dockerfile"}}`, broken: "none:2", files: map[string]string{".devcontainer/Dockerfile": "FROM " + published + "/none:2\n"}},
		{about: "image", text: `{"image": "` + base + `", "remoteEnv": {"A": "b"}}`, says: "remoteEnv"},
		{about: "Dockerfile", text: `{"build": {"dockerfile": "Dockerfile", "context": ".."}, "postCreateCommand": "make deps"}`, says: "make deps",
			files: map[string]string{".devcontainer/Dockerfile": "FROM " + base + "\nCOPY go.mod /word\n", "go.mod": "copied"}},
		// The key counts on these: see Configuration.ignored and readDockerfile.
		{about: "an ignore file beside the Dockerfile", text: `{"build": {"dockerfile": "Dockerfile", "context": ".."}}`, says: "[", buildkit: true, files: map[string]string{
			".devcontainer/Dockerfile": "FROM " + base + "\nCOPY word /\n", ".devcontainer/Dockerfile.dockerignore": "word\n", "word": "copied"}},
		{about: "continued lines and a glob", text: `{"build": {"dockerfile": "Dockerfile", "context": ".."}}`, says: "[", buildkit: true, files: map[string]string{
			".devcontainer/Dockerfile": "FROM " + base + "\nCO\\\n# a remark\n\nPY w[o]* \\\n  # another\n  /\n", "word": "copied"}},
		{about: "features", text: `{"image": "` + base + `", "features": {"./tool": {"word": "feature"}}}`, says: "tool", files: tool},
		{about: "a feature of a registry", text: `{"image": "` + base + `", "features": {"` + published + `:1": {"word": "published"}}}`, says: published, files: map[string]string{}},
		{about: "named", name: "api", text: `{"image": "` + base + `", "features": {"../tool": {}}, "containerEnv": {"ONE": "two"}}`, says: "ONE", files: tool},
		{about: "a base image that asks for privileges", text: `{"build": {"dockerfile": "Dockerfile"}}`, says: "privileged", code: CodeForbidden,
			files: map[string]string{".devcontainer/Dockerfile": "FROM " + base + "\nLABEL devcontainer.metadata='[{\"privileged\": true}]'\n"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{path.Join(".devcontainer", c.name, "devcontainer.json"): c.text}
			for name, text := range c.files {
				files[name] = text
			}
			root := repository(t, files)
			found, err := Find(root, c.name)
			if err == nil {
				err = found.Refuse(nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			cli := cli
			if c.buildkit {
				cli.Environ = append(slices.Clone(cli.Environ), "HOME="+buildkit)
			}
			built, err := cli.Build(t.Context(), root.Name(), found, "anvil-test:"+strings.ToLower(rand.Text()), nil, nil)
			if c.broken != "" {
				if code, text := codeOf(err); code != CodeBuild || !strings.Contains(text, c.broken) {
					t.Errorf("%v; want %s that tells of %s", err, CodeBuild, c.broken)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(built.ID, "sha256:") || !strings.Contains(string(built.Metadata), c.says) {
				t.Errorf("built %s with %s, want %q in it", built.ID, built.Metadata, c.says)
			}
			if code, _ := codeOf(RefuseMetadata("the image", built.Metadata, nil)); code != c.code {
				t.Errorf("refused with %q, want %q", code, c.code)
			}
			if c.files == nil || c.code != "" {
				return
			}
			cmd := exec.Command("docker", "run", "--rm", "--network", "none", built.ID, "cat", "/word")
			cmd.Env = append(os.Environ(), "DOCKER_HOST="+host)
			if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) == "" {
				t.Errorf("in the image: %v %s", err, out)
			}
		})
	}
}

// A feature that writes the word that it is given.
const (
	toolFeature = `{"id": "tool", "version": "1.0.0", "name": "Tool", "options": {"word": {"type": "string", "default": "none"}}}`
	toolInstall = "#!/bin/sh\necho \"$WORD\" > /word\n"
)

// publishFeature puts the feature into a registry, as the specification of features says,
// and returns its name there.
func publishFeature(t *testing.T, registry, namespace string) string {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for name, text := range map[string]string{"devcontainer-feature.json": toolFeature, "install.sh": toolInstall} {
		err := w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o755, Size: int64(len(text))})
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, static.NewLayer(packed.Bytes(), "application/vnd.devcontainers.layer.v1+tar"))
	if err != nil {
		t.Fatal(err)
	}
	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), "application/vnd.devcontainers")
	feature := registry + "/" + namespace + "/tool"
	tag, err := name.NewTag(feature + ":1")
	if err == nil {
		err = remote.Write(tag, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	return feature
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
