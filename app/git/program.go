package git

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// oldest is the first git version that takes configuration from
// GIT_CONFIG_COUNT, which is how settings and credentials reach it here.
var oldest = [2]int{2, 31}

// Program is a git executable together with the environment it runs in.
type Program struct {
	path      string
	version   string
	protocols string // as GIT_ALLOW_PROTOCOL has it
}

// Option changes how a program behaves.
type Option func(*Program)

// AllowFiles lets remotes be file:// addresses. It is meant for tests.
func AllowFiles() Option {
	return func(p *Program) { p.protocols += ":file" }
}

// Find looks git up in PATH and asks for its version.
func Find(ctx context.Context, options ...Option) (*Program, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("finding git: %w", err)
	}
	p := &Program{path: path, protocols: "https:http"}
	for _, option := range options {
		option(p)
	}
	out, err := p.run(ctx, command{args: []string{"version"}})
	if err != nil {
		return nil, fmt.Errorf("asking git for its version: %w", err)
	}
	p.version = strings.TrimPrefix(strings.TrimSpace(string(out)), "git version ")
	if !recent(p.version) {
		return nil, fmt.Errorf("git %s is too old: %d.%d or later is needed", p.version, oldest[0], oldest[1])
	}
	return p, nil
}

// Version returns what git says its version is, such as "2.39.5".
func (p *Program) Version() string { return p.version }

func recent(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	return major > oldest[0] || major == oldest[0] && minor >= oldest[1]
}

// passed names the variables of our own environment that git may see: how to
// find its programs, and how to reach and trust a server from this network.
var passed = []string{
	"PATH",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// environment returns the variables of a process that works on the repository
// at dir (none if empty), with the given settings on top of the usual ones.
func (p *Program) environment(dir string, extra []setting) []string {
	env := []string{
		// No place from which configuration, attributes, ignore rules or a
		// .netrc could come.
		"HOME=" + os.DevNull,
		"XDG_CONFIG_HOME=" + os.DevNull,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1",
		// Nobody is there to be asked.
		"GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=",
		"SSH_ASKPASS=",
		"GIT_PAGER=cat",
		"GIT_EDITOR=:",
		// Objects are what their names say, and are never fetched on demand.
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_LITERAL_PATHSPECS=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_ALLOW_PROTOCOL=" + p.protocols,
		// A single allocation beyond this is a bomb: the largest object we
		// would accept is far smaller.
		"GIT_ALLOC_LIMIT=256m",
		// Messages are matched below, so they must not be translated.
		"LC_ALL=C",
		"LANGUAGE=",
		"TZ=UTC",
	}
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if dir != "" {
		// Naming the repository turns off the search for one.
		env = append(env, "GIT_DIR="+dir, "TMPDIR="+dir)
	}
	settings := append(usual[:len(usual):len(usual)], extra...)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, s := range settings {
		env = append(env,
			fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key),
			fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return env
}

// setting is one line of git configuration.
type setting struct{ key, value string }

// usual is the configuration of every process.
var usual = []setting{
	{"core.hooksPath", os.DevNull},
	{"core.attributesFile", os.DevNull},
	{"core.excludesFile", os.DevNull},
	{"core.fsmonitor", "false"},
	{"core.quotePath", "false"},
	{"core.protectHFS", "true"},
	{"core.protectNTFS", "true"},
	// Larger blobs are streamed instead of being held in memory and diffed.
	{"core.bigFileThreshold", "16m"},
	{"core.deltaBaseCacheLimit", "32m"},
	{"credential.helper", ""},
	{"diff.external", ""},
	{"fetch.unpackLimit", "1"},
	{"fetch.writeCommitGraph", "false"},
	{"gc.auto", "0"},
	{"http.followRedirects", "false"}, // a credential goes where it was meant to go
	{"http.lowSpeedLimit", "1000"},
	{"http.lowSpeedTime", "60"},
	{"init.defaultBranch", "main"},
	{"init.templateDir", ""},
	{"maintenance.auto", "false"},
	{"pack.threads", "1"},
	{"pack.windowMemory", "64m"},
	{"push.negotiate", "true"}, // the base is often no branch tip any more
	{"submodule.recurse", "false"},
	{"transfer.advertiseSID", "false"},
}
