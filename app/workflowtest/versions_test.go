package workflowtest

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/tool"
	"github.com/seed-bc0cc349/anvil/config"
)

// versioned are the ways in which a file says the version of a tool.
var versioned = map[string]*regexp.Regexp{
	"codex":        regexp.MustCompile(`(?:@openai/codex@|\bCODEX=)(\d+\.\d+\.\d+)`),
	"claude":       regexp.MustCompile(`(?:@anthropic-ai/claude-code[a-z0-9-]*@|\bCLAUDE=|such as )(\d+\.\d+\.\d+)`),
	"devcontainer": regexp.MustCompile(`(?:@devcontainers/cli@|\bDEVCONTAINER=|(?m:^cli=))(\d+\.\d+\.\d+)`),
}

// Wherever a tool's version stands, it is the one that a runner fetches by its digest,
// and that the adapters were tried with. No workflow fetches one in another way.
func TestToolsHaveOneVersion(t *testing.T) {
	t.Parallel()
	known, found := tool.Known(), map[string]int{}
	for kind, want := range map[string]string{"codex": known["codex"].Version, "claude": known["claude"].Version} {
		if got := config.TestedVersion(kind); got != want {
			t.Errorf("the adapter of %s was tried with %s, and %s is fetched", kind, got, want)
		}
	}
	for _, pattern := range []string{
		"Makefile", "README.md", "docs/*.md", ".ci/*", "runner-image/*", "config/anvil.example.yaml", ".github/workflows/*.yml", "config/workflow/*.yml", "action/*/*.go",
	} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("there is no %s (%v)", pattern, err)
		}
		for _, file := range files {
			if file == filepath.Join(root, ".ci/tools") {
				continue // a directory
			}
			text := readText(t, file)
			if strings.HasSuffix(file, ".yml") && strings.Contains(text, "npm ") {
				t.Errorf("%s asks npm: the runner fetches what it lacks, and compares it", file)
			}
			for name, how := range versioned {
				for _, m := range how.FindAllStringSubmatch(text, -1) {
					found[name]++
					if want := known[name].Version; m[1] != want {
						t.Errorf("%s says %s, and %s is fetched", strings.TrimPrefix(file, root+"/"), m[0], want)
					}
				}
			}
		}
	}
	for name, at := range map[string]int{"codex": 6, "claude": 6, "devcontainer": 4} { // Makefile, README, Dockerfile, ...
		if found[name] < at {
			t.Errorf("the version of %s was found at %d places: does this test still know how it is written?", name, found[name])
		}
	}
}
