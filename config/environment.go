package config

import (
	"bytes"
	"regexp"
	"strings"
	"time"
)

// Environment is about what a run works in.
type Environment struct {
	// DevContainer lets runs work in the dev container that a repository's base branch
	// describes; where it has none, or the runner can't run containers of images, in
	// the runner's own system. Its lifecycle commands are as untrusted as the agent, and
	// run where it does. Default: false.
	DevContainer bool `yaml:"dev_container"`

	// Allow lists keys of dev containers that touch the host and are built all the
	// same, such as build.options. Default: none.
	Allow []string `yaml:"allow"`

	// Submodules lists the repositories that runs fetch submodules from, as HOST, HOST/OWNER
	// or HOST/OWNER/NAME, for which also stand those below. They are fetched without a
	// login, by HTTPS or as the repository itself is, and only one level deep. Default: none;
	// the directories of submodules are empty then, and runs say so.
	Submodules []string `yaml:"submodules"`

	// BuildWithin is how long the build of an image may take. Default: 20m.
	BuildWithin time.Duration `yaml:"build_within"`

	// Cache says where the images of environments are kept between runs.
	Cache EnvironmentCache `yaml:"cache"`
}

// EnvironmentCache keeps the image that was built for a dev container, so that later
// runs pull it. Whatever fails in it costs a run time, and never the run.
type EnvironmentCache struct {
	// Backend is registry, archive (in DataDir, through this server) or none. Default:
	// registry.
	Backend string `yaml:"backend"`

	// Registry is the registry's HOST or HOST:PORT. Default: ghcr.io, where jobs log in
	// with their own token: the workflow needs permissions: packages: write. For any
	// other one set Credential, unless it wants no login.
	Registry string `yaml:"registry"`

	// Prefix is the path in front of Repository. Default: empty, which means OWNER/NAME
	// of the repository that a task is for. With one prefix for all, whoever may push
	// for one repository can replace the images of the others.
	Prefix string `yaml:"prefix"`

	// Repository is the last part of the path. Default: anvil-env.
	Repository string `yaml:"repository"`

	// Credential is the login that this server gives to each run.
	Credential RegistryCredential `yaml:"credential"`

	// LookupWithin is how long it may take to ask whether there is an image. Default: 15s.
	LookupWithin time.Duration `yaml:"lookup_within"`

	// PullWithin is how long a pull may take. Default: 10m.
	PullWithin time.Duration `yaml:"pull_within"`

	// PushWithin is how long a push may take, beside the work. Default: 20m.
	PushWithin time.Duration `yaml:"push_within"`

	// WaitWithin is how long the end of a run waits for a push. Default: 1m.
	WaitWithin time.Duration `yaml:"wait_within"`

	// MaxBytes is the size of a packed image in the archive. Default: 4294967296 (4 GiB).
	MaxBytes int64 `yaml:"max_bytes"`

	// Keep is how long the archive keeps an image that no run asked for. Default: 336h,
	// fourteen days.
	Keep time.Duration `yaml:"keep"`
}

// RegistryCredential is a login at a registry: a helper, or a user with a password.
type RegistryCredential struct {
	// Helper names a program that speaks Docker's credential helper protocol:
	// docker-credential-NAME on the server's PATH, by its NAME. It should make logins
	// that live as long as a run. Default: none. Not with User.
	Helper string `yaml:"helper"`

	// Lives is how long a helper's login may be used before it is asked again. Default: 1h.
	Lives time.Duration `yaml:"lives"`

	// User is the name for a password that does not change. Every run has it while it
	// lasts: let it do nothing but push and pull these images. Default: none.
	User string `yaml:"user"`

	// PasswordFile is a file whose one line is the password; mode 0600. Required with
	// User, unless PasswordEnv is given; not both.
	PasswordFile string `yaml:"password_file"`

	// PasswordEnv names the environment variable that holds the password.
	PasswordEnv string `yaml:"password_env"`
}

// Any reports whether there is a login at all.
func (c RegistryCredential) Any() bool { return c.Helper != "" || c.User != "" }

var (
	registryHost = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$`)
	registryPath = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	repositories = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)
	helperName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

func (c *Config) checkEnvironment(ps *Problems) {
	e, at := c.Environment.Cache, "environment.cache"
	oneOf(ps, at+".backend", e.Backend, "registry", "archive", "none")
	if !registryHost.MatchString(e.Registry) {
		ps.add(CodeValue, at+".registry", "Write HOST or HOST:PORT, such as ghcr.io", "%q is not a registry", withoutUser(e.Registry))
	}
	for path, value := range map[string]string{".prefix": e.Prefix, ".repository": e.Repository} {
		if value != "" && (len(value) > 128 || !registryPath.MatchString(value)) {
			ps.add(CodeValue, at+path, "Write letters, digits, dots, dashes and slashes", "%q is not a path", value)
		}
	}
	k, path := e.Credential, at+".credential"
	switch {
	case k.Helper != "" && k.User != "":
		ps.add(CodeConflict, path+".helper", "Keep one of the two", "environment.cache.credential has a helper and a user")
	case k.Any() && e.Backend != "registry":
		ps.add(CodeConflict, path, "Remove it, or set environment.cache.backend to registry", "the backend %s needs no login", e.Backend)
	case k.User != "":
		oneSource(ps, CodeRegistry, path+".password", k.PasswordFile, k.PasswordEnv)
	case k.PasswordFile != "" || k.PasswordEnv != "":
		ps.add(CodeRegistry, path+".user", "Set it to the name that the password is for", "missing")
	case k.Helper != "" && !helperName.MatchString(k.Helper):
		ps.add(CodeRegistry, path+".helper", "Write NAME of a program docker-credential-NAME on PATH", "%q is not a name", k.Helper)
	}
	for _, entry := range c.Environment.Submodules {
		if len(entry) > 300 || !repositories.MatchString(entry) {
			ps.add(CodeValue, "environment.submodules", "Write HOST, HOST/OWNER or HOST/OWNER/NAME, such as github.com/acme", "%q is none of these", withoutUser(entry))
		}
	}
	span(ps, "environment.build_within", c.Environment.BuildWithin, time.Second, 5*time.Hour)
	span(ps, path+".lives", k.Lives, time.Minute, 7*24*time.Hour)
	span(ps, at+".lookup_within", e.LookupWithin, time.Second, 10*time.Minute)
	span(ps, at+".pull_within", e.PullWithin, time.Second, 2*time.Hour)
	span(ps, at+".push_within", e.PushWithin, time.Second, 2*time.Hour)
	span(ps, at+".wait_within", e.WaitWithin, time.Second, 2*time.Hour)
	span(ps, at+".keep", e.Keep, time.Hour, 10*365*24*time.Hour)
	count(ps, at+".max_bytes", e.MaxBytes, 1<<20, 1<<40)
}

// RegistryPassword returns the password of environment.cache.credential.
func (c *Config) RegistryPassword() (string, error) {
	k, path := c.Environment.Cache.Credential, "environment.cache.credential.password"
	text, problem := read(k.PasswordFile, k.PasswordEnv, path, CodeRegistry, CodeSecretMode)
	if problem != nil {
		return "", problem
	}
	password := string(bytes.TrimRight(text, "\r\n"))
	if password == "" || strings.ContainsAny(password, "\r\n\x00") {
		return "", &Problem{Code: CodeRegistry, Path: path, What: "the password is empty, or has more than one line", Next: "Put it there, alone on one line"}
	}
	return password, nil
}
