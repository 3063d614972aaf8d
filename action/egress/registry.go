package egress

import (
	"net/url"
	"slices"
	"strings"
)

// Registry is a place from which packages are had.
type Registry struct {
	Host  Host
	Plain bool // it speaks plain HTTP too
}

// registries lists the default hosts of the package ecosystems, by their name.
var registries = map[string][]Registry{
	"go":       {{Host: "proxy.golang.org"}, {Host: "sum.golang.org"}},
	"npm":      {{Host: "registry.npmjs.org"}, {Host: "registry.yarnpkg.com"}},
	"python":   {{Host: "pypi.org"}, {Host: "files.pythonhosted.org"}},
	"rust":     {{Host: "index.crates.io"}, {Host: "static.crates.io"}, {Host: "static.rust-lang.org"}},
	"ruby":     {{Host: "rubygems.org"}, {Host: "index.rubygems.org"}},
	"java":     {{Host: "repo.maven.apache.org"}, {Host: "repo1.maven.org"}, {Host: "plugins.gradle.org"}},
	"dotnet":   {{Host: "api.nuget.org"}},
	"php":      {{Host: "repo.packagist.org"}},
	"debian":   {{Host: "deb.debian.org", Plain: true}, {Host: "security.debian.org", Plain: true}},
	"ubuntu":   {{Host: "archive.ubuntu.com", Plain: true}, {Host: "security.ubuntu.com", Plain: true}, {Host: "ports.ubuntu.com", Plain: true}},
	"alpine":   {{Host: "dl-cdn.alpinelinux.org", Plain: true}},
	"nodejs":   {{Host: "nodejs.org"}},
	"adoptium": {{Host: "api.adoptium.net"}},
}

// Registries returns the hosts of every package ecosystem that is known.
func Registries() []Registry {
	var all []Registry
	for _, group := range registries {
		all = append(all, group...)
	}
	return all
}

// registrySettings are the variables by which a job says where it gets packages.
var registrySettings = []string{
	"GOPROXY", "npm_config_registry", "NPM_CONFIG_REGISTRY", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX",
	"CARGO_REGISTRIES_CRATES_IO_INDEX", "RUSTUP_DIST_SERVER",
}

// JobRegistries returns the registries that a job's own environment names. They
// are read as all others are.
func JobRegistries(environ []string) []Registry {
	var all []Registry
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.Contains(registrySettings, name) {
			continue
		}
		for address := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '|' || r == ' ' }) {
			u, err := url.Parse(strings.TrimPrefix(address, "sparse+"))
			if err != nil || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
				continue
			}
			if host, err := ParseHost(u.Hostname()); err == nil {
				all = append(all, Registry{Host: host})
			}
		}
	}
	return all
}
