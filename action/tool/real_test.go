package tool

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// npm says of each package what we say of it, and what is fetched runs.
func TestRealTools(t *testing.T) {
	t.Parallel()
	if os.Getenv("ANVIL_AGENTS") == "" {
		t.Skip("the real tools are fetched by make test-agents: ANVIL_AGENTS is not set")
	}
	for name, tool := range Known() {
		for platform, a := range tool.Archives {
			response, err := http.Get("https://registry.npmjs.org/" + a.name() + "/" + a.Package[len(a.name())+1:])
			if err != nil {
				t.Fatal(err)
			}
			var said struct {
				Dist struct{ Integrity, Tarball string }
			}
			err = json.NewDecoder(response.Body).Decode(&said)
			response.Body.Close()
			if err != nil || said.Dist.Integrity != a.Integrity || !strings.HasSuffix(said.Dist.Tarball, "/"+a.path()) {
				t.Errorf("%s for %q: %v, npm says %+v, and we say %+v", name, platform, err, said.Dist, a)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"RUNNER_TEMP": t.TempDir()}
			b := &Box{Tools: Known(), Getenv: func(name string) string { return env[name] }, Say: t.Logf}
			t.Cleanup(b.Close)
			if !b.Tools.Have(name, tool.Version) {
				t.Skipf("there is none for %s/%s", runtime.GOOS, runtime.GOARCH)
			}
			program, err := b.Get(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), program, "--version").Output()
			if err != nil || !strings.Contains(string(out), tool.Version) {
				t.Errorf("%v: it says %q", err, out)
			}
		})
	}
}
