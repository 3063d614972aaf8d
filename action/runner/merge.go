package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// codeConflict says that a branch and its base could not be brought together.
const codeConflict = "BASE_CONFLICT"

// merge merges the base with the branch of the assignment, if it has one.
func (j *job) merge(ctx context.Context, w *workspace.Workspace) error {
	m := j.assignment.Merge
	if m == nil {
		return nil
	}
	conflicts, err := w.Merge(ctx, m.Head, m.Ancestor)
	if err != nil {
		return &runapi.Error{
			Code: codeConflict, What: fmt.Sprintf("%s could not be merged with %s: %v.", m.Branch, j.assignment.BaseRef, err),
			Next: "Say /anvil retry, or merge by hand.",
		}
	}
	j.conflicts = conflicts
	j.log.Say("Merged %s at %s with %s at %s: %s.", j.assignment.BaseRef, short(j.assignment.BaseCommit), m.Branch, short(m.Head), j.conflicting())
	j.journal.quote(runapi.KindNote, j.fit(j.merged(), maxText), nil)
	return nil
}

// settled reports whether the run is a merge without conflicts, which takes no agent.
func (j *job) settled() bool { return j.assignment.Merge != nil && len(j.conflicts) == 0 }

// merged is what the merge was, for people.
func (j *job) merged() string {
	return fmt.Sprintf("Merged `%s` at %s into `%s`: %s.", j.assignment.BaseRef, short(j.assignment.BaseCommit), j.assignment.Merge.Branch, j.conflicting())
}

// conflicting lists what was in conflict, the first of it.
func (j *job) conflicting() string {
	const most = 20
	if len(j.conflicts) == 0 {
		return "nothing was in conflict"
	}
	var names []string
	for _, name := range j.conflicts[:min(len(j.conflicts), most)] {
		names = append(names, "`"+strings.ReplaceAll(name, "`", "'")+"`")
	}
	text := "in conflict were " + strings.Join(names, ", ")
	if len(j.conflicts) == 1 {
		text = "in conflict was " + names[0]
	}
	if more := len(j.conflicts) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// mergeNote tells the agent what it finds after a merge.
func (j *job) mergeNote() string {
	if j.assignment.Merge == nil {
		return ""
	}
	note := "The directory is at commit " + short(j.assignment.BaseCommit) + " of " + j.assignment.BaseRef + ", merged with the branch of this thread's pull request; what the branch changes is in it, not committed. "
	if len(j.conflicts) == 0 {
		return note + "Nothing was in conflict."
	}
	return note + "Your work is to solve the conflicts and nothing else: " + j.conflicting() + ". Between <<<<<<< base and ======= stands what the base has, " +
		"and from there to >>>>>>> branch what the branch has; keep what both are for, and leave no mark. A file that one side deleted or that is no text has no marks: decide it."
}

// tell puts the merge before what an agent says of its work.
func (j *job) tell(a agent.Answer) agent.Answer {
	if j.assignment.Merge != nil {
		a.Text = strings.TrimSpace(j.merged() + "\n\n" + a.Text)
	}
	return a
}

// solved returns an error if marks of conflicts are left, in whatever file they are now.
func (j *job) solved(w *workspace.Workspace, r *workspace.Result) error {
	if len(j.conflicts) == 0 {
		return nil
	}
	paths := slices.Clone(j.conflicts)
	for _, c := range r.Files {
		paths = append(paths, c.Path)
	}
	slices.Sort(paths)
	left, err := w.Marked(slices.Compact(paths))
	if err == nil && len(left) == 0 {
		return nil
	}
	what := fmt.Sprintf("The conflicts of %s with %s are not solved: marks are left in %s.", j.assignment.Merge.Branch, j.assignment.BaseRef, strings.Join(left, ", "))
	if err != nil {
		what = err.Error()
	}
	return &runapi.Error{Code: codeConflict, What: what, Next: "Say /anvil rebase to have it tried again, or merge by hand: /anvil handoff says how to get the branch."}
}
