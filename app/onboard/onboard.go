package onboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/config"
)

// Branch is where the files are proposed.
const Branch = "anvil/setup"

// WorkflowPath is where a repository has the caller workflow.
const WorkflowPath = ".github/workflows/anvil.yml"

// Codes of what can be wrong.
const (
	CodeRepository anvil.Code = "INIT_REPOSITORY" // it cannot be read with this token
	CodeDone       anvil.Code = "INIT_DONE"       // it has the files
	CodeBranch     anvil.Code = "INIT_BRANCH"     // the branch is taken
	CodePush       anvil.Code = "INIT_PUSH"       // the token may not write
)

// Kind is what a repository begins with.
type Kind struct {
	Standalone bool // without a server
	// Ref is the tag, commit or branch of Anvil's that the workflow calls, and Note what
	// people should know of it; empty: nothing.
	Ref, Note string
}

// called is the line by which our workflow files call Anvil.
var called = regexp.MustCompile(`(?m)^ *uses: seed-bc0cc349/anvil/[^@\n]+@main$`)

// Files are what a repository needs, by path.
func Files(k Kind) map[string][]byte {
	workflow := config.CallerWorkflow
	if k.Standalone {
		workflow = config.StandaloneWorkflow
	}
	at := k.Ref
	if k.Note != "" {
		at += " # " + k.Note
	}
	workflow = called.ReplaceAllFunc(workflow, func(line []byte) []byte {
		return slices.Concat(bytes.TrimSuffix(line, []byte("main")), []byte(at))
	})
	return map[string][]byte{WorkflowPath: workflow, policy.Path: commented(config.ExampleRules)}
}

// commented makes comments of all settings: an example must not choose for anybody.
func commented(example []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(example)) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			line = "#" + line
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// Opened is the pull request, and whether it was there before.
type Opened struct {
	URL     string
	Number  int
	Existed bool
}

// Open proposes the files to OWNER/NAME. Files that the repository has already stay as
// they are.
func Open(ctx context.Context, hub *github.App, token, owner, name string, k Kind) (Opened, error) {
	repo, err := hub.Named(ctx, owner, name)
	if err != nil {
		return Opened{}, anvil.Problemf(CodeRepository, "Check the name, and that your token may read it and is not expired", "the repository %s cannot be read", policy.Shown(owner+"/"+name)).Because(err)
	}
	if pull, found, err := hub.FindPullRequest(ctx, repo, Branch); err != nil {
		return Opened{}, err
	} else if found && pull.State == "open" {
		return Opened{pull.URL, pull.Number, true}, nil
	}
	branch, tip, err := hub.DefaultBranchCommit(ctx, repo)
	if errors.Is(err, github.ErrNotFound) {
		return Opened{}, anvil.Problemf("REPO_EMPTY", "Push a first commit", "the repository has no commit on its default branch")
	}
	if err != nil {
		return Opened{}, err
	}
	files := Files(k)
	for path := range files {
		if _, err := hub.File(ctx, repo, path, tip); err == nil {
			delete(files, path)
		} else if !errors.Is(err, github.ErrNotFound) {
			return Opened{}, err
		}
	}
	if len(files) == 0 {
		return Opened{}, anvil.Problemf(CodeDone, "Change them as you like; `anvil init --print` shows ours", "%s and %s are on %s already", WorkflowPath, policy.Path, branch)
	}
	if err := push(ctx, hub.CloneURL(repo), token, tip, files); err != nil {
		return Opened{}, err
	}
	pull, err := hub.CreatePullRequest(ctx, repo, github.NewPullRequest{Title: "Set up Anvil", Body: body(files, k), Head: Branch, Base: branch})
	return Opened{pull.URL, pull.Number, false}, err
}

// push brings the files to the branch as one commit. It is dated by nothing that
// changes, so that an interrupted call can be made again.
func push(ctx context.Context, address, token, tip string, files map[string][]byte) error {
	program, err := git.Find(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "anvil-init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := program.InitBare(ctx, filepath.Join(dir, "repository"))
	if err != nil {
		return err
	}
	if err := r.FetchCommit(ctx, address, token, tip); err != nil {
		return err
	}
	tree, err := r.WithFiles(ctx, tip, files)
	if err != nil {
		return err
	}
	anvilItself := git.Identity{Name: "anvil init", Email: "anvil-init@users.noreply.github.com", When: time.Unix(0, 0)}
	commit, err := r.CommitTree(ctx, git.Commit{Tree: tree, Parents: []string{tip}, Message: "Set up Anvil", Author: anvilItself, Committer: anvilItself})
	if err != nil {
		return err
	}
	err = r.Push(ctx, address, token, commit, "refs/heads/"+Branch, "")
	if refused, ok := errors.AsType[*git.PushError](err); ok && refused.Stale {
		return anvil.Problemf(CodeBranch, "Delete it, or open the pull request from it by hand", "the branch %s is there already, with something else on it", Branch).Because(err)
	}
	if err != nil {
		return anvil.Problemf(CodePush, "Use a token that may write contents and workflows: `gh auth refresh -s workflow`, or a fine-grained token with both", "GitHub did not take the branch").Because(err)
	}
	return nil
}

func body(files map[string][]byte, k Kind) string {
	text := "This sets up Anvil: a comment `/anvil …` on an issue becomes a pull request.\n\n"
	for _, path := range slices.Sorted(maps.Keys(files)) {
		text += fmt.Sprintf("- `%s`\n", path)
	}
	text += fmt.Sprintf("\nThe workflow calls Anvil at `%s`", k.Ref)
	if k.Note != "" {
		text += ", " + k.Note
	}
	text += ".\n"
	if k.Standalone {
		return text + "\nIt runs without a server. Before you merge, add the repository secret `ANVIL_MODEL_KEY`, and let GitHub Actions create pull requests (Settings, Actions, General).\n"
	}
	return text + "\nThe server starts the workflow; the App must be installed on this repository.\n"
}
