package apptest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs says where the built programs are.
type Programs struct {
	dir string
	// goEnv is what a job needs so that `go test` finds the machine's caches: a
	// fresh HOME has none.
	goEnv []string
}

// Build builds the module's programs into dir.
func Build(ctx context.Context, dir string) (Programs, error) {
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), "github.com/seed-bc0cc349/anvil/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return Built(ctx, dir)
}

// Built returns the programs that somebody has built into dir.
func Built(ctx context.Context, dir string) (Programs, error) {
	p := Programs{dir: dir}
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"}
	out, err := exec.CommandContext(ctx, "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return p, fmt.Errorf("ask go for its environment: %w", err)
	}
	for i, value := range strings.Split(strings.TrimRight(string(out), "\n"), "\n") {
		if i < len(names) && value != "" {
			p.goEnv = append(p.goEnv, names[i]+"="+value)
		}
	}
	return p, nil
}

// Path is where the named program is.
func (p Programs) Path(name string) string { return filepath.Join(p.dir, name) }
