package apptest

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// A job that is no run builds the dev container's image and keeps it; started again, it
// says that nothing changed, and builds nothing; a run on another engine that has nothing
// pulls what it kept. A registry that can't keep it is that job's failure.
func TestDevcontainerPrebuild(t *testing.T) {
	first, fresh := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_FRESH")
	if first == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	wipeEngine(t, fresh)
	dockerfile := "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\nRUN echo " + rand.Text() + " > /etc/anvil-environment\n"
	w := withDevcontainer(t, fresh, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"), dockerfile, Settings{})

	said, _, err := w.prebuild(t, first, "127.0.0.1:1")
	if err == nil || !strings.Contains(said, "::error::IMAGE_PUSH") {
		t.Errorf("nowhere to keep it: %v\n%s", err, said)
	}
	said, out, err := w.prebuild(t, first, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"))
	if err != nil || !strings.Contains(out, "result<<") || !strings.Contains(said, "Built the image of .devcontainer/devcontainer.json") {
		t.Fatalf("the first time: %v\n%s\n%s", err, said, out)
	}
	_, kept, _ := strings.Cut(said, "Built the image of") // the build may tell of others before
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(kept)

	before := imagesOf(t, first)
	fastest := time.Hour
	for range 3 {
		start := time.Now()
		said, _, err = w.prebuild(t, first, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"))
		fastest = min(fastest, time.Since(start))
		if err != nil || !strings.Contains(said, "Nothing changed") || digest == "" || !strings.Contains(said, digest) {
			t.Fatalf("again: %v\n%s", err, said)
		}
	}
	t.Logf("nothing changed: %v", fastest)
	if fastest > 2*time.Second {
		t.Errorf("the fastest of three took %v, want at most 2 s", fastest)
	}
	if after := imagesOf(t, first); !slices.Equal(after, before) {
		t.Errorf("the engine had these images: %q, and has %q", before, after)
	}

	steps := w.work(t, 1)
	if got, want := kindsOf(steps), []string{runapi.KindCacheLookup, runapi.KindCacheHit, runapi.KindCachePull}; !slices.Equal(got, want) || steps[2].step.Digest != digest {
		t.Errorf("the run: %+v, want %v of %s", steps, want, digest)
	}
}

// imagesOf lists what an engine has.
func imagesOf(t *testing.T, host string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", "image", "ls", "--all", "--no-trunc", "--format", "{{.ID}}={{.Repository}}:{{.Tag}}")
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+host)
	out, err := cmd.Output()
	must(t, err)
	return slices.Sorted(strings.FieldsSeq(string(out)))
}

// prebuild runs the job at the tip of main on an engine. It returns its log and outputs.
func (w trial) prebuild(t *testing.T, host, registry string) (said, outputs string, err error) {
	t.Helper()
	tip, err := exec.CommandContext(t.Context(), "git", "ls-remote", w.GitHub.URL+"/acme/web.git", "refs/heads/main").Output()
	must(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "output")
	must(t, os.WriteFile(file, nil, 0o600))
	cmd := exec.CommandContext(t.Context(), w.Programs.Path("anvil-runner"), "prebuild")
	cmd.Env = []string{
		"PATH=" + filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI")) + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "DOCKER_HOST=" + host, "RUNNER_TEMP=" + dir, "GITHUB_OUTPUT=" + file,
		"GITHUB_SERVER_URL=" + w.GitHub.URL, "GITHUB_REPOSITORY=acme/web", "GITHUB_REF_NAME=main", "GITHUB_SHA=" + strings.Fields(string(tip))[0],
		"ANVIL_REGISTRY=" + registry,
	}
	log, err := cmd.CombinedOutput()
	text, readErr := os.ReadFile(file)
	must(t, readErr)
	return string(log), string(text), err
}
