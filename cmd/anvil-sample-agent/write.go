package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// changelog is where notes go.
const changelog = "CHANGELOG.md"

// write adds a note, or writes a file, inside the tree: the root does not let a
// path or a link lead out of it.
func write(w wanted, say *speaker) error {
	root, err := os.OpenRoot(".")
	if err != nil {
		return err
	}
	defer root.Close()
	text := strings.TrimSpace(w.text) + "\n"
	name := path.Clean(w.path)
	if w.path == "" {
		name = changelog
		before, err := root.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(before) == 0 {
			before = []byte("# Changelog\n\n")
		} else if before[len(before)-1] != '\n' {
			before = append(before, '\n')
		}
		text = string(before) + "- " + text
	}
	say.plan("write "+name, "leave everything else as it is")
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("write %q: %w", name, err)
		}
	}
	if err := root.WriteFile(name, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	say.changed(name, "wrote "+name)
	if w.path == "" {
		say.answer("I added the note to %s, as asked, and changed nothing else. I am a sample agent: I did not judge the text.", name)
	} else {
		say.answer("I wrote %s, as asked, and changed nothing else. I am a sample agent: I did not judge the text.", name)
	}
	return nil
}
