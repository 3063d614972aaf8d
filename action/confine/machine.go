//go:build unix

package confine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// system lists what of the machine's own system programs may see, read-only: no
// homes, no /run with its sockets, no /var, and of /etc what programs need to run.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
	"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted", "/etc/crypto-policies",
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
	"/etc/os-release", "/etc/debian_version", "/etc/services", "/etc/protocols", "/etc/java", "/etc/fonts", "/etc/python3",
}

// useMachine lets programs run on the machine's own system, with the tools that the
// job's environment names. What they write to a cache stays in their home: a cache
// that an untrusted program could write to must be read by nobody else.
func (c *Choice) useMachine() {
	for _, path := range system {
		if _, err := os.Lstat(path); err == nil {
			c.system = append(c.system, Mount{Outside: path, Inside: path})
		}
	}
	e := environ(c.Environ)
	c.env = slices.Clone(c.Environ)
	for _, dir := range append(filepath.SplitList(e.get("PATH")), e.get("GOROOT"), e.get("JAVA_HOME"), e.get("RUNNER_TOOL_CACHE"), e.goRoot()) {
		c.show(e, dir)
	}
	if rustup := e.under("RUSTUP_HOME", ".rustup"); rustup != "" {
		c.show(e, filepath.Join(rustup, "toolchains"))
		if settings := filepath.Join(rustup, "settings.toml"); readable(settings) {
			c.system = append(c.system, Mount{Outside: settings, Inside: settings})
		}
		c.env.set("RUSTUP_HOME", rustup)
	}
	c.ownCaches()
	if builds := e.under("GOCACHE", ".cache/go-build"); builds != "" {
		c.env.set("GOCACHEPROG", insideRunner+" go-cache "+InsideHome+"/go-build")
		c.system = append(c.system, Mount{Outside: builds, Inside: insideBuilds})
	}
	if modules := e.modules(); readable(modules) {
		// The machine's modules are a proxy that is asked first: Go checks what it
		// takes from there, and unpacks it where the program may write.
		const inside = insideCaches + "/modules"
		c.system = append(c.system, Mount{Outside: modules, Inside: inside})
		c.env.set("GOPROXY", "file://"+inside+","+e.or("GOPROXY", "https://proxy.golang.org,direct"))
	}
}

// ownCaches lets the caches of tools be in the programs' own home.
func (c *Choice) ownCaches() {
	for name, place := range map[string]string{
		"CARGO_HOME": "cargo", "npm_config_cache": "npm", "GOPATH": "go", "GOMODCACHE": "go/pkg/mod", "GOCACHE": "go-build",
	} {
		c.env.set(name, InsideHome+"/"+place)
	}
	c.env.set("GOCACHEPROG", "") // the job's own is not there inside
}

// show makes a directory with tools visible at its own place, unless that would
// show more than tools: the job's home, its files or what is above them.
func (c *Choice) show(e environ, dir string) {
	if !filepath.IsAbs(dir) {
		return
	}
	dir = filepath.Clean(dir)
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || slices.ContainsFunc(c.system, func(m Mount) bool { return within(dir, m.Inside) }) {
		return
	}
	for _, name := range []string{"HOME", "GITHUB_WORKSPACE", "RUNNER_TEMP", "RUNNER_WORKSPACE"} {
		own := e.get(name)
		if own != "" && (within(own, dir) || name != "HOME" && within(dir, own)) {
			return
		}
	}
	for _, place := range []string{"/tmp", "/anvil", "/proc", "/dev", "/sys", "/run", "/etc"} {
		if within(dir, place) || within(place, dir) {
			return
		}
	}
	c.system = append(c.system, Mount{Outside: dir, Inside: dir})
}

// environ reads a list of NAME=VALUE.
type environ []string

func (e environ) get(name string) string {
	for _, entry := range slices.Backward(e) {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return ""
}

// set gives a variable one value.
func (e *environ) set(name, value string) {
	*e = append(slices.DeleteFunc(*e, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }), name+"="+value)
}

func (e environ) or(name, otherwise string) string {
	if v := e.get(name); v != "" {
		return v
	}
	return otherwise
}

// under is the directory that the variable names, or the one of that name in the
// job's home; empty if there is none.
func (e environ) under(name, inHome string) string {
	dir := e.get(name)
	if dir == "" && e.get("HOME") != "" {
		dir = filepath.Join(e.get("HOME"), inHome)
	}
	if !filepath.IsAbs(dir) || !readable(dir) {
		return ""
	}
	return dir
}

// goRoot is where the go program on PATH has its library.
func (e environ) goRoot() string {
	path, err := LookPath("go", e)
	if err != nil {
		return ""
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return ""
	}
	return filepath.Dir(filepath.Dir(path))
}

// modules is the part of Go's module cache that has the form of a proxy.
func (e environ) modules() string {
	cache := e.under("GOMODCACHE", "go/pkg/mod")
	if path := e.get("GOPATH"); path != "" && e.get("GOMODCACHE") == "" {
		cache = filepath.Join(filepath.SplitList(path)[0], "pkg/mod")
	}
	if cache == "" {
		return ""
	}
	return filepath.Join(cache, "cache/download")
}

func readable(path string) bool {
	_, err := os.Stat(path)
	return path != "" && err == nil
}
