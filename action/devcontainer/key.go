package devcontainer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// Inputs are all that an image is built from.
type Inputs struct {
	Configuration []byte // its text: it has the features and their options
	Lock          []byte // devcontainer-lock.json beside it: the features' digests
	Dockerfile    []byte
	// Files are what the build may copy: of the build context, and of local features.
	// Empty if the Dockerfile copies nothing. If it does, .dockerignore is one of them.
	Files []File
	// Base names the images that it starts from, with their digests where they are known.
	Base string
	// CLI is the version of the dev container CLI, Platform such as linux/amd64.
	CLI, Platform string
}

// File is a file that a build may copy.
type File struct {
	Path   string
	Mode   fs.FileMode // type and whether it can be executed: all that git keeps
	Digest [sha256.Size]byte
}

// Key names an image by what it is built from: 40 hexadecimal digits. It is a pure
// function, in which every field counts and the order of the files does not.
func Key(in Inputs) string {
	h := sha256.New()
	put := func(b []byte) { // with its length, so that no two fields can be read as others
		_ = binary.Write(h, binary.BigEndian, uint64(len(b)))
		_, _ = h.Write(b)
	}
	for _, b := range [][]byte{[]byte("anvil-env 1"), in.Configuration, in.Lock, in.Dockerfile, []byte(in.Base), []byte(in.CLI), []byte(in.Platform)} {
		put(b)
	}
	files := slices.SortedFunc(slices.Values(in.Files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range files {
		put([]byte(f.Path))
		put([]byte(f.Mode.String()))
		put(f.Digest[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:40]
}

// KeyWith is the key of the inputs on bases that are told by a text.
func (in Inputs) KeyWith(bases string) string {
	in.Base = bases
	return Key(in)
}

// Inputs collects what the repository has of them; Base, CLI and Platform are the
// caller's to set. Of the build context they have what the Dockerfile's COPY and ADD name.
// Where that can't be told for sure, such as of a name with a variable in it, they have the
// whole context: a key that changes too often costs time, one that does not change leaves a
// run with an old image. Neither has what .dockerignore leaves out.
func (c *Configuration) Inputs() (Inputs, error) {
	in := Inputs{Configuration: c.text}
	in.Lock = c.lock()
	if name, context := c.dockerfile(); name != "" {
		text, err := readFile(c.root, name)
		if err != nil {
			return in, invalid("Name a file of the repository.", "%s: the Dockerfile %s can't be read: %v", c.Path, cut(name), err)
		}
		in.Dockerfile = text
		if in.Files, err = c.copied(readDockerfile(text, c.args()), context); err != nil {
			return in, err
		}
	}
	local, _ := c.features()
	for _, id := range local {
		list, err := c.files(path.Join(c.dir(), id), nil, []string{"."})
		if err != nil {
			return in, err
		}
		for _, f := range list {
			f.Path = "feature " + id + " " + f.Path
			in.Files = append(in.Files, f)
		}
	}
	return in, nil
}

// lock is the text of the lock file; nil if there is none.
func (c *Configuration) lock() []byte {
	name := "devcontainer-lock.json"
	if strings.HasPrefix(path.Base(c.Path), ".") {
		name = ".devcontainer-lock.json"
	}
	text, _ := readFile(c.root, path.Join(c.dir(), name))
	return text
}

// files lists what is at places in a folder of the repository, less what is ignored.
func (c *Configuration) files(dir string, ignore, places []string) ([]File, error) {
	m, err := patternmatcher.New(ignore)
	if err != nil {
		return nil, invalid("Correct the .dockerignore on the base branch.", "%s: %v", dir, err)
	}
	var list []File
	walk := func(p string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && p == ".git" && d.IsDir():
			return fs.SkipDir
		case err != nil || p == ".git" || d.IsDir():
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
		if dir == "." {
			name = p
		}
		if out, err := m.MatchesOrParentMatches(name); err != nil || out {
			return err
		}
		f, err := c.file(p)
		f.Path = name
		list = append(list, f)
		return err
	}
	for _, place := range places {
		if err := fs.WalkDir(c.root.FS(), path.Join(dir, place), walk); err != nil {
			return nil, fmt.Errorf("read the build context %s: %w", dir, err)
		}
	}
	return list, nil
}

func (c *Configuration) file(p string) (File, error) {
	i, err := c.root.Lstat(p)
	if err != nil {
		return File{}, err
	}
	f := File{Mode: i.Mode() & (fs.ModeType | 0o100)}
	if i.Mode()&fs.ModeSymlink != 0 {
		f.Mode = fs.ModeSymlink
		to, err := c.root.Readlink(p)
		f.Digest = sha256.Sum256([]byte(to))
		return f, err
	}
	if !i.Mode().IsRegular() {
		return f, nil
	}
	from, err := c.root.Open(p)
	if err != nil {
		return f, err
	}
	defer from.Close()
	h := sha256.New()
	_, err = io.Copy(h, from)
	f.Digest = [sha256.Size]byte(h.Sum(nil))
	return f, err
}

// must is for values that came from JSON.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
