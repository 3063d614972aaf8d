package devcontainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// None is the name that chooses no dev container, though the repository has one.
const None = "none"

// maxFile bounds a configuration, a lock file or a Dockerfile.
const maxFile = 1 << 20

// Configuration is a devcontainer.json of the base commit.
type Configuration struct {
	Path string // in the repository, with slashes
	Name string // that people know it by; empty for the repository's only one

	text   []byte         // as it stands in the repository
	values map[string]any // read as JSON with comments
	root   *os.Root
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// Find finds the configuration of the given name in a checkout of the base commit. An
// empty name is the repository's own choice: .devcontainer/devcontainer.json, then
// .devcontainer.json, then the only .devcontainer/NAME/devcontainer.json. It returns nil
// if there is none, or if the name is [None].
func Find(root *os.Root, name string) (*Configuration, error) {
	named, err := listNamed(root)
	switch {
	case err != nil:
		return nil, err
	case name == None:
		return nil, nil
	case name != "" && !slices.Contains(named, name):
		next := "This repository has none with a name; remove `environment` from the rules"
		if len(named) > 0 {
			next = "Choose one of " + strings.Join(named, ", ")
		}
		return nil, invalid(next+".", "There is no .devcontainer/%s/devcontainer.json", cut(name))
	case name != "":
		return read(root, ".devcontainer/"+name+"/devcontainer.json", name)
	}
	for _, p := range []string{".devcontainer/devcontainer.json", ".devcontainer.json"} {
		if _, err := root.Lstat(p); err == nil {
			return read(root, p, "")
		}
	}
	switch len(named) {
	case 0:
		return nil, nil
	case 1:
		return read(root, ".devcontainer/"+named[0]+"/devcontainer.json", named[0])
	}
	return nil, invalid("Set `environment: NAME` in .github/anvil.yml.", "The repository has several dev containers: %s", strings.Join(named, ", "))
}

// listNamed lists the names of .devcontainer/NAME/devcontainer.json, in order.
func listNamed(root *os.Root) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), ".devcontainer")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, invalid("Make .devcontainer a folder of the repository.", ".devcontainer can't be read: %v", err)
	}
	var names []string
	for _, e := range entries {
		if _, err := root.Lstat(".devcontainer/" + e.Name() + "/devcontainer.json"); err == nil && validName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func read(root *os.Root, p, name string) (*Configuration, error) {
	text, err := readFile(root, p)
	if err != nil {
		return nil, invalid("Make it a file of the repository.", "%s can't be read: %v", p, err)
	}
	c := &Configuration{Path: p, Name: name, text: text, root: root}
	plain, err := hujson.Standardize(slices.Clone(text))
	if err == nil {
		err = json.Unmarshal(plain, &c.values)
	}
	if err == nil && c.values == nil {
		err = errors.New("it is not an object")
	}
	if err != nil {
		return nil, invalid("Correct it on the base branch.", "%s is not JSON with comments: %v", p, err)
	}
	return c, nil
}

// readFile reads a regular file that lies in the repository.
func readFile(root *os.Root, p string) ([]byte, error) {
	f, err := root.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return text, err
}

// dir is the folder that paths in the configuration start from.
func (c *Configuration) dir() string { return path.Dir(c.Path) }

func cut(s string) string { return s[:min(len(s), 100)] }
