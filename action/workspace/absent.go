package workspace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Absent is what the base commit names and the agent's tree does not have: content that
// is kept outside of the repository. Of it only submodules are fetched that are allowed,
// see FetchSubmodules: the read token of a run is for its one repository.
type Absent struct {
	Submodules []Submodule // their directories are empty
	LFS        []string    // these files are pointers of Git LFS, and not what they point to
}

// A pointer begins with pointerStart, and is of about the same size always.
const (
	pointerStart             = "version https://git-lfs.github.com/spec/v1\n"
	minPointer, maxPointer   = 100, 1024
	maxCandidates, maxListed = 20_000, 1000
)

// Absent looks for what the agent's tree does not have. It must be called before
// anything of the agent's runs.
func (w *Workspace) Absent(ctx context.Context) (Absent, error) {
	var a Absent
	if may, err := w.mayLack(); err != nil || !may {
		return a, err
	}
	out, err := w.git.run(ctx, command{gitDir: w.path("base.git"), args: []string{"ls-tree", "-r", "-l", "-z", w.base}})
	if err != nil {
		return a, fmt.Errorf("look for what is absent: %w", err)
	}
	root, err := os.OpenRoot(w.Tree())
	if err != nil {
		return a, fmt.Errorf("look for what is absent: %w", err)
	}
	defer root.Close()
	looked := 0
	for entry := range strings.SplitSeq(out, "\x00") {
		about, name, _ := strings.Cut(entry, "\t")
		f := strings.Fields(about) // mode, type, object, size
		if len(f) != 4 {
			continue
		}
		size, _ := strconv.Atoi(f[3])
		switch {
		case f[1] == "commit" && len(a.Submodules) < maxListed:
			a.Submodules = append(a.Submodules, Submodule{Path: name, Commit: f[2]})
		case strings.HasPrefix(f[0], "100") && size >= minPointer && size <= maxPointer && looked < maxCandidates && len(a.LFS) < maxListed:
			looked++
			if isPointer(root, name) {
				a.LFS = append(a.LFS, name)
			}
		}
	}
	return a, nil
}

// mayLack reports whether there is a file that says what is kept elsewhere. The index has
// the paths as they are, and most repositories have no such file: that saves a process.
func (w *Workspace) mayLack() (bool, error) {
	index, err := os.ReadFile(w.path("base.index"))
	if err != nil {
		return false, fmt.Errorf("look for what is absent: %w", err)
	}
	return bytes.Contains(index, []byte(".gitattributes")) || bytes.Contains(index, []byte(".gitmodules")), nil
}

func isPointer(root *os.Root, name string) bool {
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(pointerStart))
	n, _ := f.Read(start)
	return string(start[:n]) == pointerStart
}
