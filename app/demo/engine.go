package demo

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

// engine is the agent of a demo, and the model that it works with.
type engine struct {
	// settings are its entry under engines in the server's configuration.
	settings map[string]any
	// gateway is the configuration of the same name; nil: it asks no model.
	gateway map[string]any
	path    string // of the directory that its program is in; empty for the sample agent
	agent   string // for people: who works
	model   string // for people: which model
	paid    bool   // the model is a real one, which is elsewhere
	close   func()
}

// cli is a real coding agent that the demo can use.
type cli struct {
	title    string
	npm      string
	protocol string // that its model calls are made in
	base     string // of the provider whose key it is
	key      string // environment variable of the server's
	model    string // that is asked for unless another one is named
}

var clis = map[string]cli{
	"codex": {
		title: "Codex CLI", npm: "@openai/codex", protocol: "responses",
		base: "https://api.openai.com/v1", key: "OPENAI_API_KEY", model: "gpt-5.2-codex",
	},
	"claude": {
		title: "Claude Code", npm: "@anthropic-ai/claude-code", protocol: "messages",
		base: "https://api.anthropic.com/v1", key: "ANTHROPIC_API_KEY", model: "claude-sonnet-4-5",
	},
}

// engage finds the agent that the demo is asked for: the sample agent, or a real
// one. With a key in the environment a real one works with the real model, else
// with the scripted one.
func engage(ctx context.Context, o Options, sample string) (engine, error) {
	if o.Engine == "" || o.Engine == "sample" {
		return engine{
			settings: map[string]any{"command": []string{sample}}, close: func() {},
			agent: "the sample agent: a small program of ours that repairs Go tests by trial, no model",
		}, nil
	}
	c, known := clis[o.Engine]
	if !known {
		return engine{}, fmt.Errorf("the demo has no engine %q: use codex, claude or sample", o.Engine)
	}
	path, version, err := c.find(ctx, o.Engine)
	if err != nil {
		return engine{}, err
	}
	e := engine{
		path: filepath.Dir(path), paid: true, close: func() {}, agent: fmt.Sprintf("%s %s, %s", c.title, version, path),
	}
	model := cmp.Or(o.Model, c.model)
	upstream := map[string]any{"name": "provider", "protocols": []string{c.protocol}, "base_url": c.base, "key_env": c.key}
	e.model = fmt.Sprintf("%s of %s, with the key in %s: this costs money", model, c.base, c.key)
	if os.Getenv(c.key) == "" {
		scripted, err := modeltest.Start(modeltest.Options{})
		if err != nil {
			return engine{}, err
		}
		model = "scripted"
		upstream = map[string]any{"name": "scripted", "protocols": []string{c.protocol}, "base_url": scripted.URL + "/v1"}
		e.paid, e.close = false, func() { _ = scripted.Close() }
		e.model = fmt.Sprintf("the scripted one, which answers from a file and is no model. For a real one set %s", c.key)
	}
	e.settings = map[string]any{"kind": o.Engine, "version": version, "models": []string{model}}
	e.gateway = map[string]any{"upstreams": []any{upstream}}
	return e, nil
}

var versionNumber = regexp.MustCompile(`\d+\.\d+\.\d+[0-9A-Za-z.+-]*`)

// find finds the CLI on the PATH, and asks it for its version.
func (c cli) find(ctx context.Context, name string) (path, version string, err error) {
	path, err = exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", "", fmt.Errorf("the demo needs %s, and there is no %s on the PATH. "+
			"`make demo ENGINE=%s` in a checkout installs it for itself; else: npm install -g %s", c.title, name, name, c.npm)
	}
	ask := exec.CommandContext(ctx, path, "--version")
	ask.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()} // no keys, no settings
	said, err := ask.Output()
	if version = versionNumber.FindString(string(said)); err != nil || version == "" {
		return "", "", fmt.Errorf("%s does not tell its version (%v): %s", path, err, strings.TrimSpace(string(said)))
	}
	return path, version, nil
}

// jobPath puts the engine's program on the PATH of the job.
func (e engine) jobPath() []string {
	if e.path == "" {
		return nil
	}
	return []string{"PATH=" + os.Getenv("PATH") + string(filepath.ListSeparator) + e.path}
}
