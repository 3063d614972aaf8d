package notify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/notify"
)

// The places that failed checks name are annotated in the words of the tool, and
// nothing else of the output is.
func TestFailedChecksPointAtLines(t *testing.T) {
	t.Parallel()
	const output = `# example.com/web
./greet.go:12:3: undefined: Hello
vet: pkg/a.go:7:1: unreachable code
    greet_test.go:40: got "" @team
--- FAIL: TestGreet (0.00s)
/usr/lib/go/src/fmt/print.go:3: not ours
../other/secret.go:1: not ours either
both.go:5: in which folder?
at 12:30: lunch
http://example.com:80: refused
./greet.go:12:3: undefined: Hello
`
	s := story(anvil.Succeeded, merged, func(s *anvil.Story) {
		v := &s.Runs[0].Report.Verification
		v.Status = anvil.NotPassed
		v.Checks = []anvil.Check{
			{Name: "go test ./...", Status: anvil.NotPassed, OutputTail: output},
			{Name: "true", Status: anvil.Passed, OutputTail: "fine.go:1: passed"},
		}
		s.Runs[0].Verdict.Files = []anvil.FileChange{{Path: "greet.go"}, {Path: "pkg/greet_test.go"}, {Path: "x/both.go"}, {Path: "y/both.go"}}
	})
	var got strings.Builder
	for _, n := range notify.CheckRun(notify.Of(s)).Annotations {
		fmt.Fprintf(&got, "%s:%d: %s: %s: %s\n", n.Path, n.Line, n.Level, n.Title, n.Message)
	}
	want := `greet.go:12: failure: go test ./...: undefined: Hello
pkg/a.go:7: failure: go test ./...: unreachable code
pkg/greet_test.go:40: failure: go test ./...: got "" ＠team
both.go:5: failure: go test ./...: in which folder?
`
	if got.String() != want {
		t.Errorf("the annotations are\n%s\nwant\n%s", got.String(), want)
	}
}

// What was found has its places, whole files at their first line, and no more of
// them than anybody reads.
func TestProblemsPointAtPlaces(t *testing.T) {
	t.Parallel()
	var places []anvil.Place
	for i := range 300 {
		places = append(places, anvil.Place{Path: fmt.Sprintf("f%d", i), Line: i, What: "looks like a secret: " + strings.Repeat("ä", 900)})
	}
	p := anvil.Problemf("SECRET_IN_DIFF", "", "the change contains what looks like a secret").At(places)
	check := notify.CheckRun(notify.Of(story(anvil.Failed, problem(p), func(s *anvil.Story) { s.Runs[0].Verdict = &anvil.Verdict{Protected: []string{"CODEOWNERS"}} })))
	if len(check.Annotations) != 200 {
		t.Fatalf("there are %d annotations, want 200", len(check.Annotations))
	}
	first := check.Annotations[0]
	if !strings.HasSuffix(first.Message, "ä…") || len([]rune(first.Message)) != 500 {
		t.Errorf("the message is not cut to 500 characters: %q", first.Message)
	}
	first.Message = ""
	if want := (github.Annotation{Path: "f0", Line: 1, Level: "failure", Title: "SECRET_IN_DIFF"}); first != want {
		t.Errorf("the first is %+v, want %+v", first, want)
	}
	check = notify.CheckRun(notify.Of(story(anvil.Failed, func(s *anvil.Story) { s.Runs[0].Verdict = &anvil.Verdict{Protected: []string{"CODEOWNERS"}} })))
	if n := check.Annotations; len(n) != 1 || n[0].Path != "CODEOWNERS" || n[0].Level != "warning" {
		t.Errorf("a protected file is annotated as %+v", n)
	}
}
