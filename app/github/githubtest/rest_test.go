package githubtest_test

import (
	"testing"
	"time"

	"github.com/google/go-github/v62/github"
)

// Everything that Anvil asks of GitHub about a repository is answered as GitHub's
// own description says; the validator of the town sees to that.
func TestReadingARepository(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, gh := t.Context(), w.asInstallation(nil)

	repo, _, err := gh.Repositories.Get(ctx, "acme", "widget")
	w.must(err)
	if repo.GetID() != w.repo.ID || repo.GetDefaultBranch() != "main" || repo.GetCloneURL() != w.srv.URL+"/acme/widget.git" {
		t.Errorf("repository %+v", repo)
	}
	same, _, err := gh.Repositories.GetByID(ctx, w.repo.ID)
	w.must(err)
	if same.GetFullName() != "acme/widget" {
		t.Errorf("by id: %s", same.GetFullName())
	}
	file, _, _, err := gh.Repositories.GetContents(ctx, "acme", "widget", ".github/workflows/anvil.yml", &github.RepositoryContentGetOptions{Ref: "main"})
	w.must(err)
	if content, err := file.GetContent(); err != nil || content != workflow {
		t.Errorf("content %q, %v", content, err)
	}
	_, list, _, err := gh.Repositories.GetContents(ctx, "acme", "widget", "", nil)
	w.must(err)
	if len(list) != 4 {
		t.Errorf("%d entries at the root, want 4", len(list))
	}
	_, _, res, err := gh.Repositories.GetContents(ctx, "acme", "widget", "nowhere", nil)
	w.refused(404, "Not Found", res, err)
	ref, _, err := gh.Git.GetRef(ctx, "acme", "widget", "heads/main")
	w.must(err)
	sha := ref.GetObject().GetSHA()
	if sha != w.srv.Refs(w.repo)["refs/heads/main"] {
		t.Errorf("main is at %s", sha)
	}
	_, res, err = gh.Git.GetRef(ctx, "acme", "widget", "heads/ma")
	w.refused(404, "Not Found", res, err)
	refs, _, err := gh.Git.ListMatchingRefs(ctx, "acme", "widget", &github.ReferenceListOptions{Ref: "heads/ma"})
	w.must(err)
	if len(refs) != 1 {
		t.Errorf("%d refs begin with heads/ma, want 1", len(refs))
	}
	commit, _, err := gh.Git.GetCommit(ctx, "acme", "widget", sha)
	w.must(err)
	if commit.GetMessage() != "Initial commit" || commit.GetTree().GetSHA() == "" {
		t.Errorf("commit %+v", commit)
	}
	w.srv.Commit(w.repo, w.mona, "fix/slash", "A fix", map[string]string{"main.go": "package main\n"})
	branch, _, err := gh.Repositories.GetBranch(ctx, "acme", "widget", "fix/slash", 0)
	w.must(err)
	if branch.GetCommit().GetCommit().GetMessage() != "A fix" {
		t.Errorf("branch %+v", branch)
	}
	cmp, _, err := gh.Repositories.CompareCommits(ctx, "acme", "widget", "main", "fix/slash", nil)
	w.must(err)
	if cmp.GetAheadBy() != 1 || len(cmp.Files) != 1 {
		t.Errorf("ahead by %d with %d files", cmp.GetAheadBy(), len(cmp.Files))
	}
}

func TestRolesAreToldWithIDs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(nil)
	for login, want := range map[string][2]string{
		"acme": {"admin", "admin"}, "mona": {"write", "write"}, "rita": {"read", "read"}, "otto": {"none", "none"},
	} {
		level, _, err := gh.Repositories.GetPermissionLevel(t.Context(), "acme", "widget", login)
		w.must(err)
		if level.GetPermission() != want[0] || level.GetUser().GetRoleName() != want[1] || level.GetUser().GetLogin() != login || level.GetUser().GetID() == 0 {
			t.Errorf("%s: %s as %s, id %d", login, level.GetPermission(), level.GetUser().GetRoleName(), level.GetUser().GetID())
		}
	}
	w.srv.SetRole(w.repo, w.mona, "triage")
	level, _, err := gh.Repositories.GetPermissionLevel(t.Context(), "acme", "widget", "mona")
	w.must(err)
	if level.GetPermission() != "read" || level.GetUser().GetRoleName() != "triage" {
		t.Errorf("triage is told as %s, role %s", level.GetPermission(), level.GetUser().GetRoleName())
	}
	_, res, err := gh.Repositories.GetPermissionLevel(t.Context(), "acme", "widget", "nobody")
	w.refused(404, "is not a user", res, err)
}

func TestIssuesCommentsAndReactions(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, gh := t.Context(), w.asInstallation(nil)
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is broken", "Look")
	got, _, err := gh.Issues.Get(ctx, "acme", "widget", issue.Number)
	w.must(err)
	if got.GetUser().GetID() != w.mona.ID || got.GetState() != "open" {
		t.Errorf("issue %+v", got)
	}
	var ids []int64
	for range 35 {
		c, _, err := gh.Issues.CreateComment(ctx, "acme", "widget", issue.Number, &github.IssueComment{Body: new("On it")})
		w.must(err)
		ids = append(ids, c.GetID())
		if c.GetUser().GetLogin() != "anvil[bot]" || c.GetUser().GetType() != "Bot" {
			t.Fatalf("comment by %s", c.GetUser())
		}
	}
	page, res, err := gh.Issues.ListComments(ctx, "acme", "widget", issue.Number, &github.IssueListCommentsOptions{Since: new(time.Now().Add(-time.Hour))})
	w.must(err)
	if len(page) != 30 || res.NextPage != 2 || res.LastPage != 2 {
		t.Errorf("page of %d, next %d, last %d", len(page), res.NextPage, res.LastPage)
	}
	future, _, err := gh.Issues.ListComments(ctx, "acme", "widget", issue.Number, &github.IssueListCommentsOptions{Since: new(time.Now().Add(time.Hour))})
	w.must(err)
	if len(future) != 0 {
		t.Errorf("%d comments of the future", len(future))
	}
	edited, _, err := gh.Issues.EditComment(ctx, "acme", "widget", ids[0], &github.IssueComment{Body: new("Done")})
	w.must(err)
	if edited.GetBody() != "Done" || w.srv.Comments(w.repo, issue.Number)[0].Edits != 1 {
		t.Errorf("edited comment %+v", edited)
	}
	_, err = gh.Issues.DeleteComment(ctx, "acme", "widget", ids[1])
	w.must(err)
	_, res, err = gh.Issues.GetComment(ctx, "acme", "widget", ids[1])
	w.refused(404, "Not Found", res, err)
	long := make([]byte, 65537)
	for i := range long {
		long[i] = 'x'
	}
	_, res, err = gh.Issues.CreateComment(ctx, "acme", "widget", issue.Number, &github.IssueComment{Body: new(string(long))})
	w.refused(422, "body is too long", res, err)

	eyes, _, err := gh.Reactions.CreateIssueCommentReaction(ctx, "acme", "widget", ids[0], "eyes")
	w.must(err)
	again, res, err := gh.Reactions.CreateIssueCommentReaction(ctx, "acme", "widget", ids[0], "eyes")
	w.must(err)
	if again.GetID() != eyes.GetID() || res.StatusCode != 200 {
		t.Errorf("the same reaction twice: %d with %d", res.StatusCode, again.GetID())
	}
	_, _, err = gh.Reactions.CreateIssueReaction(ctx, "acme", "widget", issue.Number, "rocket")
	w.must(err)
	all, _, err := gh.Reactions.ListIssueCommentReactions(ctx, "acme", "widget", ids[0], nil)
	w.must(err)
	if len(all) != 1 || len(w.srv.Reactions(w.repo)) != 2 {
		t.Errorf("%d reactions to the comment, %d in all", len(all), len(w.srv.Reactions(w.repo)))
	}
	_, err = gh.Reactions.DeleteIssueCommentReaction(ctx, "acme", "widget", ids[0], eyes.GetID())
	w.must(err)
	if left := w.srv.Reactions(w.repo); len(left) != 1 || left[0].Content != "rocket" {
		t.Errorf("left: %v", left)
	}
	_, res, err = gh.Reactions.CreateIssueReaction(ctx, "acme", "widget", issue.Number, "shrug")
	w.refused(422, "Validation Failed", res, err)
	_, _, err = gh.Issues.Edit(ctx, "acme", "widget", issue.Number, &github.IssueRequest{State: new("closed")})
	w.must(err)
	made, _, err := gh.Issues.Create(ctx, "acme", "widget", &github.IssueRequest{Title: new("Follow-up"), Labels: &[]string{"bug"}})
	w.must(err)
	if made.GetNumber() != 2 || made.Labels[0].GetName() != "bug" {
		t.Errorf("made %+v", made)
	}
}

func TestPullRequestsAndChecks(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, gh := t.Context(), w.asInstallation(nil)
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is broken", "")
	sha := w.srv.Commit(w.repo, w.mona, "anvil/1-fix", "Fix it", map[string]string{"main.go": "package main\n\nfunc main() { fix() }\n", "fix.go": "package main\n\nfunc fix() {}\n"})
	in := &github.NewPullRequest{Title: new("Fix it"), Head: new("anvil/1-fix"), Base: new("main"), Body: new("Closes #1"), Draft: new(true)}
	pull, _, err := gh.PullRequests.Create(ctx, "acme", "widget", in)
	w.must(err)
	if pull.GetNumber() != 2 || pull.GetHead().GetSHA() != sha || pull.GetChangedFiles() != 2 || pull.GetAdditions() != 4 || pull.GetDeletions() != 1 || pull.GetCommits() != 1 {
		t.Errorf("pull request %d at %s: %d files, +%d -%d in %d commits", pull.GetNumber(), pull.GetHead().GetSHA(), pull.GetChangedFiles(), pull.GetAdditions(), pull.GetDeletions(), pull.GetCommits())
	}
	_, res, err := gh.PullRequests.Create(ctx, "acme", "widget", in)
	w.refused(422, "A pull request already exists for acme:anvil/1-fix.", res, err)
	_, res, err = gh.PullRequests.Create(ctx, "acme", "widget", &github.NewPullRequest{Title: new("x"), Head: new("nowhere"), Base: new("main")})
	w.refused(422, "Validation Failed", res, err)
	for head, want := range map[string]int{"acme:anvil/1-fix": 1, "acme:other": 0, "other:anvil/1-fix": 0} {
		list, _, err := gh.PullRequests.List(ctx, "acme", "widget", &github.PullRequestListOptions{State: "open", Head: head})
		w.must(err)
		if len(list) != want {
			t.Errorf("%d pull requests from %s, want %d", len(list), head, want)
		}
	}
	w.must(func() error {
		_, _, err := gh.PullRequests.Edit(ctx, "acme", "widget", 2, &github.PullRequest{Title: new("Fix it well")})
		return err
	}())
	files, _, err := gh.PullRequests.ListFiles(ctx, "acme", "widget", 2, nil)
	w.must(err)
	if len(files) != 2 {
		t.Errorf("%d files", len(files))
	}

	check, _, err := gh.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{Name: "anvil", HeadSHA: sha, Status: new("in_progress"), ExternalID: new("task.1")})
	w.must(err)
	if check.GetStatus() != "in_progress" || check.Conclusion != nil || len(check.PullRequests) != 1 {
		t.Errorf("check %+v", check)
	}
	_, res, err = gh.Checks.UpdateCheckRun(ctx, "acme", "widget", check.GetID(), github.UpdateCheckRunOptions{Name: "anvil", Status: new("completed")})
	w.refused(422, "conclusion", res, err)
	_, _, err = gh.Checks.UpdateCheckRun(ctx, "acme", "widget", check.GetID(), github.UpdateCheckRunOptions{Name: "anvil", Status: new("completed"), Conclusion: new("success"),
		Output: &github.CheckRunOutput{Title: new("Verified"), Summary: new("All is **well**")}})
	w.must(err)
	_, _, err = gh.Checks.GetCheckRun(ctx, "acme", "widget", check.GetID())
	w.must(err)
	list, _, err := gh.Checks.ListCheckRunsForRef(ctx, "acme", "widget", sha, &github.ListCheckRunsOptions{CheckName: new("anvil")})
	w.must(err)
	if list.GetTotal() != 1 || list.CheckRuns[0].GetConclusion() != "success" {
		t.Errorf("checks %+v", list)
	}
	_, res, err = gh.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{Name: "anvil", HeadSHA: "1234567890123456789012345678901234567890"})
	w.refused(422, "No commit found", res, err)

	// A person merges it: the issue that it closes is closed.
	w.srv.MarkReady(w.repo, 2, w.mona)
	merged := w.srv.Merge(w.repo, 2, w.mona)
	if got := w.srv.Refs(w.repo)["refs/heads/main"]; !merged.Merged || got != merged.MergeCommit {
		t.Errorf("main is at %s after the merge %s", got, merged.MergeCommit)
	}
	closed, _, err := gh.Issues.Get(ctx, "acme", "widget", issue.Number)
	w.must(err)
	if closed.GetState() != "closed" {
		t.Errorf("the issue is %s after the merge", closed.GetState())
	}
	pull, _, err = gh.PullRequests.Get(ctx, "acme", "widget", 2)
	w.must(err)
	if !pull.GetMerged() || pull.GetState() != "closed" || pull.GetMergedBy().GetLogin() != "mona" {
		t.Errorf("pull request %s, merged %v by %s", pull.GetState(), pull.GetMerged(), pull.GetMergedBy().GetLogin())
	}
}

func TestARenamedRepositoryIsFollowed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(nil)
	w.srv.RenameRepository(w.repo, "gadget")
	repo, _, err := gh.Repositories.Get(t.Context(), "acme", "widget")
	w.must(err)
	if repo.GetFullName() != "acme/gadget" || repo.GetID() != w.repo.ID {
		t.Errorf("followed to %s", repo.GetFullName())
	}
	w.srv.SetArchived(w.repo, true)
	issue := w.srv.CreateIssue(w.repo, w.mona, "Late", "")
	_, res, err := gh.Issues.CreateComment(t.Context(), "acme", "gadget", issue.Number, &github.IssueComment{Body: new("hello")})
	w.refused(403, "archived", res, err)
}
