package agent

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// settle makes the engine's own directory below the agent's home and writes files
// into it. What an earlier run left there is an agent's: links in it lead nowhere.
func settle(w Work, dir string, files map[string]string) error {
	root, err := os.OpenRoot(w.Home)
	if err == nil {
		defer root.Close()
		if err = root.MkdirAll(dir, 0o700); err == nil {
			for name, text := range files {
				name = path.Join(dir, name)
				_ = root.Remove(name) // never through a link, nor into a file that is open elsewhere
				if err = root.WriteFile(name, []byte(text), 0o600); err != nil {
					break
				}
			}
		}
	}
	if err != nil {
		return &runapi.Error{Code: CodeFailed, What: fmt.Sprintf("The engine's home could not be made: %v.", err), Next: "Say /anvil retry."}
	}
	return nil
}

// conversation finds the file of an earlier conversation below the agent's home:
// a regular file in dir, at any depth, whose name ends in name. It returns its path
// below home, empty if there is none.
func conversation(home, dir, name string) string {
	root, err := os.OpenRoot(home)
	if err != nil {
		return ""
	}
	defer root.Close()
	found := ""
	_ = fs.WalkDir(root.FS(), dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path.Base(p), name) {
			found = p
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// resumable reports whether ref is a reference that an engine may be given: one
// with a letter or digit first is no option.
func resumable(ref string) bool {
	return ref != "" && strings.Trim(ref, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" && ref[0] != '-'
}

// begunAnew is the event that tells that a conversation could not be gone on with.
func begunAnew(ref string) Event {
	return Event{Kind: runapi.KindWarning, Text: "The earlier conversation " + ref + " is not here; the engine begins a new one on the same tree."}
}

// below names a file as the tree does, if it lies in it: the agent names files by
// where they are where it runs.
func below(tree, name string) string {
	if rel, err := filepath.Rel(tree, name); filepath.IsAbs(name) && err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return name
}
