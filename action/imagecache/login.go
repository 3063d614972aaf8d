package imagecache

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// keys logs in at one registry. It is an [authn.Keychain], so that what this process
// asks the registry needs no file.
type keys struct {
	host    name.Registry
	kind    string // of login
	user    string // of the job
	token   string
	server  Server
	secrets *secrets

	mu   sync.Mutex
	kept runapi.RegistryCredential // of the server
}

// early is how long before its end a credential is not used any more.
const early = 30 * time.Second

// ResolveContext returns the login at a registry: none, if it is another one.
func (k *keys) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	user, password, err := k.get(ctx)
	if err != nil {
		return nil, err
	}
	if password == "" || r.RegistryStr() != k.host.RegistryStr() {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{Username: user, Password: password}), nil
}

// Resolve is ResolveContext without a time limit.
func (k *keys) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// get returns the login; the password is empty for nobody in particular.
func (k *keys) get(ctx context.Context) (user, password string, err error) {
	switch k.kind {
	case runapi.LoginAnonymous:
		return "", "", nil
	case runapi.LoginJob:
		if k.token == "" {
			return "", "", &Problem{Code: CodeLogin, What: "the job has no GITHUB_TOKEN to log in at " + k.host.String() + " with"}
		}
		return k.user, k.token, nil
	case runapi.LoginServer:
		return k.minted(ctx)
	}
	return "", "", &Problem{Code: CodeSetup, What: "there is no login of the kind " + quote(k.kind)}
}

// minted returns the server's credential for this run, and asks anew when it ends.
func (k *keys) minted(ctx context.Context) (user, password string, err error) {
	if k.server == nil {
		return "", "", &Problem{Code: CodeLogin, What: "there is no server to give a login at " + k.host.String()}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.kept; c.Password != "" && (c.ExpiresAt.IsZero() || time.Until(c.ExpiresAt) > early) {
		return c.User, c.Password, nil
	}
	c, err := k.server.RegistryCredential(ctx)
	if err != nil {
		return "", "", fmt.Errorf("ask the server for a login: %w", err)
	}
	k.secrets.add(c.Password)
	if host, err := name.NewRegistry(c.Host); err != nil || host.RegistryStr() != k.host.RegistryStr() {
		return "", "", &Problem{Code: CodeLogin, What: "the server's login is not for " + k.host.String()}
	}
	k.kept = c
	return c.User, c.Password, nil
}

// session makes a private directory for the engine's client, with the login in it if
// there is one, and the logins at other registries that the machine has for its builds.
// done removes it.
func (r *registry) session(ctx context.Context) (env []string, done func(), err error) {
	nothing := func() {}
	user, password, err := r.keys.get(ctx)
	if err != nil {
		return nil, nothing, err
	}
	dir, err := os.MkdirTemp(r.engine.temp, "anvil-login-") // mode 0700
	if err != nil {
		return nil, nothing, fmt.Errorf("make a directory for the login: %w", err)
	}
	done = func() { _ = os.RemoveAll(dir) }
	config := r.engine.usual()
	config.Plugins = []string{filepath.Join(r.engine.config, "cli-plugins")}
	own := authKey(r.keys.host)
	delete(config.Helpers, own)
	delete(config.Logins, own)
	if password != "" {
		auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		r.engine.secrets.add(auth)
		config.Logins[own] = json.RawMessage(`{"auth":"` + auth + `"}`)
	}
	text, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600)
	}
	if err != nil {
		done()
		return nil, nothing, fmt.Errorf("write the login: %w", err)
	}
	return []string{"DOCKER_CONFIG=" + dir, "BUILDX_CONFIG=" + getenv(r.engine.env, "BUILDX_CONFIG")}, done, nil
}

// clientConfig is what counts here of the client's configuration.
type clientConfig struct {
	Logins  map[string]json.RawMessage `json:"auths"`
	Helpers map[string]string          `json:"credHelpers,omitempty"` // programs that have the logins of one registry each
	Plugins []string                   `json:"cliPluginsExtraDirs"`
}

// usual reads the client's usual configuration; one that can't be read has nothing.
func (e *engine) usual() clientConfig {
	var c clientConfig
	if text, err := os.ReadFile(filepath.Join(e.config, "config.json")); err == nil && json.Unmarshal(text, &c) != nil {
		c = clientConfig{}
	}
	if c.Logins == nil {
		c.Logins = map[string]json.RawMessage{}
	}
	return c
}

// authKey is what the client calls a registry; Docker's own has an old name there.
func authKey(host name.Registry) string {
	if host.RegistryStr() == name.DefaultRegistry {
		return authn.DefaultAuthKey
	}
	return host.RegistryStr()
}
