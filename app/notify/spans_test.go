package notify_test

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/notify"
)

// A pull request says in one line where the time of its run went.
func TestSpans(t *testing.T) {
	t.Parallel()
	s := story(anvil.Succeeded)
	s.Runs[len(s.Runs)-1].Report = &anvil.Report{Spans: []anvil.Span{
		{Name: "claim", DurationMS: 40}, {Name: "workspace", DurationMS: 1260}, {Name: "work", DurationMS: 125_400},
	}}
	_, body := notify.PullRequest([]notify.Document{notify.Of(s)})
	if want := "<br>Time: claim 40 ms, workspace 1.3 s, work 2m5s.</sub>"; !strings.HasSuffix(body, want) {
		t.Errorf("want %q at the end of\n%s", want, body)
	}
}

// A pull request says what its run did not have of the repository.
func TestAbsent(t *testing.T) {
	t.Parallel()
	s := story(anvil.Succeeded)
	s.Runs[len(s.Runs)-1].Report = &anvil.Report{Absent: anvil.Absent{LFS: 3, Pointer: "a `b`\n.png", Submodules: 1, Submodule: "third/lib"}}
	_, body := notify.PullRequest([]notify.Document{notify.Of(s)})
	for _, want := range []string{"Done without 3 files that Git LFS keeps", "1 submodule (its directory was empty): `third/lib`."} {
		if !strings.Contains(body, want) {
			t.Errorf("want %q in\n%s", want, body)
		}
	}
}

// Who reads of a failure reads how to look into it, if there is something to look into.
func TestADebugPackageIsTold(t *testing.T) {
	t.Parallel()
	s := story(anvil.Failed, problem(anvil.Problemf("ENGINE_FAILED", "Try again", "it broke")))
	for _, left := range []bool{true, false} {
		s.Runs[len(s.Runs)-1].Report = &anvil.Report{Debug: left}
		d := notify.Of(s)
		for where, text := range map[string]string{"comment": notify.Comment(d), "check run": notify.CheckRun(d).Summary} {
			if strings.Contains(text, "`anvil show "+d.Task+" --debug FILE`") != left {
				t.Errorf("a package was left: %t; the %s:\n%s", left, where, text)
			}
		}
	}
}
