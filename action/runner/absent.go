package runner

import (
	"context"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// tellAbsent tells people, and has the agent be told, what the tree does not have of the
// repository.
func (j *job) tellAbsent(ctx context.Context, w *workspace.Workspace) error {
	a, err := w.Absent(ctx)
	if err != nil {
		return &runapi.Error{Code: codeWorkspace, What: err.Error() + ".", Next: "Say /anvil retry."}
	}
	there, troubles := w.FetchSubmodules(ctx, a.Submodules, j.assignment.Environment.Submodules)
	for _, err := range troubles {
		j.warn("Not fetched: %s", j.fit(err.Error(), maxText))
	}
	a.Submodules = slices.DeleteFunc(a.Submodules, func(m workspace.Submodule) bool { return slices.Contains(there, m.Path) })
	if len(there) > 0 {
		j.beside = "Fetched for reading: " + plural(len(there), "submodule") + ", " + j.fit(strings.Join(there, ", "), 500) + "."
		j.log.Say("%s", j.beside)
	}
	j.absent = runapi.Absent{Submodules: len(a.Submodules), LFS: len(a.LFS)}
	var said []string
	if files, missing := w.LeftOut(); files > 0 || len(missing) > 0 {
		said = append(said, plural(files, "file")+" outside of the directories that the rules name as sparse, "+strings.Join(j.assignment.Sparse, ", "))
		if len(missing) > 0 {
			j.warn("The base commit has no directory %s, which the rules name as sparse.", strings.Join(missing, ", "))
		}
	}
	if len(a.LFS) > 0 {
		j.absent.Pointer = j.fit(a.LFS[0], 200)
		said = append(said, plural(len(a.LFS), "file")+" of Git LFS: only pointers are there, such as "+j.absent.Pointer)
	}
	if len(a.Submodules) > 0 {
		j.absent.Submodule = j.fit(a.Submodules[0].Path, 200)
		said = append(said, plural(len(a.Submodules), "submodule")+": the directories are empty, such as "+j.absent.Submodule)
	}
	if len(said) > 0 {
		j.without = "Not in the workspace: " + strings.Join(said, "; ") + "."
		text := j.without
		if j.absent != (runapi.Absent{}) {
			text += " Runs have the repository itself and nothing that it keeps elsewhere."
		}
		j.log.Warn("%s", text)
		j.journal.quote(runapi.KindWarning, text, nil)
	}
	return nil
}

// withoutNote is what the agent is told of it.
func (j *job) withoutNote() string {
	var notes []string
	if j.beside != "" {
		notes = append(notes, j.beside+" What you change in them is not part of the change.")
	}
	if j.without != "" {
		notes = append(notes, j.without+" Do not replace them, and say so if the task needs them.")
	}
	return strings.Join(notes, " ")
}
