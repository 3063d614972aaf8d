package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/config/hostlist"
)

// Validate returns what in c cannot work, or nil. It looks at no file.
func (c *Config) Validate() error { return c.check().orNil() }

func (c *Config) check() Problems {
	var ps Problems
	c.checkServer(&ps)
	c.checkGitHub(&ps)
	c.checkDispatch(&ps)
	c.checkEngines(&ps)
	c.checkLimits(&ps)
	c.checkContainment(&ps)
	c.checkGateway(&ps)
	c.checkSessions(&ps)
	c.checkTools(&ps)
	c.checkLinear(&ps)
	c.checkSlack(&ps)
	c.checkEnvironment(&ps)
	return ps
}

func (c *Config) checkContainment(ps *Problems) {
	oneOf(ps, "containment.mode", c.Containment.Mode, "auto", "docker", "podman", "bubblewrap", "none")
	if i := c.Containment.Image; i != "" && (len(i) > mostImage || !imageName.MatchString(i)) {
		ps.add(CodeValue, "containment.image", "Write NAME:TAG or NAME@sha256:…", "%q is not the name of an image", c.Containment.Image)
	}
	if c.Containment.Image != "" && (c.Containment.Mode == "bubblewrap" || c.Containment.Mode == "none") {
		ps.add(CodeConflict, "containment.image", "Remove it, or set containment.mode to docker or podman", "containment.mode %s uses no image", c.Containment.Mode)
	}
	for _, at := range []struct {
		path  string
		value float64
		least float64
	}{
		{"memory_bytes", float64(c.Containment.MemoryBytes), 64 << 20},
		{"cpus", c.Containment.CPUs, 0.1},
		{"pids", float64(c.Containment.PIDs), 16},
		{"disk_bytes", float64(c.Containment.DiskBytes), 16 << 20},
	} {
		if at.value < 0 || at.value > 0 && at.value < at.least {
			ps.add(CodeValue, "containment."+at.path, fmt.Sprintf("Use at least %v, or 0 for no limit", at.least), "%v is too small to work with", at.value)
		}
	}
	oneOf(ps, "containment.network", c.Containment.Network, "proxy", "none")
	const next = "Write a host such as example.com, or .example.com for it and all below it"
	for _, host := range c.Containment.Allow {
		if what := hostlist.Check(host); what != "" {
			ps.add(CodeValue, "containment.allow", next, "%q %s", host, what)
		}
	}
	for _, host := range c.Containment.RepositoriesMayAllow {
		if what := hostlist.Check(host); what != "" && host != hostlist.Any {
			ps.add(CodeValue, "containment.repositories_may_allow", next+`, or "*" for every host`, "%q %s", host, what)
		}
	}
	if c.Containment.Network == "none" && len(c.Containment.Allow) > 0 {
		ps.add(CodeConflict, "containment.allow", "Remove it, or set containment.network to proxy", "there are hosts to allow and no network")
	}
}

// mostImage is how long an image's name is at most, in bytes.
const mostImage = 255

// imageName is what an image is named by: no option, no space.
var imageName = regexp.MustCompile(`^[a-z0-9][A-Za-z0-9._:/@-]*$`)

func (c *Config) checkServer(ps *Problems) {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		ps.add(CodeValue, "listen", "Write HOST:PORT, such as 127.0.0.1:8080", "%q is not an address to listen on", c.Listen)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		ps.add(CodeValue, "listen", "Use a port from 0 to 65535; 0 takes any free one", "%q is not a port", port)
	}
	if c.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(c.MetricsListen); err != nil {
			ps.add(CodeValue, "metrics_listen", "Write HOST:PORT, such as 127.0.0.1:9090, or leave it out", "%q is not an address to listen on", c.MetricsListen)
		}
	}
	if c.PublicURL == "" {
		ps.add(CodePublicURL, "public_url", "Set it to the https address by which GitHub and runners reach this server", "missing")
	} else if wrong := wrongURL(c.PublicURL, false); wrong != "" {
		ps.add(CodePublicURL, "public_url", "Use an address like https://anvil.example.com; http works for a loopback host only", "%q %s", withoutUser(c.PublicURL), wrong)
	}
	if c.DataDir == "" {
		ps.add(CodeValue, "data_dir", "Name a directory on a local disk", "empty")
	}
	oneOf(ps, "log_format", c.LogFormat, "text", "json")
	oneOf(ps, "log_level", c.LogLevel, "debug", "info", "warn", "error")
}

func (c *Config) checkGitHub(ps *Problems) {
	g := c.GitHub
	for _, u := range []struct {
		path, value string
	}{{"github.url", g.URL}, {"github.api_url", g.APIURL}, {"github.oidc_issuer", g.OIDCIssuer}} {
		if wrong := wrongURL(u.value, true); wrong != "" {
			ps.add(CodeGitHubURL, u.path, "Use GitHub's https address; http works for a loopback host only", "%q %s", withoutUser(u.value), wrong)
			if u.path == "github.url" {
				break // the other two follow from it
			}
		}
	}
	if g.AppID <= 0 {
		ps.add(CodeValue, "github.app_id", "Set it to the App ID of the App's settings page, a number", "missing")
	}
	oneSource(ps, CodeKey, "github.private_key", g.PrivateKeyFile, g.PrivateKeyEnv)
	oneSource(ps, CodeSecret, "github.webhook_secret", g.WebhookSecretFile, g.WebhookSecretEnv)
	if g.ClientID != "" {
		oneSource(ps, CodeClient, "github.client_secret", g.ClientSecretFile, g.ClientSecretEnv)
	} else if g.ClientSecretFile != "" || g.ClientSecretEnv != "" {
		ps.add(CodeClient, "github.client_id", "Copy the client id from the App's settings page, or leave the secret out", "there is a client secret and no client id")
	}
}

// oneSource wants a secret to come from a file or from the environment, so that
// it is never a matter of order which of two secrets is in force.
func oneSource(ps *Problems, code, path, file, env string) {
	switch {
	case file != "" && env != "":
		ps.add(CodeConflict, path, "Keep one of the two", "%s_file and %s_env are both set", path, path)
	case file == "" && env == "":
		ps.add(code, path, "Set "+path+"_file, or "+path+"_env with a variable's name", "missing")
	}
}

var (
	workflowFile  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\.ya?ml$`)
	fullName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}$`)
	engineName    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,38}$`)
	modelName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}$`)
	versionNumber = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,40}$`)
	variableName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (c *Config) checkDispatch(ps *Problems) {
	d := c.Dispatch
	if !workflowFile.MatchString(d.Workflow) {
		ps.add(CodeValue, "dispatch.workflow", "Write the file's name alone, such as anvil.yml", "%q is not the name of a workflow file", d.Workflow)
	}
	if d.Repository != "" && !fullName.MatchString(d.Repository) {
		ps.add(CodeValue, "dispatch.repository", "Write OWNER/NAME, or leave it out to use each task's own repository", "%q is not a repository's name", d.Repository)
	}
	if strings.ContainsAny(d.Ref, " \t\n~^:?*[\\") || strings.Contains(d.Ref, "..") || strings.HasPrefix(d.Ref, "-") {
		ps.add(CodeValue, "dispatch.ref", "Write a branch or tag, or leave it out for the default branch", "%q is not a ref", d.Ref)
	}
	for _, e := range d.RunnerEnvironments {
		oneOf(ps, "dispatch.runner_environments", e, "github-hosted", "self-hosted")
	}
	for _, name := range d.LastingRunners {
		if !fullName.MatchString(name) {
			ps.add(CodeValue, "dispatch.lasting_runners", "Write OWNER/NAME for each public repository that such a runner may serve", "%q is not a repository's name", name)
		}
	}
}

func (c *Config) checkEngines(ps *Problems) {
	if len(c.Engines) == 0 {
		ps.add(CodeEngine, "engines", "Add one: engines: {NAME: {command: [PROGRAM, ARGUMENT]}}", "no engine is configured")
		return
	}
	for _, name := range c.EngineNames() {
		e, path := c.Engines[name], "engines."+name
		if !engineName.MatchString(name) {
			ps.add(CodeEngine, path, "Use lower-case letters, digits, dot, dash and underscore; people type it in engine=NAME", "%q is not a name", name)
		}
		oneOf(ps, path+".kind", e.Kind, "command", "codex", "claude", "acp")
		if e.Version != AnyVersion && !versionNumber.MatchString(e.Version) {
			ps.add(CodeEngine, path+".version", "Write it as the program says it with --version, such as 0.169.0, or the word any", "%q is not a version", e.Version)
		} else if e.Version != AnyVersion && e.Kind == "command" {
			ps.add(CodeEngine, path+".version", "Remove it, or write any", "a program of the kind command is not asked for its version, so %s would not be compared", e.Version)
		}
		known := e.Kind == "codex" || e.Kind == "claude"
		if len(e.Command) == 0 && !known || len(e.Command) > 0 && strings.TrimSpace(e.Command[0]) == "" {
			ps.add(CodeEngine, path+".command", "Write the program and its arguments as a list", "missing")
		}
		for _, m := range e.Models {
			if !modelName.MatchString(m) {
				ps.add(CodeEngine, path+".models", "Use the name that the engine knows it by, without spaces", "%q is not a model's name", m)
			}
		}
		for _, v := range e.PassEnv {
			switch {
			case !variableName.MatchString(v):
				ps.add(CodeEngine, path+".pass_env", "List names of variables, not values", "%q is not the name of a variable", shown(v))
			case provesTheJob(v):
				ps.add(CodeEngine, path+".pass_env", "Remove it: with it an agent could act as the job", "%s may not reach an engine", v)
			}
		}
	}
	if c.DefaultEngine == "" {
		ps.add(CodeEngine, "default_engine", "Set it to one of: "+strings.Join(c.EngineNames(), ", "), "missing, and there is more than one engine")
	} else if _, ok := c.Engines[c.DefaultEngine]; !ok {
		ps.add(CodeEngine, "default_engine", "Use one of: "+strings.Join(c.EngineNames(), ", "), "there is no engine %q", c.DefaultEngine)
	}
}

// provesTheJob reports whether the variable carries, or leads to, what a job
// proves itself with.
func provesTheJob(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasPrefix(name, "ACTIONS_") || strings.HasPrefix(name, "ANVIL_") || name == "GITHUB_TOKEN" || name == "GH_TOKEN"
}

// shown hides what is behind an equals sign: people paste NAME=VALUE, and the
// value may be a secret.
func shown(v string) string {
	if name, _, found := strings.Cut(v, "="); found {
		return name + "=…"
	}
	return v
}

func (c *Config) checkLimits(ps *Problems) {
	l := c.Limits
	count(ps, "capacity.total", int64(c.Capacity.Total), 1, 10_000)
	count(ps, "capacity.per_repository", int64(c.Capacity.PerRepository), 1, 10_000)
	if c.Capacity.PerRepository > c.Capacity.Total {
		ps.add(CodeConflict, "capacity.per_repository", "Lower it, or raise capacity.total", "%d is more than capacity.total, %d", c.Capacity.PerRepository, c.Capacity.Total)
	}
	count(ps, "limits.prompt_bytes", int64(l.PromptBytes), 1<<10, 1<<20)
	count(ps, "limits.attempts", int64(l.Attempts), 1, 10)
	count(ps, "limits.repair_rounds", int64(l.RepairRounds), 0, 10)
	count(ps, "limits.bundle_bytes", l.BundleBytes, 1<<10, 1<<31)
	count(ps, "limits.conversation_bytes", l.ConversationBytes, 1<<10, 1<<31)
	count(ps, "limits.log_bytes", l.LogBytes, 1<<10, 1<<30)
	count(ps, "limits.files", int64(l.Files), 1, 100_000)
	count(ps, "limits.file_bytes", l.FileBytes, 1<<10, 100<<20)
	count(ps, "limits.diff_bytes", l.DiffBytes, 1<<10, 1<<31)
	if l.FileBytes > l.DiffBytes {
		ps.add(CodeConflict, "limits.file_bytes", "Lower it, or raise limits.diff_bytes", "%d is more than limits.diff_bytes, %d", l.FileBytes, l.DiffBytes)
	}
	span(ps, "limits.work", l.Work, time.Second, 5*24*time.Hour)
	span(ps, "limits.verify", l.Verify, time.Second, 5*24*time.Hour)
	span(ps, "limits.start_within", l.StartWithin, time.Second, 24*time.Hour)
	span(ps, "limits.lease", l.Lease, time.Second, time.Hour)
	span(ps, "limits.renew_every", l.RenewEvery, 100*time.Millisecond, 20*time.Minute)
	span(ps, "limits.hold_for", l.HoldFor, time.Minute, 90*24*time.Hour)
	span(ps, "limits.answer_within", l.AnswerWithin, time.Second, 90*24*time.Hour)
	if l.EditEvery != 0 {
		span(ps, "limits.edit_every", l.EditEvery, time.Second, 10*time.Minute)
	}
	if l.CompareWithin != 0 {
		span(ps, "limits.compare_within", l.CompareWithin, time.Second, time.Hour)
	}
	if l.CheckpointEvery != 0 {
		span(ps, "limits.checkpoint_every", l.CheckpointEvery, time.Second, 24*time.Hour)
	}
	if l.Lease < 3*l.RenewEvery {
		ps.add(CodeConflict, "limits.lease", "Make it at least three times limits.renew_every, so that two lost renewals do not end a run", "%s is too short for renewals every %s", l.Lease, l.RenewEvery)
	}
}

func count(ps *Problems, path string, n, low, high int64) {
	if n < low || n > high {
		ps.add(CodeValue, path, "Choose a number from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10), "%d is out of range", n)
	}
}

func span(ps *Problems, path string, d, low, high time.Duration) {
	if d < low || d > high {
		ps.add(CodeValue, path, "Choose a time from "+low.String()+" to "+high.String()+", with its unit, such as 90s, 15m or 168h", "%s is out of range", d)
	}
}

func oneOf(ps *Problems, path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		ps.add(CodeValue, path, "Use one of: "+strings.Join(allowed, ", "), "%q is not known", value)
	}
}

// wrongURL says what keeps s from being a base address, or "".
func wrongURL(s string, pathAllowed bool) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "is not an address"
	case u.User != nil:
		return "carries a user name"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "carries a query or a fragment"
	case u.Path != "" && !pathAllowed:
		return "carries a path"
	case u.Scheme == "https":
		return ""
	case u.Scheme != "http":
		return "is not an https address"
	case !loopback(u.Hostname()):
		return "is http: tokens would travel unencrypted"
	}
	return ""
}

// withoutUser is address as it may be shown: what stands before an @ may be a
// password.
func withoutUser(address string) string {
	if at := strings.LastIndex(address, "@"); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
