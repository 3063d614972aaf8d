package imagecache

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// engine is the container engine, by its client program.
type engine struct {
	program string
	env     []string // where the engine is; no credential
	config  string   // directory of the usual configuration
	temp    string   // for private directories
	secrets *secrets
}

// drain is how long a client that was killed may keep its output open.
const drain = 2 * time.Second

// ofClient names the variables by which a client finds its engine.
var ofClient = []string{
	"PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
	"CONTAINER_HOST", "BUILDX_BUILDER", "BUILDX_CONFIG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// findEngine finds the client, and where its engine and builders are: the client of a
// private configuration knows nothing of what was chosen in the usual one.
func findEngine(ctx context.Context, o Options) (*engine, error) {
	e := &engine{program: o.Docker, temp: o.Temp, secrets: &secrets{tell: o.Secret}}
	for _, name := range ofClient {
		if v := getenv(o.Environ, name); v != "" {
			e.env = append(e.env, name+"="+v)
		}
	}
	if !strings.ContainsRune(e.program, '/') {
		name := cmp.Or(e.program, "docker")
		e.program = ""
		for _, dir := range filepath.SplitList(getenv(o.Environ, "PATH")) {
			path := filepath.Join(dir, name)
			if st, err := os.Stat(path); err == nil && filepath.IsAbs(path) && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
				e.program = path
				break
			}
		}
	}
	if e.program == "" {
		return nil, &Problem{Code: CodeSetup, What: "there is no " + cmp.Or(o.Docker, "docker") + " on PATH"}
	}
	if e.config = getenv(o.Environ, "DOCKER_CONFIG"); e.config == "" {
		e.config = filepath.Join(getenv(o.Environ, "HOME"), ".docker")
	}
	if getenv(o.Environ, "BUILDX_CONFIG") == "" && filepath.IsAbs(e.config) {
		e.env = append(e.env, "BUILDX_CONFIG="+filepath.Join(e.config, "buildx"))
	}
	if getenv(o.Environ, "DOCKER_HOST") == "" {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if host, err := e.run(limited, nil, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"); err == nil && strings.Contains(host, "://") {
			e.env = append(e.env, "DOCKER_HOST="+host)
		}
	}
	e.env = slices.DeleteFunc(e.env, func(entry string) bool {
		return strings.HasPrefix(entry, "DOCKER_CONFIG=") || strings.HasPrefix(entry, "DOCKER_CONTEXT=")
	})
	return e, nil
}

// run runs the client and returns what it prints. env is added to its environment.
func (e *engine) run(ctx context.Context, env []string, args ...string) (string, error) {
	var out bytes.Buffer
	err := e.stream(ctx, env, nil, &out, args...)
	return strings.TrimSpace(out.String()), err
}

// stream is run with input and output of the caller's.
func (e *engine) stream(ctx context.Context, env []string, in io.Reader, out io.Writer, args ...string) error {
	var said tail
	cmd := exec.CommandContext(ctx, e.program, args...)
	cmd.Env = append(slices.Clone(e.env), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.WaitDelay = in, out, &said, "/", drain
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("docker %s: %w", args[0], context.Cause(ctx))
		}
		return fmt.Errorf("docker %s: %s (%w)", args[0], strings.TrimSpace(string(said)), err)
	}
	return nil
}

// tail keeps the end of what a program says.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	if n := len(*t); n > 2000 {
		*t = append(tail(nil), (*t)[n-2000:]...)
	}
	return len(p), nil
}

// described is what the engine knows of an image.
type described struct {
	ID          string `json:"Id"`
	RepoDigests []string
	Size        int64
}

// describe returns an error if the engine does not have the image.
func (e *engine) describe(ctx context.Context, image string) (described, error) {
	text, err := e.run(ctx, nil, "image", "inspect", image)
	if err != nil {
		return described{}, err
	}
	var list []described
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 || list[0].ID == "" {
		return described{}, errors.New("the engine's description of the image can't be read")
	}
	return list[0], nil
}

// has reports whether the image came with a manifest of this digest.
func (d described) has(digest string) bool {
	return slices.ContainsFunc(d.RepoDigests, func(r string) bool { return strings.HasSuffix(r, "@"+digest) })
}

// again repeats what a registry refuses with "not now", with growing pauses, as long
// as ctx lives. The engine does not hand on how long the registry asked to wait.
func again(ctx context.Context, do func() error) error {
	for wait := time.Second; ; wait *= 3 {
		err := do()
		if err == nil || ctx.Err() != nil || !tooMany.MatchString(err.Error()) || wait > 30*time.Second {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// secrets are the credentials of a cache, for taking them out of what is told.
type secrets struct {
	tell func(...string)

	mu  sync.Mutex
	all []string
}

// add makes a credential known before it is used.
func (s *secrets) add(values ...string) {
	values = slices.DeleteFunc(values, func(v string) bool { return len(v) < 4 })
	s.mu.Lock()
	s.all = append(s.all, values...)
	s.mu.Unlock()
	s.tell(values...)
}

func (s *secrets) mask(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.all {
		text = strings.ReplaceAll(text, v, "***")
	}
	return text
}
