package devcontainer

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Place is where a dev container finds itself.
type Place struct {
	Environ []string // the image's own
	Folder  string   // that lifecycle commands run in; see [Configuration.Folder]
	Home    string   // of its user
}

// reserved are what no workspace folder may cover or hold, since the system, Anvil or
// the programs' own files are there. Their insides are reserved too, but for the first.
var reserved = []string{"/", "/anvil", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var"}

// Folder says where the dev container expects the repository, and which folder its
// lifecycle commands run in: the tree itself, or one in it. By default both are
// /workspaces/REPOSITORY, as the reference CLI has it.
func (c *Configuration) Folder(repository string) (tree, folder string, err error) {
	usual := "/workspaces/" + repository
	folder, _ = c.values["workspaceFolder"].(string)
	if folder == "" {
		return usual, usual, nil
	}
	folder = substitute(folder, func(kind, name string) (string, bool) {
		switch kind {
		case "localWorkspaceFolderBasename":
			return repository, true
		case "localWorkspaceFolder", "containerWorkspaceFolder":
			return usual, true
		}
		return "", false
	})
	if !path.IsAbs(folder) || path.Clean(folder) != strings.TrimSuffix(folder, "/") || strings.ContainsAny(folder, ",$\n\x00") {
		return "", "", invalid("Write an absolute path, or leave it out.", "%s: workspaceFolder is %q", c.Path, cut(folder))
	}
	folder = path.Clean(folder)
	if within(folder, usual) {
		return usual, folder, nil
	}
	for _, place := range reserved {
		if folder == place || place != "/" && (within(folder, place) || within(place, folder)) {
			return "", "", invalid("Choose another folder, such as /workspaces/"+repository+".", "%s: workspaceFolder is %s, where the container has something else", c.Path, cut(folder))
		}
	}
	return folder, folder, nil
}

func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// At is the settings as they are at a place: with the references in the values of
// variables and in commands replaced. Those to the host's environment, which only a feature
// or a base image can bring along, become their default, or nothing.
func (s Settings) At(p Place) Settings {
	container := map[string]string{}
	for _, entry := range p.Environ {
		name, value, _ := strings.Cut(entry, "=")
		container[name] = value
	}
	container["HOME"] = p.Home
	look := func(kind, name string) (string, bool) {
		switch kind {
		case "containerEnv":
			value, ok := container[name]
			return value, ok
		case "localWorkspaceFolder", "containerWorkspaceFolder":
			return p.Folder, true
		case "localWorkspaceFolderBasename", "containerWorkspaceFolderBasename":
			return path.Base(p.Folder), true
		case "devcontainerId":
			return "anvil", true
		}
		return "", false
	}
	at := Settings{User: s.User, Env: map[string]string{}}
	for name, value := range s.Env {
		at.Env[name] = substitute(value, look)
	}
	for _, c := range s.Commands {
		c.Argv = slices.Clone(c.Argv)
		for i, word := range c.Argv {
			c.Argv[i] = substitute(word, look)
		}
		at.Commands = append(at.Commands, c)
	}
	return at
}

// Environ is the settings' variables, in the order of their names.
func (s Settings) Environ() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		env = append(env, name+"="+s.Env[name])
	}
	return env
}

// reference is ${KIND}, ${KIND:NAME} or ${KIND:NAME:DEFAULT}; any other ${...} is the
// shell's.
var reference = regexp.MustCompile(`\$\{(localEnv|env|containerEnv|localWorkspaceFolder|containerWorkspaceFolder|localWorkspaceFolderBasename|` +
	`containerWorkspaceFolderBasename|devcontainerId)(?::([^:}]*))?(?::([^}]*))?\}`)

// substitute replaces the references that a dev container may have in a text. What look
// does not know becomes its default, or nothing.
func substitute(text string, look func(kind, name string) (string, bool)) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		parts := reference.FindStringSubmatch(found)
		if value, ok := look(parts[1], parts[2]); ok {
			return value
		}
		return parts[3]
	})
}
