//go:build unix

package confine

import (
	"os"
	"path/filepath"
	"strings"
)

// insideBuilds is where the machine's cache of Go builds is to be read.
const insideBuilds = insideCaches + "/go-build"

// seed begins the confinement's own cache of Go builds with what the machine's has:
// links into a mount that can only be read. A cold cache would build Go's own library
// for the agent, and again for the checks. What is built goes into this cache only.
func (b *box) seed() error {
	from := b.choice.builds
	if from == "" || !readable(filepath.Join(b.room.Tree, "go.mod")) {
		return nil
	}
	own := filepath.Join(b.room.Home, "go-build")
	if err := os.Mkdir(own, 0o700); err != nil {
		return err
	}
	parts, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if !part.IsDir() || len(part.Name()) != 2 {
			continue
		}
		if err := os.Mkdir(filepath.Join(own, part.Name()), 0o700); err != nil {
			return err
		}
		entries, err := os.ReadDir(filepath.Join(from, part.Name()))
		if err != nil {
			return err
		}
		for _, e := range entries {
			// An action names its output; both are written once and for good.
			if name := e.Name(); strings.HasSuffix(name, "-a") || strings.HasSuffix(name, "-d") {
				if err := os.Symlink(insideBuilds+"/"+part.Name()+"/"+name, filepath.Join(own, part.Name(), name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
