package notify

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// sources are the endings of files that have tests as a rule.
var sources = regexp.MustCompile(`(?i)\.(c|cc|cpp|cs|clj|dart|ex|exs|go|h|hpp|hs|java|js|jsx|kt|lua|mjs|ml|php|pl|py|rb|rs|scala|sh|swift|ts|tsx|vue|zig)$`)

// tests are the names by which the usual tools know tests: a directory, or the file.
var (
	testDir  = regexp.MustCompile(`(?i)(^|/)(tests?|specs?|__tests__|testdata|e2e)/`)
	testFile = regexp.MustCompile(`(?i)(^(test|spec)[_.-]|[_.-](test|tests|spec)\.[^.]+$|Tests?\.(java|kt|cs|swift|php|scala)$)`)
)

// isTest reports whether a path is a test's, by its name.
func isTest(p string) bool { return testDir.MatchString(p) || testFile.MatchString(path.Base(p)) }

// untestedFiles lists the changed source files of a change that has no changed test.
func untestedFiles(c *Change) (all []sanitize.Text) {
	if c == nil {
		return nil
	}
	for _, f := range c.Files {
		p := f.Path.Path()
		switch {
		case f.Status == "D":
		case isTest(p):
			return nil
		case sources.MatchString(p):
			all = append(all, f.Path)
		}
	}
	return all
}

// untested says what of a change nothing has tested, as far as that is known: what the
// verification says, what can be told from the names of changed files, and the agent's own
// word.
func untested(d Document) string {
	const most = 10
	var b strings.Builder
	switch v := d.Verification; {
	case v == nil || v.Status == Unverified:
		b.WriteString("- Everything: no check was run on this change.\n")
	case v.Status == NotPassed:
		b.WriteString("- What the failed checks would have shown.\n")
	}
	if files := untestedFiles(d.Change); len(files) > 0 {
		var names []string
		for i, f := range files {
			if i == most {
				names = append(names, fmt.Sprintf("%d more", len(files)-most))
				break
			}
			names = append(names, f.Code())
		}
		fmt.Fprintf(&b, "- No test was changed or added with %s. Whether the tests that are there cover it was not measured.\n", strings.Join(names, ", "))
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	if !d.Report.Untested.Empty() {
		b.WriteString("The agent says:\n\n" + quote(d.Report.Untested.Markdown()) + "\n\n")
	}
	if b.Len() == 0 {
		return "No gap is known: checks passed, and the agent named none. What the checks cover was not measured.\n\n"
	}
	return b.String()
}
