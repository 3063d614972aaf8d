package egress

import "strings"

// settings are the variables by which programs learn of a proxy. Some look for the
// one spelling, some for the other.
var settings = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

// trust lists the variables by which programs learn of a file with authorities to
// trust, in place of the system's.
var trust = []string{
	"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CARGO_HTTP_CAINFO", "PIP_CERT", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO",
	"CURL_CA_BUNDLE", "DENO_CERT", "NIX_SSL_CERT_FILE", "npm_config_cafile",
}

// Environment is what env becomes for programs whose way out is the proxy at addr
// (HOST:PORT, as they reach it), and which find authorities to trust in the file
// bundle: the system's, and the proxy's own.
func Environment(env []string, addr, bundle string) []string {
	out := Without(env)
	for _, name := range settings {
		out = append(out, name+"=http://"+addr, strings.ToLower(name)+"=http://"+addr)
	}
	const direct = "localhost,127.0.0.1,::1"
	out = append(out, "NO_PROXY="+direct, "no_proxy="+direct)
	for _, name := range trust {
		out = append(out, name+"="+bundle)
	}
	return append(out,
		"NODE_USE_ENV_PROXY=1",
		// These would be POSTs to a place that is there to read from.
		"npm_config_audit=false", "npm_config_fund=false", "npm_config_update_notifier=false",
	)
}

// Without is env for programs that have no way out.
func Without(env []string) []string {
	var out []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if !spoken(name) {
			out = append(out, entry)
		}
	}
	return out
}

// spoken tells whether this package has the say over a variable.
func spoken(name string) bool {
	if strings.EqualFold(name, "NO_PROXY") || name == "SSL_CERT_DIR" {
		return true
	}
	for _, list := range [][]string{settings, trust} {
		for _, known := range list {
			if strings.EqualFold(name, known) {
				return true
			}
		}
	}
	return false
}
