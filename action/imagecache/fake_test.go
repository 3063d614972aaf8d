package imagecache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ocireg "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// The test binary is the engine's client too: what it is asked for it does with files
// in a directory, and with the registry over the wire as an engine does.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "as-docker" {
		if err := asDocker(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func asDocker(dir string, args []string) error {
	if text, err := os.ReadFile(filepath.Join(dir, "fail-"+args[0])); err == nil {
		return errors.New(string(text))
	}
	once := filepath.Join(dir, "fail-once-"+args[0])
	if text, err := os.ReadFile(once); err == nil {
		return errors.Join(os.Remove(once), errors.New(string(text)))
	}
	names := map[string]string{} // of images, to files
	if text, err := os.ReadFile(filepath.Join(dir, "names")); err == nil {
		if err := json.Unmarshal(text, &names); err != nil {
			return err
		}
	}
	keep := func(img v1.Image, as ...string) error {
		id, err := img.ConfigName()
		if err != nil {
			return err
		}
		file := filepath.Join(dir, id.Hex+".tar")
		if _, err := os.Stat(file); err != nil { // else it may be what img reads from
			if err := tarball.WriteToFile(file, name.MustParseReference("x/y:z"), img); err != nil {
				return err
			}
		}
		for _, n := range append(as, id.String()) {
			names[n] = file
		}
		text, err := json.Marshal(names)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "names"), text, 0o600)
		}
		return err
	}
	image := func(n string) (v1.Image, error) {
		file, ok := names[n]
		if !ok {
			return nil, fmt.Errorf("no such image: %s", n)
		}
		return tarball.ImageFromPath(file, nil)
	}
	last := args[len(args)-1]
	switch strings.Join(args[:min(2, len(args))], " ") {
	case "context inspect":
		fmt.Println("unix:///fake")
		return nil
	case "buildx inspect":
		driver, err := os.ReadFile(filepath.Join(dir, "driver"))
		fmt.Println("Name: x\nDriver: " + string(driver))
		return err
	case "image inspect":
		img, err := image(last)
		if err != nil {
			return err
		}
		id, err := img.ConfigName()
		if err != nil {
			return err
		}
		var digests []string
		for n, file := range names {
			if strings.Contains(n, "@") && file == names[last] {
				digests = append(digests, n)
			}
		}
		return json.NewEncoder(os.Stdout).Encode([]any{map[string]any{"Id": id.String(), "RepoDigests": digests}})
	}
	switch args[0] {
	case "pull":
		ref, err := name.ParseReference(last)
		if err != nil {
			return err
		}
		img, err := remote.Image(ref, remote.WithAuthFromKeychain(loginOfClient{}))
		if err != nil {
			return err
		}
		return keep(img, last)
	case "push":
		img, err := image(last)
		if err != nil {
			return err
		}
		ref, err := name.ParseReference(last)
		if err != nil {
			return err
		}
		if err := remote.Write(ref, img, remote.WithAuthFromKeychain(loginOfClient{})); err != nil {
			return err
		}
		d, err := img.Digest()
		if _, silent := os.Stat(filepath.Join(dir, "podman")); silent != nil {
			fmt.Printf("%s: digest: %s size: 1\n", ref.Identifier(), d)
		}
		return err
	case "tag":
		img, err := image(args[1])
		if err != nil {
			return err
		}
		return keep(img, args[2])
	case "save":
		text, err := os.ReadFile(names[last])
		if err == nil {
			_, err = os.Stdout.Write(text)
		}
		return err
	case "load":
		return loadFrom(keep)
	}
	return fmt.Errorf("this engine does not know %q", args)
}

func loadFrom(keep func(v1.Image, ...string) error) error {
	packed, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	text, err := unpack(packed)
	if err != nil {
		return err
	}
	img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }, nil)
	if err != nil {
		return err
	}
	id, err := img.ConfigName()
	if err != nil {
		return err
	}
	fmt.Println("Loaded image ID:", id)
	return keep(img)
}

// loginOfClient reads the login where the engine's client does.
type loginOfClient struct{}

func (loginOfClient) Resolve(r authn.Resource) (authn.Authenticator, error) {
	text, err := os.ReadFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"))
	if err != nil {
		return authn.Anonymous, nil
	}
	var c struct {
		Auths map[string]struct{ Auth string }
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	return authn.FromConfig(authn.AuthConfig{Auth: c.Auths[r.RegistryStr()].Auth}), nil
}

// world is a registry with an engine beside it.
type world struct {
	t        *testing.T
	dir      string // of the engine
	temp     string
	registry *httptest.Server

	mu     sync.Mutex
	fault  func(w http.ResponseWriter, r *http.Request) bool // reports whether it answered
	asked  []string
	events []runapi.Event
	steps  []runapi.CacheStep
}

const password = "canary-registry-password"

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), temp: t.TempDir()}
	inner := ocireg.New(ocireg.Logger(nolog))
	w.registry = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		fault := w.fault
		w.mu.Unlock()
		if fault != nil && fault(rw, r) {
			return
		}
		if user, pass, _ := r.BasicAuth(); user != "robot" || pass != password {
			rw.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			http.Error(rw, `{"errors":[{"code":"UNAUTHORIZED","message":"no entry with `+pass+`"}]}`, http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.registry.Close)
	docker := "#!/bin/sh\nexec " + os.Args[0] + " as-docker " + w.dir + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(w.dir, "docker"), []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) host() string { return strings.TrimPrefix(w.registry.URL, "http://") }

// breaks lets the registry answer as fault does from now on.
func (w *world) breaks(fault func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
}

// engineFails lets the client's command fail with a text.
func (w *world) engineFails(command, text string) {
	if err := os.WriteFile(filepath.Join(w.dir, "fail-"+command), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// wipe takes all images out of the engine.
func (w *world) wipe() {
	if err := os.Remove(filepath.Join(w.dir, "names")); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
}

// built puts an image into the engine as a build does.
func (w *world) built(n string) string {
	w.t.Helper()
	img, err := random.Image(1000, 2)
	if err != nil {
		w.t.Fatal(err)
	}
	img = mutate.Annotations(img, map[string]string{"built": n}).(v1.Image)
	file := filepath.Join(w.dir, "built.tar")
	if err := tarball.WriteToFile(file, name.MustParseReference("x/y:z"), img); err != nil {
		w.t.Fatal(err)
	}
	names := map[string]string{}
	if text, err := os.ReadFile(filepath.Join(w.dir, "names")); err == nil {
		_ = json.Unmarshal(text, &names)
	}
	id, _ := img.ConfigName()
	kept := filepath.Join(w.dir, id.Hex+".tar")
	if err := os.Rename(file, kept); err != nil {
		w.t.Fatal(err)
	}
	names[n], names[id.String()] = kept, kept
	text, _ := json.Marshal(names)
	if err := os.WriteFile(filepath.Join(w.dir, "names"), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return id.String()
}

// server gives credentials and keeps archives in memory.
type server struct {
	host  string
	mu    sync.Mutex
	files map[string][]byte
	wrong bool // hands over other bytes
}

func (s *server) RegistryCredential(context.Context) (runapi.RegistryCredential, error) {
	return runapi.RegistryCredential{Host: s.host, User: "robot", Password: password}, nil
}

func (s *server) FindImage(_ context.Context, key string) (runapi.StoredImage, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.files[key]
	return runapi.StoredImage{Digest: digestOf(b), Size: int64(len(b))}, ok, nil
}

func (s *server) FetchImage(_ context.Context, key, digest string, f *os.File, max int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.files[key]; s.wrong || digestOf(b) != digest {
		return 0, fmt.Errorf("image %s: %w", key, runapi.ErrDamaged)
	}
	n, err := f.Write(s.files[key])
	return int64(n), err
}

func (s *server) StoreImage(_ context.Context, key, also string, r io.ReaderAt, size int64) (runapi.StoredImage, error) {
	b := make([]byte, size)
	if _, err := r.ReadAt(b, 0); err != nil {
		return runapi.StoredImage{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[key], s.files[also] = b, b
	return runapi.StoredImage{Digest: digestOf(b), Size: size}, nil
}

// open opens a cache of the world's registry.
func (w *world) open(change ...func(*Options)) *Cache {
	w.t.Helper()
	o := Options{
		Images:     runapi.ImageCache{Backend: runapi.ImagesRegistry, Registry: w.host(), Login: runapi.LoginServer, LookupSeconds: 5, PullSeconds: 30, PushSeconds: 30, WaitSeconds: 30},
		Repository: "acme/web", Branch: "main", Platform: "linux/amd64", Docker: filepath.Join(w.dir, "docker"), Temp: w.temp,
		Environ: os.Environ(), Server: &server{host: w.host(), files: map[string][]byte{}},
		Tell: func(kind, text string, s runapi.CacheStep) {
			data, _ := json.Marshal(s)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events, w.steps = append(w.events, runapi.Event{Kind: kind, Text: text, Data: data}), append(w.steps, s)
		},
	}
	for _, c := range change {
		c(&o)
	}
	c, err := Open(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// told returns the kinds of the events, and the last step of one kind.
func (w *world) told(kind string) (kinds []string, last runapi.CacheStep) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range w.events {
		kinds = append(kinds, strings.TrimPrefix(e.Kind, "cache."))
		if e.Kind == kind {
			last = w.steps[i]
		}
		if strings.Contains(e.Text+string(e.Data), password) {
			w.t.Errorf("an event shows the password: %s", e.Text)
		}
	}
	return kinds, last
}
