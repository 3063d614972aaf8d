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

// An image that has changed is built from the layers of the one before, on a machine that
// has nothing: those of the image by the engine's own builder, and by a builder of its own
// those of every stage.
func TestDevcontainerBuildsOnTheOneBefore(t *testing.T) {
	first, fresh := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_FRESH")
	if first == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	dockerfile := func(test, mark string) string {
		random := "RUN : " + test + "; head -c 16 /dev/urandom | od -An -tx1 > " // new to the registry
		return "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + " AS tools\n" + random + "/of-a-stage\n" +
			"FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\n" + random + "/of-the-image\n" +
			"RUN echo " + mark + " > /etc/anvil-environment\nCOPY --from=tools /of-a-stage /of-a-stage\n"
	}
	for name, c := range map[string]struct {
		builder string // its address; empty: the engine's own
		stages  bool   // what the stages made is kept
	}{
		"the engine's builder":   {},
		"a builder of one's own": {os.Getenv("ANVIL_DEVCONTAINER_BUILDKIT"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.stages && c.builder == "" {
				t.Skip("this needs a BuildKit: make test-buildkit")
			}
			docker, test := withBuildx(t), rand.Text()
			ask := func(host string, args ...string) string {
				cmd := exec.CommandContext(t.Context(), "docker", args...)
				cmd.Env = append(os.Environ(), "DOCKER_HOST="+host, "DOCKER_CONFIG="+docker)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("docker %v: %v\n%s", args, err, out)
				}
				return string(out)
			}
			if c.builder != "" {
				ask(first, "buildx", "create", "--name", "own", "--driver", "remote", c.builder)
			}
			w := withDevcontainer(t, fresh, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"), dockerfile(test, rand.Text()), Settings{})
			build := func(host string) (ofTheImage, ofAStage string) {
				wipeEngine(t, host)
				if c.builder != "" {
					ask(host, "buildx", "use", "own") // for this engine
					ask(host, "buildx", "prune", "--all", "--force")
				}
				said, _, err := w.prebuild(t, host, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"), "DOCKER_CONFIG="+docker)
				reference := regexp.MustCompile(`it is kept as (\S+), (sha256:[0-9a-f]{64})`).FindStringSubmatch(said)
				if err != nil || reference == nil {
					t.Fatalf("%v\n%s", err, said)
				}
				image := reference[1] + "@" + reference[2]
				ask(host, "pull", "--quiet", image)
				look := func(file string) string { return ask(host, "run", "--rm", "--network", "none", image, "cat", file) }
				return look("/of-the-image"), look("/of-a-stage")
			}
			image, stage := build(first)
			must(t, w.GitHub.Ask("POST", "repositories/acme/web/commits", map[string]any{
				"user": "mona", "branch": "main", "message": "Another mark", "files": map[string]string{".devcontainer/Dockerfile": dockerfile(test, rand.Text())},
			}, nil))
			imageAgain, stageAgain := build(fresh)
			if image != imageAgain {
				t.Errorf("what did not change was built anew: %q, then %q", image, imageAgain)
			}
			if kept := stage == stageAgain; kept != c.stages {
				t.Errorf("a stage was kept: %v, want %v", kept, c.stages)
			}
		})
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
func (w trial) prebuild(t *testing.T, host, registry string, env ...string) (said, outputs string, err error) {
	t.Helper()
	tip, err := exec.CommandContext(t.Context(), "git", "ls-remote", w.GitHub.URL+"/acme/web.git", "refs/heads/main").Output()
	must(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "output")
	must(t, os.WriteFile(file, nil, 0o600))
	cmd := exec.CommandContext(t.Context(), w.Programs.Path("anvil-runner"), "prebuild")
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI")) + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "DOCKER_HOST=" + host, "RUNNER_TEMP=" + dir, "GITHUB_OUTPUT=" + file,
		"GITHUB_SERVER_URL=" + w.GitHub.URL, "GITHUB_REPOSITORY=acme/web", "GITHUB_REF_NAME=main", "GITHUB_SHA=" + strings.Fields(string(tip))[0],
		"ANVIL_REGISTRY=" + registry,
	}, env...)
	log, err := cmd.CombinedOutput()
	text, readErr := os.ReadFile(file)
	must(t, readErr)
	return string(log), string(text), err
}
