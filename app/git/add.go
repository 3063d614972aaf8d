package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WithFiles writes a tree that is the commit's with files of ours added, by path, or put
// in the place of those that are there; with no commit it has these files alone. It returns
// the tree's name.
func (r *Repository) WithFiles(ctx context.Context, commit string, files map[string][]byte) (string, error) {
	if commit != "" {
		if err := need(commit); err != nil {
			return "", fmt.Errorf("adding files: %w", err)
		}
	}
	dir, err := os.MkdirTemp(r.dir, "index-")
	if err != nil {
		return "", fmt.Errorf("adding files: %w", err)
	}
	defer os.RemoveAll(dir)
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	run := func(stdin []byte, args ...string) (string, error) {
		out, err := r.program.run(ctx, command{dir: r.dir, env: env, stdin: bytes.NewReader(stdin), args: args})
		if err != nil {
			return "", fmt.Errorf("adding files: %w", err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	if commit != "" {
		if _, err := run(nil, "read-tree", commit); err != nil {
			return "", err
		}
	}
	var paths []string
	for path := range files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		id, err := run(files[path], "hash-object", "-w", "--stdin")
		if err != nil {
			return "", err
		}
		if _, err := run(nil, "update-index", "--add", "--cacheinfo", "100644,"+id+","+path); err != nil {
			return "", err
		}
	}
	id, err := run(nil, "write-tree")
	if err != nil {
		return "", err
	}
	return id, need(id)
}
