package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Server is `anvil serve` on one data directory and one address. It can be
// killed and started again, as often as a story wants.
type Server struct {
	URL string
	// DataDir outlives the process.
	DataDir string

	program string
	dir     string
	process *process
}

// Settings change the server's configuration; keys are paths such as
// limits.lease.
type Settings map[string]string

// newServer chooses an address for a server below dir. It lies outside of what
// the system gives to outgoing connections, so that it is still to be had after
// the server was killed.
func newServer(p Programs, dir string) (*Server, error) {
	for range 200 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		l.Close()
		return &Server{URL: "http://" + address, DataDir: filepath.Join(dir, "data"), program: p.Path("anvil"), dir: dir}, nil
	}
	return nil, errors.New("no free port was found for the server")
}

// configure writes the server's configuration for an App of g.
func (s *Server) configure(g *GitHub, engine []string, settings Settings) error {
	for name, content := range map[string]string{"app.pem": g.App.PrivateKeyPEM, "webhook-secret": webhookSecret, "client-secret": g.App.ClientSecret} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	tree := map[string]any{
		"listen": strings.TrimPrefix(s.URL, "http://"), "public_url": s.URL, "data_dir": s.DataDir,
		"github": map[string]any{
			"url": g.URL, "app_id": g.App.ID,
			"private_key_file": filepath.Join(s.dir, "app.pem"), "webhook_secret_file": filepath.Join(s.dir, "webhook-secret"),
			"client_id": g.App.ClientID, "client_secret_file": filepath.Join(s.dir, "client-secret"),
		},
		"engines":        map[string]any{"script": map[string]any{"command": engine, "pass_env": []string{"STORY"}}},
		"default_engine": "script",
		"containment":    map[string]any{"mode": "none"},                                                 // stories about it name another
		"limits":         map[string]any{"repair_rounds": 0, "edit_every": "0s", "compare_within": "0s"}, // and so do those about repair, the pace of edits, and what was before
	}
	for path, value := range settings {
		at, parts := tree, strings.Split(path, ".")
		for _, part := range parts[:len(parts)-1] {
			below, ok := at[part].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[part] = below
			}
			at = below
		}
		var v any = value
		if json.Valid([]byte(value)) {
			v = json.RawMessage(value)
		}
		at[parts[len(parts)-1]] = v
	}
	text, err := json.Marshal(tree) // JSON is YAML
	if err != nil {
		return err
	}
	return os.WriteFile(s.config(), text, 0o600)
}

func (s *Server) config() string { return filepath.Join(s.dir, "anvil.yaml") }

// Start starts the server and returns when it is ready.
func (s *Server) Start(ctx context.Context) error {
	var err error
	s.process, err = start(s.LogFile(), os.Environ(), s.program, "serve", "--config", s.config())
	if err != nil {
		return err
	}
	return Await(ctx, func() error {
		if s.process.gone() {
			return Hopeless("the server did not start:\n%s", s.process.tail())
		}
		res, err := http.Get(s.URL + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the server is not ready: %s", res.Status)
		}
		return nil
	})
}

// Kill ends the server as a power cut would.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.kill()
	}
}

// Stop asks the server to end in good order, and reports an error if it didn't.
func (s *Server) Stop() error { return s.process.stop(25 * time.Second) }

// LogFile is the server's log, of all its lives.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "server.log") }

// Log returns what the server has logged in all its lives.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}
