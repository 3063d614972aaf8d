package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/config/strict"
)

// maxFile is far more than a configuration needs; above it, it is another file.
const maxFile = 1 << 20

// Load reads, completes and checks the configuration in the file at path.
// An error is a [Problems]: everything that is wrong, not only the first.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, Problems{{
			Code: CodeFile, What: fmt.Sprintf("the configuration cannot be read: %v", err),
			Next: "Give its path with --config; config/anvil.example.yaml is one to start from",
		}}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, Problems{{Code: CodeFile, What: fmt.Sprintf("the configuration cannot be read: %v", err)}}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, Problems{{Code: CodeFile, What: fmt.Sprintf("the configuration's directory cannot be found: %v", err)}}
	}
	c, err := Parse(text)
	if err != nil {
		return nil, err
	}
	c.resolve(dir)
	problems := c.check()
	problems = append(problems, c.checkSecrets()...)
	if err := problems.orNil(); err != nil {
		return nil, err
	}
	return c, nil
}

// Parse reads and completes a configuration without looking at its values, at
// files or at the environment.
func Parse(text []byte) (*Config, error) {
	c := Default()
	if err := strict.Decode(text, maxFile, c); err != nil {
		var problems Problems
		var found strict.Errors
		if !errors.As(err, &found) {
			return nil, Problems{{Code: CodeSyntax, What: err.Error()}}
		}
		for _, e := range found {
			problems.add(CodeSyntax, "", e.Next, "%s", e.Where()+e.What)
		}
		return nil, problems
	}
	c.derive()
	return c, nil
}

// AnyVersion is the value of an engine's version that accepts every program.
const AnyVersion = "any"

// testedVersions are the versions that the adapters were tried with; the Makefile
// installs the same for its tests.
var testedVersions = map[string]string{"codex": "0.169.0", "claude": "2.1.330"}

// derive fills in what follows from other settings.
func (c *Config) derive() {
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	g := &c.GitHub
	g.URL = strings.TrimRight(g.URL, "/")
	g.APIURL = strings.TrimRight(g.APIURL, "/")
	g.OIDCIssuer = strings.TrimRight(g.OIDCIssuer, "/")
	public := g.URL == "https://github.com"
	if g.APIURL == "" {
		g.APIURL = g.URL + "/api/v3"
		if public {
			g.APIURL = "https://api.github.com"
		}
	}
	if g.OIDCIssuer == "" {
		g.OIDCIssuer = g.URL + "/_services/token"
		if public {
			g.OIDCIssuer = "https://token.actions.githubusercontent.com"
		}
	}
	for name, e := range c.Engines {
		e.Kind = cmp.Or(e.Kind, "command")
		e.Version = cmp.Or(e.Version, testedVersions[e.Kind], AnyVersion)
		c.Engines[name] = e
		if len(c.Engines) == 1 && c.DefaultEngine == "" {
			c.DefaultEngine = name
		}
	}
	c.Linear.APIURL = strings.TrimRight(c.Linear.APIURL, "/")
	c.Slack.APIURL = strings.TrimRight(c.Slack.APIURL, "/")
	for i := range c.Gateway.Upstreams {
		u := &c.Gateway.Upstreams[i]
		if u.Auth == "" {
			u.Auth = "bearer"
			if len(u.Protocols) == 1 {
				u.Auth = cmp.Or(map[string]string{"messages": "x-api-key", "generate": "x-goog-api-key"}[u.Protocols[0]], u.Auth)
			}
		}
	}
	for i := range c.Budgets {
		b := &c.Budgets[i]
		b.Per, b.OnLimit = cmp.Or(b.Per, "total"), cmp.Or(b.OnLimit, "stop")
	}
	if c.Capacity.PerRepository == 0 {
		c.Capacity.PerRepository = min(2, c.Capacity.Total)
	}
}

// resolve makes paths absolute, relative to the configuration's own directory,
// so that a server finds the same files wherever it is started from.
func (c *Config) resolve(dir string) {
	paths := []*string{&c.DataDir, &c.GitHub.PrivateKeyFile, &c.GitHub.WebhookSecretFile, &c.GitHub.ClientSecretFile, &c.Sessions.KeyFile, &c.Environment.Cache.Credential.PasswordFile, &c.Linear.ClientSecretFile, &c.Linear.WebhookSecretFile, &c.Slack.BotTokenFile, &c.Slack.AppTokenFile, &c.Slack.SigningSecretFile}
	for i := range c.Gateway.Upstreams {
		paths = append(paths, &c.Gateway.Upstreams[i].KeyFile)
	}
	for i := range c.Tools.Servers {
		for n := range c.Tools.Servers[i].Headers {
			paths = append(paths, &c.Tools.Servers[i].Headers[n].ValueFile)
		}
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// EngineNames returns the names of the engines, sorted.
func (c *Config) EngineNames() []string {
	names := make([]string, 0, len(c.Engines))
	for name := range c.Engines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestedVersion is the version of an engine's program that its adapter was tried with;
// empty if any will do.
func TestedVersion(kind string) string { return testedVersions[kind] }
