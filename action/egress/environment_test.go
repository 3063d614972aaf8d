package egress_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/egress"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	env := egress.Environment([]string{"PATH=/bin", "https_proxy=http://user:password@corp", "NO_PROXY=*", "SSL_CERT_FILE=/x", "ssl_cert_dir=kept"}, "127.0.0.1:99", "/trust.pem")
	for _, want := range []string{
		"PATH=/bin", "HTTP_PROXY=http://127.0.0.1:99", "https_proxy=http://127.0.0.1:99", "ALL_PROXY=http://127.0.0.1:99", "no_proxy=localhost,127.0.0.1,::1",
		"SSL_CERT_FILE=/trust.pem", "NODE_EXTRA_CA_CERTS=/trust.pem", "ssl_cert_dir=kept",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %v", want, env)
		}
	}
	if all := strings.Join(env, "\n"); strings.Contains(all, "corp") || strings.Contains(all, "NO_PROXY=*") {
		t.Errorf("the job's own proxy shows: %v", env)
	}
	if env := egress.Without([]string{"A=b", "http_proxy=x", "SSL_CERT_FILE=y"}); strings.Join(env, " ") != "A=b" {
		t.Errorf("without a way out: %v", env)
	}
}

// A registry that the job itself uses is known, without what its address carries.
func TestJobRegistries(t *testing.T) {
	t.Parallel()
	var hosts []string
	for _, r := range egress.JobRegistries([]string{
		"GOPROXY=https://user:secret@go.site.example/x,https://two.example|direct", "npm_config_registry=https://npm.example:443/", "PIP_INDEX_URL=http://plain.example/simple",
		"CARGO_REGISTRIES_CRATES_IO_INDEX=sparse+https://crates.example/", "OTHER=https://other.example", "UV_INDEX_URL=https://127.0.0.1/",
	}) {
		hosts = append(hosts, string(r.Host))
	}
	if got := strings.Join(hosts, " "); got != "go.site.example two.example npm.example crates.example" {
		t.Errorf("got %s", got)
	}
	if all := egress.Registries(); len(all) < 15 {
		t.Errorf("only %d registries are known", len(all))
	}
}
