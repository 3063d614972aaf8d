package devcontainer

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bases names the images that the image is built on, in the order in which the
// configuration names them, each once: `image`, or what the Dockerfile says in FROM and
// in COPY --from. A name that depends on what only the builder knows still has its
// variable in it.
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
	build, _ := c.values["build"].(map[string]any)
	args, _ := build["args"].(map[string]any)
	return basesOf(string(joined(text)), args)
}

// Features names the features that come from a registry, in order.
func (c *Configuration) Features() []string {
	var names []string
	features, _ := c.values["features"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(features)) {
		host, rest, _ := strings.Cut(id, "/")
		if strings.Contains(rest, "/") && strings.ContainsAny(strings.TrimLeft(host, "."), ".:") && !strings.Contains(id, "://") || strings.HasPrefix(host, "localhost") {
			names = append(names, id)
		}
	}
	return names
}

var (
	argument = regexp.MustCompile(`(?i)^[ \t]*ARG[ \t]+([A-Za-z_][A-Za-z0-9_]*)(?:=(\S*))?`)
	stage    = regexp.MustCompile(`(?i)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?`)
	copied   = regexp.MustCompile(`(?i)^[ \t]*(?:ONBUILD[ \t]+)?(?:COPY|RUN)[ \t].*?(?:--from=|,from=)([^\s,]+)`)
	// variable is $NAME, ${NAME} or ${NAME:-DEFAULT}.
	variable = regexp.MustCompile(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})`)
)

// basesOf reads a Dockerfile, given the build's arguments. Names of earlier stages, their
// numbers and scratch are no images.
func basesOf(dockerfile string, args map[string]any) []string {
	var bases, stages []string
	known := map[string]string{} // arguments before the first FROM
	for line := range strings.Lines(dockerfile) {
		if m := argument.FindStringSubmatch(line); m != nil && len(stages) == 0 {
			known[m[1]] = strings.Trim(m[2], `"'`)
			if given, ok := args[m[1]].(string); ok {
				known[m[1]] = given
			}
			continue
		}
		from := ""
		if m := stage.FindStringSubmatch(line); m != nil {
			from = expand(m[1], known)
			if slices.Contains(stages, strings.ToLower(from)) {
				from = ""
			}
			stages = append(stages, strings.ToLower(m[2])) // one without a name has a number all the same
		} else if m := copied.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if from = m[1]; err == nil && n < len(stages) || slices.Contains(stages, strings.ToLower(from)) {
				from = ""
			}
		}
		if from != "" && from != "scratch" && !slices.Contains(bases, from) {
			bases = append(bases, from)
		}
	}
	return bases
}

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
