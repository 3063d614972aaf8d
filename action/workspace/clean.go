package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// clean takes out of the agent's tree what git would follow instead of read:
// every .git below it, and what is neither file, directory nor link. It lists
// what it removed besides the tree's own .git. It sees the tree through a root
// that symbolic links can't leave.
func (w *Workspace) clean() (removed []string, err error) {
	info, err := os.Lstat(w.Tree())
	if err != nil || !info.IsDir() || !os.SameFile(info, w.tree) {
		return nil, ErrReplaced
	}
	if err := os.Chmod(w.Tree(), 0o755); err != nil {
		return nil, fmt.Errorf("open tree: %w", err)
	}
	root, err := os.OpenRoot(w.Tree())
	if err != nil {
		return nil, fmt.Errorf("open tree: %w", err)
	}
	defer root.Close()
	if err := openUp(root); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		own := d.IsDir() || d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0
		if name == "." || own && !dotGit(d.Name()) {
			return nil
		}
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		if name != ".git" {
			removed = append(removed, name)
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return removed, nil
}

// dotGit reports whether a file system may take name for ".git".
func dotGit(name string) bool {
	lower := strings.ToLower(strings.TrimRight(name, " ."))
	return lower == ".git" || lower == "git~1"
}

// openUp gives the owner the right to read and change everything below root.
// Agents, and honest tools such as package caches, take it away.
func openUp(root *os.Root) error {
	var visit func(dir string) error
	visit = func(dir string) error {
		f, err := root.Open(dir)
		if err != nil {
			return err
		}
		entries, err := f.ReadDir(-1)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case e.IsDir():
				if err := grant(root, name, e, 0o700); err != nil {
					return err
				}
				if err := visit(name); err != nil {
					return err
				}
			case e.Type().IsRegular():
				if err := grant(root, name, e, 0o400); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return visit(".")
}

func grant(root *os.Root, name string, e fs.DirEntry, rights fs.FileMode) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&rights == rights {
		return nil
	}
	return root.Chmod(name, info.Mode().Perm()|rights)
}
