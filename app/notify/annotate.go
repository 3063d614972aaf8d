package notify

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// maxAnnotations is how many places of one task are annotated: more is not read,
// and each fifty are a request.
const maxAnnotations = 200

// places are what a task's check run points at: what inspection found, protected
// files, and the lines that failed checks name.
func places(s anvil.Story) []Place {
	run := s.Run()
	var all []Place
	seen := map[Place]bool{}
	add := func(n Place) {
		n.Line = max(n.Line, 1) // GitHub has no annotation of a whole file
		if !seen[n] && len(all) < maxAnnotations {
			seen[n] = true
			all = append(all, n)
		}
	}
	if o := s.Task.Outcome; o != nil && o.Problem != nil {
		for _, p := range o.Problem.Places {
			add(Place{
				Path: sanitize.From(p.Path), Line: p.Line, Level: "failure",
				Title: sanitize.From(string(o.Problem.Code)), Message: sanitize.From(p.What),
			})
		}
	}
	if run.Verdict != nil {
		for _, name := range run.Verdict.Protected {
			add(Place{
				Path: sanitize.From(name), Level: "warning",
				Title: sanitize.From("PROTECTED_FILES"), Message: sanitize.From("a protected file, which a person has to release"),
			})
		}
	}
	if run.Report == nil {
		return all
	}
	for _, c := range run.Report.Verification.Checks {
		if c.Status == anvil.Passed {
			continue
		}
		for line := range strings.Lines(c.OutputTail) {
			if n, ok := pointsAt(line, run.Verdict); ok {
				n.Title = sanitize.From(c.Name)
				add(n)
			}
		}
	}
	return all
}

// pointer is how compilers, linters and test frameworks name a place, such as
// "./file.go:12:3: undefined: x" or "    file_test.go:12: got 1".
var pointer = regexp.MustCompile(`^\s*(?:[a-z]+: )?([^\s:'"()]+\.[A-Za-z0-9]+):([0-9]{1,7})(?::[0-9]+)?:?\s+(\S.*)$`)

// pointsAt reads one line of a check's output. Tools name files relative to where
// they run, which need not be the top: a name that fits one changed file only
// stands for that file. A place outside the tree is none of the repository's.
func pointsAt(line string, change *anvil.Verdict) (n Place, ok bool) {
	m := pointer.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if m == nil {
		return n, false
	}
	name := path.Clean(m[1])
	if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || sanitize.Path(name) != name {
		return n, false
	}
	number, err := strconv.Atoi(m[2])
	if err != nil {
		return n, false
	}
	return Place{Path: sanitize.From(inChange(name, change)), Line: number, Level: "failure", Message: sanitize.From(m[3])}, true
}

// inChange returns the path of the one changed file that ends in name, or name.
func inChange(name string, change *anvil.Verdict) string {
	if change == nil {
		return name
	}
	found := ""
	for _, f := range change.Files {
		switch {
		case f.Path == name:
			return name
		case strings.HasSuffix(f.Path, "/"+name) && found == "":
			found = f.Path
		case strings.HasSuffix(f.Path, "/"+name):
			return name // it could be either
		}
	}
	if found == "" {
		return name
	}
	return found
}
