package devcontainer

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bases names the images that the image is built on, in the order in which the
// configuration names them, each once: `image`, or what the Dockerfile says in FROM, in
// COPY --from and in mounts, and the frontend that its syntax line has the builder read it
// by. A name that depends on what only the builder knows still has its variable in it.
func (c *Configuration) Bases() []string {
	name, _ := c.dockerfile()
	if name == "" {
		if image, _ := c.values["image"].(string); image != "" {
			return []string{image}
		}
		return nil
	}
	text, err := readFile(c.root, name)
	if err != nil {
		return nil // [Configuration.Inputs] says so
	}
	args := c.args()
	return readDockerfile(text, args).bases(args)
}

// args are the build's arguments.
func (c *Configuration) args() map[string]any {
	build, _ := c.values["build"].(map[string]any)
	args, _ := build["args"].(map[string]any)
	return args
}

// Features names the features that do not lie in the repository, in order.
func (c *Configuration) Features() []string {
	var names []string
	features, _ := c.values["features"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(features)) {
		if !strings.HasPrefix(id, ".") && !strings.HasPrefix(id, "/") {
			names = append(names, id)
		}
	}
	return names
}

// bases are the images that a Dockerfile names, given the build's arguments. Names of
// earlier stages, their numbers and scratch are no images.
func (d dockerfile) bases(args map[string]any) []string {
	var bases, stages []string
	add := func(name string) {
		n, err := strconv.Atoi(name)
		if name == "" || name == "scratch" || err == nil && n < len(stages) || slices.Contains(stages, strings.ToLower(name)) || slices.Contains(bases, name) {
			return
		}
		bases = append(bases, name)
	}
	add(d.frontend)
	known := map[string]string{} // arguments before the first FROM
	for _, s := range d.steps {
		switch {
		case s.name == "ARG" && len(stages) == 0:
			for _, word := range s.words {
				name, value, _ := strings.Cut(word, "=")
				known[name] = expand(value, known)
				if given, ok := args[name].(string); ok {
					known[name] = given
				}
			}
		case s.name == "FROM" && len(s.words) > 0:
			add(expand(s.words[0], known))
			stage := "" // one without a name has a number all the same
			if len(s.words) > 2 {
				stage = strings.ToLower(s.words[2])
			}
			stages = append(stages, stage)
		}
		for _, from := range s.froms() {
			add(from)
		}
	}
	return bases
}

// variable is $NAME, ${NAME} or ${NAME:-DEFAULT}.
var variable = regexp.MustCompile(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})`)

// expand replaces the variables that are known and have a value.
func expand(text string, known map[string]string) string {
	return variable.ReplaceAllStringFunc(strings.Trim(text, `"'`), func(found string) string {
		m := variable.FindStringSubmatch(found)
		if value := known[m[1]+m[2]]; value != "" {
			return value
		}
		if m[3] != "" {
			return m[3]
		}
		return found
	})
}
