package workflowtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// newer are keys that GitHub has, and neither act nor actionlint knows at the versions
// that we use. They are taken out of what these two read.
var newer = regexp.MustCompile(`(?m)^ *(cache-mode: none|queue: max)\n`)

// known is a workflow's text as those two programs know the language.
func known(text string) string { return newer.ReplaceAllString(text, "") }

// makeKnown takes the newer keys out of the workflows of a tree.
func makeKnown(t *testing.T, tree string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tree, ".github/workflows/*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if err := os.WriteFile(name, []byte(known(readText(t, name))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// No job of ours reads or writes the Actions cache, and none that waits is cancelled by
// the next one in its group: every workflow says so.
func TestWorkflowsKeepNoCacheAndLoseNobody(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%v %v", files, err)
	}
	for _, name := range files {
		text := readText(t, name)
		for _, problem := range brokenNewer(text) {
			t.Errorf("%s: %s", strings.TrimPrefix(name, root+"/"), problem)
		}
		if got := brokenNewer(strings.Replace(text, "cache-mode: none", "cache-mode: write", 1)); len(got) != 1 {
			t.Errorf("%s: a cache was not noticed: %q", name, got)
		}
		if got := brokenNewer(strings.Replace(text, "queue: max\n", "", 1)); strings.Contains(text, "queue: max") && len(got) != 1 {
			t.Errorf("%s: a job that may be lost was not noticed: %q", name, got)
		}
	}
}

func brokenNewer(text string) (problems []string) {
	type group struct {
		Cancel string `yaml:"cancel-in-progress"`
		Queue  string
	}
	var file struct {
		CacheMode   string `yaml:"cache-mode"`
		Concurrency group
		Jobs        map[string]struct {
			CacheMode   string `yaml:"cache-mode"`
			Concurrency group
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return []string{err.Error()}
	}
	if file.CacheMode != "none" {
		problems = append(problems, "cache-mode is "+file.CacheMode)
	}
	groups := []group{file.Concurrency}
	for name, job := range file.Jobs {
		if job.CacheMode != "" {
			problems = append(problems, "job "+name+" has a cache-mode of its own")
		}
		groups = append(groups, job.Concurrency)
	}
	for _, g := range groups {
		if g.Cancel == "false" && g.Queue != "max" {
			problems = append(problems, "a job that waits in a group is cancelled by the next one")
		}
	}
	return problems
}
