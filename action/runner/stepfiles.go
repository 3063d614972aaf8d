package runner

import (
	"os"
	"slices"
	"strings"
)

// stepFiles remembers the files through which a step changes later ones: an agent
// that runs as the same user can find and write them.
type stepFiles map[string][]byte

func guardStepFiles(getenv func(string) string) stepFiles {
	s := stepFiles{}
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		if path := getenv(name); path != "" {
			if b, err := os.ReadFile(path); err == nil {
				s[name+"="+path] = b
			}
		}
	}
	return s
}

// restore gives each file the content it had, and names those that had another.
func (s stepFiles) restore() (changed []string) {
	for key, was := range s {
		name, path, _ := strings.Cut(key, "=")
		// Looked at before it is read: it may be a pipe by now, or a link to one.
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == int64(len(was)) {
			if b, err := os.ReadFile(path); err == nil && string(b) == string(was) {
				continue
			}
		}
		_ = os.Remove(path)
		_ = os.WriteFile(path, was, 0o644)
		changed = append(changed, name)
	}
	slices.Sort(changed)
	return changed
}
