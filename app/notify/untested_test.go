package notify

import (
	"testing"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Whether a test was changed with the code is told by the names that tools know tests by.
func TestChangedFilesWithoutAChangedTest(t *testing.T) {
	t.Parallel()
	change := func(paths ...string) *Change {
		c := &Change{}
		for _, p := range paths {
			c.Files = append(c.Files, File{Path: sanitize.From(p), Status: "M"})
		}
		return c
	}
	for _, test := range []string{
		"login_test.go", "src/login.test.ts", "src/login.spec.js", "test_login.py", "app/login_tests.py", "spec/login_spec.rb", "tests/login.rs",
		"src/test/java/LoginTest.java", "web/__tests__/login.js", "Login.Tests/LoginTests.cs",
	} {
		if all := untestedFiles(change("src/login.go", test)); len(all) != 0 {
			t.Errorf("%s is no test, so %v is untested", test, all)
		}
	}
	for _, other := range []string{"src/latest.go", "src/contest.py", "README.md", "src/attestation/sign.go", "inspect/hop.go"} {
		if all := untestedFiles(change("src/login.go", other)); len(all) == 0 {
			t.Errorf("%s is taken for a test", other)
		}
	}
	if all := untestedFiles(change("README.md", "docs/login.md", "package.json")); len(all) != 0 {
		t.Errorf("%v have no tests as a rule", all)
	}
	deleted := change("src/login.go")
	deleted.Files[0].Status = "D"
	if all := untestedFiles(deleted); len(all) != 0 {
		t.Errorf("%v is gone", all)
	}
}
