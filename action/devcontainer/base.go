package devcontainer

import (
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
	d, args, ok := c.read()
	if image := c.imageOnly(); image != "" {
		return []string{image}
	}
	if !ok {
		return nil // [Configuration.Inputs] says so
	}
	bases, _ := d.bases(args)
	return bases
}

// Starts names those of [Configuration.Bases] that the image or a stage of it starts from:
// their ONBUILD instructions are part of the build.
func (c *Configuration) Starts() []string {
	if image := c.imageOnly(); image != "" {
		return []string{image}
	}
	var names []string
	d, args, _ := c.read()
	_, stages := d.bases(args)
	for _, s := range stages {
		if s.image != "" && !slices.Contains(names, s.image) {
			names = append(names, s.image)
		}
	}
	return names
}

// origin is the one of [Configuration.Starts] whose metadata the image inherits; empty if
// that can't be told.
func (c *Configuration) origin() string {
	if image := c.imageOnly(); image != "" {
		return image
	}
	d, args, _ := c.read()
	_, stages := d.bases(args)
	if d.frontend != "" && !official.MatchString(d.frontend) {
		return ""
	}
	build, _ := c.values["build"].(map[string]any)
	target, _ := build["target"].(string)
	at := len(stages) - 1
	if target != "" {
		at = slices.IndexFunc(stages, func(s stage) bool { return s.name == strings.ToLower(target) })
	}
	for at >= 0 && stages[at].image == "" {
		of := stages[at].of
		at = slices.IndexFunc(stages[:at], func(s stage) bool { return s.name != "" && s.name == of })
	}
	if at < 0 {
		return ""
	}
	return stages[at].image
}

// imageOnly is the image of a configuration that builds from no Dockerfile.
func (c *Configuration) imageOnly() string {
	if name, _ := c.dockerfile(); name != "" {
		return ""
	}
	image, _ := c.values["image"].(string)
	return image
}

// read reads the Dockerfile, if there is one that can be read.
func (c *Configuration) read() (d dockerfile, args map[string]any, ok bool) {
	name, _ := c.dockerfile()
	if name == "" {
		return d, nil, false
	}
	text, err := readFile(c.root, name)
	args = c.args()
	return readDockerfile(text, args), args, err == nil
}

// args are the build's arguments.
func (c *Configuration) args() map[string]any {
	build, _ := c.values["build"].(map[string]any)
	args, _ := build["args"].(map[string]any)
	return args
}

// Features names the features that do not lie in the repository, in order: those of the
// configuration, and those that local ones depend on.
func (c *Configuration) Features() []string {
	_, others := c.features()
	return others
}

// stage is what a FROM begins.
type stage struct {
	name  string // in lower case; empty: it has a number only
	image string // that it starts from; empty: it starts from a stage, or from scratch
	of    string // the stage that it starts from
}

// bases are the images that a Dockerfile names, given the build's arguments, and its
// stages. Names of earlier stages, their numbers and scratch are no images.
func (d dockerfile) bases(args map[string]any) (bases []string, stages []stage) {
	add := func(name string) bool {
		n, err := strconv.Atoi(name)
		known := slices.ContainsFunc(stages, func(s stage) bool { return s.name == strings.ToLower(name) })
		if name == "" || name == "scratch" || err == nil && n < len(stages) || known {
			return false
		}
		if !slices.Contains(bases, name) {
			bases = append(bases, name)
		}
		return true
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
			from := expand(s.words[0], known)
			begun := stage{of: strings.ToLower(from)}
			if add(from) {
				begun = stage{image: from}
			}
			if len(s.words) > 2 { // one without a name has a number all the same
				begun.name = strings.ToLower(s.words[2])
			}
			stages = append(stages, begun)
		}
		for _, from := range s.froms() {
			add(from)
		}
	}
	return bases, stages
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
