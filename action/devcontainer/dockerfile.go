package devcontainer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dockerfile is what a Dockerfile says, as far as that can be told without building it.
type dockerfile struct {
	frontend string // the image that reads it in the builder's place; empty: none is named
	steps    []step
	unsure   bool // the builder may read it otherwise
}

// step is an instruction, with its continued lines as one.
type step struct {
	name     string   // in capitals
	flags    []string // as they are written, such as --from=NAME
	rest     string
	words    []string   // of rest, less heredocs
	heredocs []document // that follow it
	unsure   bool       // there may be more of these
}

// document is a heredoc: the lines up to one that is its name, before which it may allow tabs.
type document struct {
	name string
	tabs bool
}

func (d document) ends(line string) bool {
	if d.tabs {
		line = strings.TrimLeft(line, "\t")
	}
	return line == d.name
}

// instructions are all that are known. Whatever else begins a line is newer than this
// reader, or was read wrongly.
var instructions = []string{
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER",
	"VOLUME", "WORKDIR",
}

// quoting are the characters that make of a word what is not written there.
const quoting = "\"'\\`"

var (
	directive = regexp.MustCompile(`(?i)^(?:#|//)\s*(syntax|escape)\s*=\s*(\S+)`)
	// official are the frontends that read a Dockerfile as this reader does.
	official = regexp.MustCompile(`^(docker\.io/)?docker/dockerfile([:@]|$)`)
	// heredoc is the word of one, in its plain forms.
	heredoc = regexp.MustCompile(`^\d*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)(["']?)$`)
)

// readDockerfile reads a Dockerfile, given the build's arguments.
func readDockerfile(text []byte, args map[string]any) dockerfile {
	var d dockerfile
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	escape := `\`
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !strings.HasPrefix(line, "//") {
			break
		}
		if m := directive.FindStringSubmatch(line); m != nil && strings.EqualFold(m[1], "syntax") {
			d.frontend = or(d.frontend, m[2])
		} else if m != nil {
			escape = m[2]
		}
	}
	if given, ok := args["BUILDKIT_SYNTAX"]; ok {
		d.frontend, _, _ = strings.Cut(fmt.Sprint(given), " ")
	}
	// The CLI writes lines above the first one, where no other escape is heeded any more.
	d.unsure = escape != `\` || d.frontend != "" && !official.MatchString(d.frontend)
	for len(lines) > 0 {
		var line string
		line, lines = takeLine(lines, escape)
		s := readStep(line)
		if s.name == "ONBUILD" { // it is for whoever builds on this
			d.unsure = true
			s = readStep(s.rest)
		}
		if s.name == "" {
			continue
		}
		d.unsure = d.unsure || s.unsure || !slices.Contains(instructions, s.name)
		d.steps = append(d.steps, s)
		for _, doc := range s.heredocs {
			end := slices.IndexFunc(lines, doc.ends)
			if end < 0 {
				d.unsure = true
				break
			}
			lines = lines[end+1:]
		}
	}
	return d
}

// takeLine takes a line with its continued ones from the front. Comments and empty lines
// among them are none.
func takeLine(lines []string, escape string) (whole string, left []string) {
	for i, line := range lines {
		line = strings.TrimRight(line, " \t\r")
		if start := strings.TrimLeft(line, " \t"); start == "" || start[0] == '#' {
			continue
		}
		part, more := strings.CutSuffix(line, escape)
		if !more || strings.HasSuffix(part, escape) { // twice it is the character itself
			return whole + line, lines[i+1:]
		}
		whole += part
	}
	return whole, nil
}

// readStep reads an instruction. What may be in quotes is not taken for a heredoc.
func readStep(line string) step {
	var s step
	s.name, s.rest = cutWord(line)
	s.name = strings.ToUpper(s.name)
	for strings.HasPrefix(s.rest, "--") {
		var flag string
		flag, s.rest = cutWord(s.rest)
		s.flags = append(s.flags, flag)
	}
	takes := slices.Contains([]string{"ADD", "COPY", "RUN"}, s.name)
	quoted := strings.ContainsAny(strings.Join(s.flags, ""), quoting)
	for _, word := range strings.FieldsFunc(s.rest, blank) {
		m := heredoc.FindStringSubmatch(word)
		// An old builder knows no heredocs. It takes their lines for instructions, and fails at
		// the last one, unless that could be an instruction too.
		if takes && !quoted && m != nil && m[2] == m[4] && !slices.Contains(instructions, strings.ToUpper(m[3])) {
			s.heredocs = append(s.heredocs, document{name: m[3], tabs: m[1] != ""})
			continue
		}
		quoted = quoted || strings.ContainsAny(word, quoting) || strings.Contains(word, "${")
		s.unsure = s.unsure || takes && strings.Contains(word, "<<") && !strings.Contains(word, "<<<")
		s.words = append(s.words, word)
	}
	return s
}

// blank tells what separates words.
func blank(r rune) bool { return strings.ContainsRune(" \t\v\f\r", r) }

func cutWord(s string) (word, rest string) {
	s = strings.TrimLeftFunc(s, blank)
	if i := strings.IndexFunc(s, blank); i >= 0 {
		return s[:i], strings.TrimFunc(s[i:], blank)
	}
	return s, ""
}

// froms names what a step takes files from: images, stages, and these by their numbers.
func (s step) froms() []string {
	var names []string
	if s.name == "COPY" {
		for _, f := range s.flags {
			if name, ok := strings.CutPrefix(f, "--from="); ok {
				names = append(names, strings.Trim(name, quoting))
			}
		}
	}
	for _, m := range s.mounts() {
		names = append(names, m["from"])
	}
	return names
}

// mounts are the fields of what a RUN mounts, by their names in lower case.
func (s step) mounts() []map[string]string {
	var list []map[string]string
	for _, f := range s.flags {
		text, ok := strings.CutPrefix(f, "--mount=")
		if !ok || s.name != "RUN" {
			continue
		}
		fields := map[string]string{}
		for field := range strings.SplitSeq(text, ",") {
			name, value, _ := strings.Cut(strings.Trim(field, quoting), "=")
			fields[strings.ToLower(name)] = strings.Trim(value, quoting)
		}
		list = append(list, fields)
	}
	return list
}

var continued = regexp.MustCompile("[\\\\`][ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*")

// joined is a Dockerfile with its continued lines as one, whatever character continues
// them, for who looks for what no builder may read in it.
func joined(text []byte) []byte { return continued.ReplaceAll(text, nil) }
