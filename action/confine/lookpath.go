package confine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// LookPath finds a program as one with environment env would find it.
func LookPath(name string, env []string) (string, error) { return lookPath(name, "", env) }

func lookPath(name, dir string, env []string) (string, error) {
	missing := &exec.Error{Name: name, Err: exec.ErrNotFound}
	if strings.ContainsRune(name, '/') {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if !executable(path) {
			return "", missing
		}
		return path, nil
	}
	for _, entry := range env {
		list, ok := strings.CutPrefix(entry, "PATH=")
		if !ok {
			continue
		}
		for _, d := range filepath.SplitList(list) {
			// A relative element would find programs in the tree that an agent wrote.
			if path := filepath.Join(d, name); filepath.IsAbs(path) && executable(path) {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("look for %s on PATH: %w", name, missing)
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}
