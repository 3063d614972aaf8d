package runner_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// An image is kept for the very base that it was built on: when the base's tag moves, the
// next run says so and builds on what the tag stands for then, though the engine still has
// the old one. A base that is named by its digest stays what it is.
func TestDevcontainerBaseMoves(t *testing.T) {
	t.Parallel()
	host, base, registry := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_BASE"), os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")
	if host == "" {
		t.Skip("this needs a real container engine: make test-devcontainer")
	}
	unique := strings.ToLower(rand.Text())
	moving := registry + "/moving/base:" + unique
	first := publishBase(t, base, moving, "first")
	work := func(configuration string) (*server, *machine) {
		s := newServer(t)
		s.assign(map[string]string{".devcontainer.json": configuration}, `cat > /dev/null; echo "$MARK" > mark`)
		s.assignment.Containment = runapi.Containment{Mode: "docker", Network: "none"}
		s.assignment.Environment = runapi.Environment{DevContainer: true}
		s.assignment.Images = runapi.ImageCache{Backend: runapi.ImagesRegistry, Registry: registry, Login: runapi.LoginAnonymous, Prefix: "moving/" + unique}
		m := newMachine(t, s)
		m.config.Environ = append(m.config.Environ, "DOCKER_HOST="+host, "PATH="+filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI"))+":"+os.Getenv("PATH"))
		if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
			t.Fatalf("exit code %d, finish %+v\n%s", code, s.finish, s.story())
		}
		return s, m
	}
	for _, step := range []struct {
		about, configuration, publish, mark string
		warm, moved                         bool
	}{
		{about: "at first", configuration: `{"image": "` + moving + `"}`, mark: "first"},
		{about: "again", configuration: `{"image": "` + moving + `"}`, mark: "first", warm: true},
		{about: "moved", configuration: `{"image": "` + moving + `"}`, publish: "second", mark: "second", moved: true},
		{about: "by its digest", configuration: `{"image": "` + registry + "/moving/base@" + first + `"}`, mark: "first"},
	} {
		if step.publish != "" {
			publishBase(t, base, moving, step.publish)
		}
		s, _ := work(step.configuration)
		if got := s.bundled()["mark"]; got != "100644 "+step.mark {
			t.Errorf("%s: the base is %q, want %s", step.about, got, step.mark)
		}
		e := s.finish.Environment
		if e == nil || e.Warm != step.warm || len(e.Bases) != 1 || !strings.Contains(e.Bases[0], "@sha256:") {
			t.Errorf("%s: handed back %+v", step.about, e)
		}
		if step.about == "by its digest" && !strings.HasSuffix(e.Bases[0], first) {
			t.Errorf("built on %s, asked for %s", e.Bases, first)
		}
		if told := strings.Contains(s.story(), moving+" has moved: this machine had sha256:"); told != step.moved {
			t.Errorf("%s: told that the tag has moved: %v\n%s", step.about, told, s.story())
		}
	}
}

// publishBase lets a tag stand for the base image with a mark, and returns its digest.
func publishBase(t *testing.T, base, tag, mark string) string {
	t.Helper()
	from, err := name.ParseReference(base)
	must(t, err)
	to, err := name.NewTag(tag)
	must(t, err)
	image, err := remote.Image(from)
	must(t, err)
	file, err := image.ConfigFile()
	must(t, err)
	file = file.DeepCopy()
	file.Config.Env = append(file.Config.Env, "MARK="+mark)
	image, err = mutate.Config(image, file.Config)
	must(t, err)
	must(t, remote.Write(to, image))
	digest, err := image.Digest()
	must(t, err)
	return digest.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
