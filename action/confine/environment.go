package confine

import (
	"regexp"
	"slices"
	"strings"
)

// allowed names the variables that untrusted programs get as the job has them:
// those that say where tools, languages and package caches are.
var allowed = []string{
	"PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TERM", "TZ",
	"GOCACHE", "GOCACHEPROG", "GOMODCACHE", "GOPATH", "GOROOT", "GOFLAGS", "GOPROXY", "GOSUMDB", "GONOSUMDB",
	"GONOPROXY", "GOTOOLCHAIN", "CGO_ENABLED",
	"npm_config_cache", "npm_config_registry", "CARGO_HOME", "RUSTUP_HOME", "CARGO_REGISTRIES_CRATES_IO_PROTOCOL",
	"JAVA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// never lists the beginnings of names that belong to the job. They are left out
// even if the configuration asks for them: by them a program could act as the job.
var never = []string{"GITHUB_", "ACTIONS_", "RUNNER_", "INPUT_", "ANVIL_"}

// always is said to every program: nobody will answer a question.
var always = []string{"CI=true", "GIT_TERMINAL_PROMPT=0"}

// Environment returns the environment of an untrusted program: from the job's
// own only what the allow list or pass names, and home and tmp in place of the
// job's. What only the allow list names comes without the users in its addresses. refused
// are the names of pass that no program may have.
func Environment(job []string, home, tmp string, pass []string) (env, refused []string) {
	for _, name := range pass {
		if belongsToJob(name) {
			refused = append(refused, name)
		}
	}
	for _, entry := range job {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || belongsToJob(name) || name == "HOME" || name == "TMPDIR" {
			continue
		}
		switch {
		case slices.Contains(pass, name):
			env = append(env, entry)
		case slices.Contains(allowed, name):
			env = append(env, userInfo.ReplaceAllString(entry, "$1"))
		}
	}
	env = append(env, always...)
	env = append(env, "HOME="+home, "TMPDIR="+tmp)
	return env, refused
}

// userInfo is a user, perhaps with a password, in an address: a registry of the job's may
// want one, and no proxy passes it on.
var userInfo = regexp.MustCompile(`(://)[^/?#\s,|]*@`)

func belongsToJob(name string) bool {
	upper := strings.ToUpper(name)
	return slices.ContainsFunc(never, func(p string) bool { return strings.HasPrefix(upper, p) })
}

// last is env with each variable once, as it was said last: of two a program would take
// the one or the other, and what an image says must not stand before what we say.
func last(env []string) []string {
	var out []string
	said := map[string]bool{}
	for _, entry := range slices.Backward(env) {
		name, _, _ := strings.Cut(entry, "=")
		if !said[name] {
			said[name], out = true, append(out, entry)
		}
	}
	slices.Reverse(out)
	return out
}
