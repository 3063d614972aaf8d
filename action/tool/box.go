package tool

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of what can go wrong.
const (
	CodeFetch  = "TOOL_FETCH"  // it can't be had
	CodeDigest = "TOOL_DIGEST" // what was fetched is something else
)

// Box is where a job has the tools that its machine lacks. The zero value of Tools has
// none. It is to be closed.
type Box struct {
	Tools Tools
	// Getenv reads the job's environment: RUNNER_TOOL_CACHE is where archives stay,
	// RUNNER_TEMP where tools are unpacked, and NPM_CONFIG_REGISTRY another registry than npm's.
	Getenv func(string) string
	// Say tells what takes time.
	Say func(format string, args ...any)

	mu   sync.Mutex
	dirs []string // of this job
}

// Get returns the path of a tool's program, ready to be started. The error is a
// [*runapi.Error] that a person can act on, if there is something to do.
func (b *Box) Get(ctx context.Context, name string) (program string, err error) {
	tool := b.Tools[name]
	a, ok := tool.archive()
	if !ok {
		return "", failed(name, "it has none for this machine", shown(b.registry()))
	}
	start := time.Now()
	dir := filepath.Join(cmp.Or(b.Getenv("RUNNER_TEMP"), os.TempDir()), "anvil-tool-"+strings.ToLower(rand.Text()[:12]))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("make room for %s: %w", name, err)
	}
	b.mu.Lock()
	b.dirs = append(b.dirs, dir)
	b.mu.Unlock()
	f, from, err := b.fetch(ctx, name, a, dir)
	if err != nil {
		return "", err
	}
	defer f.Close()
	// So that it lies as npm would have put it: whoever finds the program there knows
	// by that what belongs to it.
	home := filepath.Join(dir, "node_modules", filepath.FromSlash(a.name()))
	if err := unpack(ctx, f, home); err != nil {
		return "", fmt.Errorf("unpack %s: %w", a.Package, err)
	}
	found, err := filepath.Glob(filepath.Join(home, filepath.FromSlash(tool.Program)))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s has %d programs %s", a.Package, len(found), tool.Program)
	}
	b.Say("%s is not on this machine's PATH: had %s from %s, in %d ms.", name, a.Package, from, time.Since(start).Milliseconds())
	return found[0], nil
}

// Close removes what was unpacked. Nothing of it runs any more.
func (b *Box) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, dir := range b.dirs {
		_ = os.RemoveAll(dir)
	}
	b.dirs = nil
}

// registry is the registry's address, with a slash at its end.
func (b *Box) registry() string {
	at := cmp.Or(b.Getenv("NPM_CONFIG_REGISTRY"), b.Getenv("npm_config_registry"), "https://registry.npmjs.org")
	return strings.TrimSuffix(at, "/") + "/"
}

func failed(name, why, from string) error {
	return &runapi.Error{
		Code: CodeFetch, What: fmt.Sprintf("%s is not on this runner, and %s can't be had: %s.", name, from, why),
		Next: fmt.Sprintf("Let the runner reach that address, name a registry that has it in NPM_CONFIG_REGISTRY, or install %s on the runner.", name),
	}
}
