package verify

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
)

// Plan is what to run, and who said so.
type Plan struct {
	Commands []string // sh -c lines
	Source   string   // such as "detected: go.mod"; see runapi.Verification
	// Needs are programs that must be there for the commands to mean anything.
	Needs []string
	// Stop says that each command builds on those before it: the first one that fails is
	// the last.
	Stop bool
	// Reason says why there is nothing to run.
	Reason string
}

// maxManifest is how much of a project file is read to learn what it says.
const maxManifest = 1 << 20

// Detect says what the project in dir is tested with. Files are read through a
// root that symbolic links can't leave.
func Detect(dir string) Plan {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Plan{Reason: "the tree could not be read"}
	}
	defer root.Close()
	read := func(name string) (string, bool) {
		info, err := root.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxManifest {
			return "", false
		}
		b, err := root.ReadFile(name)
		return string(b), err == nil
	}
	if _, ok := read("go.mod"); ok {
		return Plan{Commands: []string{"go test ./..."}, Source: "detected: go.mod", Needs: []string{"go"}}
	}
	if text, ok := read("package.json"); ok {
		if commands := npm(text, read); commands != nil {
			return Plan{Commands: commands, Source: "detected: package.json", Needs: []string{"npm"}}
		}
	}
	if _, ok := read("Cargo.toml"); ok {
		return Plan{Commands: []string{"cargo test"}, Source: "detected: Cargo.toml", Needs: []string{"cargo"}}
	}
	for _, name := range []string{"GNUmakefile", "makefile", "Makefile"} {
		if text, ok := read(name); ok && testTarget.MatchString(text) {
			return Plan{Commands: []string{"make test"}, Source: "detected: " + name, Needs: []string{"make"}}
		}
	}
	return Plan{Reason: "no verification commands are set, and none of go.mod, package.json with a test script, Cargo.toml and a Makefile with a test target is there"}
}

var testTarget = regexp.MustCompile(`(?m)^test[ \t]*:([^=]|$)`)

// npm returns the commands for a package with a test script that tests
// something. `npm init` writes one that only fails. In a fresh checkout the
// dependencies have to be put in place first.
func npm(text string, read func(string) (string, bool)) []string {
	var p struct {
		Scripts         map[string]string `json:"scripts"`
		Dependencies    map[string]any    `json:"dependencies"`
		DevDependencies map[string]any    `json:"devDependencies"`
	}
	if json.Unmarshal([]byte(text), &p) != nil {
		return nil
	}
	script := p.Scripts["test"]
	if script == "" || strings.Contains(script, "no test specified") {
		return nil
	}
	if len(p.Dependencies)+len(p.DevDependencies) == 0 {
		return []string{"npm test"}
	}
	if _, ok := read("package-lock.json"); ok {
		return []string{"npm ci --no-audit --no-fund", "npm test"}
	}
	return []string{"npm install --no-audit --no-fund", "npm test"}
}
