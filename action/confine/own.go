//go:build unix

package confine

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// caches are the directories of a home that only programs inside write to.
var caches = []string{"cargo", "npm", "go", "go-build"}

// own gives the programs' user what it is to write: all of it before the first
// program, later what the runner may have put into the home meanwhile. Links are not
// followed, and nothing of the confinement runs.
func (b *box) own() error {
	if !b.owned {
		b.before += b.written()
	}
	if b.user == os.Geteuid() {
		b.owned = true
		return nil
	}
	dirs := []string{b.room.Temp, b.room.Home}
	if !b.owned {
		dirs = append(dirs, b.room.Tree)
		for _, m := range b.room.Beside {
			if m.Theirs {
				dirs = append(dirs, m.Outside)
			}
		}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if b.owned && d.IsDir() && filepath.Dir(path) == b.room.Home && slices.Contains(caches, d.Name()) {
				return fs.SkipDir
			}
			return os.Lchown(path, b.user, b.user)
		})
		if err != nil {
			return fmt.Errorf("give %s to the programs' user: %w", filepath.Base(dir), err)
		}
	}
	b.owned = true
	return nil
}

// Give gives what the runner has made meanwhile to the programs' user.
func (b *box) Give(f *os.File) error {
	if b.user == os.Geteuid() {
		return nil
	}
	if err := f.Chown(b.user, b.user); err != nil {
		return fmt.Errorf("give %s to the programs' user: %w", filepath.Base(f.Name()), err)
	}
	return nil
}
