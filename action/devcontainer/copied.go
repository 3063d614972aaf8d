package devcontainer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
)

// copied lists what a build may copy of its context.
func (c *Configuration) copied(d dockerfile, context string) ([]File, error) {
	// The ONBUILD of a base is known by who asks for it (see [Configuration.Triggered]). One
	// whose name only the builder knows nobody asks for, but some say it in their name.
	bases, _ := d.bases(c.args())
	triggers := slices.ContainsFunc(bases, func(base string) bool {
		return strings.Contains(base, "$") && strings.Contains(strings.ToLower(base), "onbuild")
	})
	places := []string{"."}
	if sources, ok := d.sources(); ok && !triggers {
		if found, ok := c.find(context, sources); ok {
			places = found
		}
	}
	if len(places) == 0 {
		return nil, nil
	}
	text, ignore := c.ignored(context)
	list, err := c.files(context, ignore, places)
	if len(list) == 0 {
		return nil, err
	}
	return append(list, File{Path: "ignored by .dockerignore", Digest: sha256.Sum256(text)}), err
}

// Triggered tells what the ONBUILD instructions of an image that a stage starts from do in
// this build: the images that they copy from, and a text that stands for the files that they
// copy of the build context, empty if there are none. Where that can't be told for sure, it
// is the whole context, as in [Configuration.Inputs].
func (c *Configuration) Triggered(instructions []string) (images []string, copied string, err error) {
	name, context := c.dockerfile()
	if name == "" || len(instructions) == 0 { // without a Dockerfile the context is the CLI's
		return nil, "", nil
	}
	d, args, _ := c.read()
	named, _ := d.bases(args)
	var triggers dockerfile
	for _, text := range instructions { // the builder reads each alone: none goes on in the next
		one := readDockerfile([]byte(text), nil)
		triggers.steps = append(triggers.steps, one.steps...)
		triggers.unsure = triggers.unsure || one.unsure
	}
	d.steps = append(d.steps, triggers.steps...)
	both, _ := d.bases(args)
	files, err := c.copied(triggers, context)
	if err != nil || len(files) == 0 {
		return both[len(named):], "", err
	}
	return both[len(named):], Key(Inputs{Files: files}), nil
}

// ignored reads the patterns of what the build does not see. A Dockerfile.dockerignore has
// no effect, since the CLI builds from a Dockerfile that it writes elsewhere. Podman reads a
// .containerignore in place of the other, so if there is one, nothing is left out for sure.
func (c *Configuration) ignored(context string) (text []byte, patterns []string) {
	text, err := readFile(c.root, path.Join(context, ".dockerignore"))
	if _, other := c.root.Lstat(path.Join(context, ".containerignore")); err != nil || other == nil {
		return text, nil
	}
	patterns, err = ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return text, nil
	}
	return text, patterns
}

// find finds in the build context what patterns name. ok is false if a link is on the way,
// which the builder follows by rules of its own, or if nothing has a name that is no pattern.
func (c *Configuration) find(context string, patterns []string) (found []string, ok bool) {
	in, err := fs.Sub(c.root.FS(), context)
	if err != nil {
		return nil, false
	}
	for _, p := range patterns {
		some, ok := match(in, ".", strings.Split(p, "/"))
		if !ok || len(some) == 0 && !strings.ContainsAny(p, "*?[") {
			return nil, false
		}
		found = append(found, some...)
	}
	slices.Sort(found)
	return slices.Compact(found), true
}

// match finds what elements name below a folder.
func match(in fs.FS, at string, elements []string) (found []string, ok bool) {
	entries, err := fs.ReadDir(in, at)
	if err != nil {
		return nil, false
	}
	for _, e := range entries {
		fits, err := path.Match(elements[0], e.Name())
		if err != nil {
			return nil, false
		}
		p := path.Join(at, e.Name())
		switch {
		case !fits && e.Name() != elements[0]: // a name can have the characters of a pattern
		case e.Type()&fs.ModeSymlink != 0:
			return nil, false
		case len(elements) == 1:
			found = append(found, p)
		case e.IsDir():
			more, ok := match(in, p, elements[1:])
			if !ok {
				return nil, false
			}
			found = append(found, more...)
		}
	}
	return found, true
}

// sources are the patterns of what the build reads of its context. ok is false where that is
// the whole context, or can't be told.
func (d dockerfile) sources() (patterns []string, ok bool) {
	for _, s := range d.steps {
		switch s.name {
		case "COPY", "ADD":
			some, ok := s.sources()
			if !ok {
				return nil, false
			}
			patterns = append(patterns, some...)
		case "RUN":
			if s.mountsContext() {
				return nil, false
			}
		}
	}
	return patterns, !d.unsure
}

// mountsContext reports whether a RUN sees the build context, or may.
func (s step) mountsContext() bool {
	for _, f := range s.flags {
		if f == "--mount" || strings.ContainsAny(f, quoting) { // there may be a blank in it, and another flag behind that
			return true
		}
	}
	return slices.ContainsFunc(s.mounts(), func(m map[string]string) bool {
		elsewhere := m["from"] != "" && !strings.Contains(m["from"], "$")
		return !elsewhere && !slices.Contains([]string{"cache", "tmpfs", "secret", "ssh"}, m["type"])
	})
}

// sources are the patterns of a COPY or ADD, cleaned.
func (s step) sources() (patterns []string, ok bool) {
	for _, f := range s.flags {
		name, value, _ := strings.Cut(f, "=")
		switch {
		case strings.ContainsAny(f, quoting):
			return nil, false
		case name == "--from" && value != "" && !strings.Contains(value, "$"):
			return nil, true
		case !slices.Contains([]string{"--chown", "--chmod", "--link", "--checksum", "--keep-git-dir"}, name):
			return nil, false // it says what is copied, or may
		}
	}
	words := s.words
	if strings.HasPrefix(s.rest, "[") {
		if words = nil; json.Unmarshal([]byte(s.rest), &words) != nil {
			return nil, false
		}
	}
	if len(words) == 0 {
		return nil, false
	}
	for _, source := range words[:len(words)-1] {
		if s.name == "ADD" && (strings.Contains(source, "://") || strings.HasPrefix(source, "git@")) {
			continue
		}
		clean := strings.Trim(path.Clean("/"+source), "/")
		elements := strings.Split(source, "/")
		first, _, _ := strings.Cut(clean, "/")
		if clean == "" || first == ".git" || strings.ContainsAny(source, quoting+"$<") || strings.Contains(source, "**") || slices.Contains(elements, "..") {
			return nil, false
		}
		patterns = append(patterns, clean)
	}
	return patterns, true
}
