package workflowtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cacheMode is a key that GitHub has and its published parser does not know yet.
const cacheMode = "cache-mode: none\n"

// GitHub's own parser takes every workflow of ours, those that we ship included, and finds
// what is wrong with one.
func TestWorkflowFilesAreGitHubs(t *testing.T) {
	t.Parallel()
	modules := os.Getenv("ANVIL_WORKFLOW_PARSER")
	if modules == "" {
		t.Skip("ANVIL_WORKFLOW_PARSER does not name a folder with GitHub's parser: `make test-workflows` installs it and sets it")
	}
	parser := filepath.Join(t.TempDir(), "parse.cjs")
	bundle := exec.Command(filepath.Join(modules, ".bin", "esbuild"), "testdata/parse.mjs", "--bundle", "--platform=node", "--format=cjs", "--log-level=error", "--outfile="+parser)
	bundle.Env = append(os.Environ(), "NODE_PATH="+modules)
	if out, err := bundle.CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
	faults := func(text string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "workflow.yml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("node", parser, file).CombinedOutput()
		if err != nil {
			t.Fatalf("the parser: %v\n%s", err, out)
		}
		return string(out)
	}
	files := 0
	for _, pattern := range []string{".github/workflows/*.yml", "config/workflow/*.yml"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			files++
			text := strings.Replace(readText(t, name), cacheMode, "", 1)
			if said := faults(text); said != "" {
				t.Errorf("%s: %s", strings.TrimPrefix(name, root+"/"), said)
			}
			if faults(strings.Replace(text, "\njobs:", "\njobz:", 1)) == "" {
				t.Errorf("%s: a key that is none was not noticed", strings.TrimPrefix(name, root+"/"))
			}
		}
	}
	if files < 8 {
		t.Errorf("%d files were read", files)
	}
}
