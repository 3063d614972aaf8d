package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Identity is who wrote or committed something, and when.
type Identity struct {
	Name  string
	Email string
	When  time.Time
}

// Commit is a commit to be made.
type Commit struct {
	Tree      string
	Parents   []string
	Message   string
	Author    Identity
	Committer Identity
}

// CommitTree writes a commit and returns its object name, which depends on
// nothing but c.
func (r *Repository) CommitTree(ctx context.Context, c Commit) (string, error) {
	args := []string{"commit-tree", "--no-gpg-sign"}
	for _, parent := range c.Parents {
		args = append(args, "-p", parent)
	}
	if err := need(append([]string{c.Tree}, c.Parents...)...); err != nil {
		return "", fmt.Errorf("writing a commit: %w", err)
	}
	env := append(c.Author.env("AUTHOR"), c.Committer.env("COMMITTER")...)
	out, err := r.program.run(ctx, command{
		dir:   r.dir,
		env:   env,
		stdin: strings.NewReader(strings.TrimRight(c.Message, "\n") + "\n"),
		args:  append(args, "-F", "-", c.Tree),
	})
	if err != nil {
		return "", fmt.Errorf("writing a commit: %w", err)
	}
	id := strings.TrimSpace(string(out))
	return id, need(id)
}

func (i Identity) env(role string) []string {
	clean := strings.NewReplacer("\n", " ", "\r", " ", "\x00", "", "<", "", ">", "").Replace
	return []string{
		"GIT_" + role + "_NAME=" + clean(i.Name),
		"GIT_" + role + "_EMAIL=" + clean(i.Email),
		fmt.Sprintf("GIT_%s_DATE=@%d +0000", role, i.When.Unix()),
	}
}

// Tree returns the tree of a commit.
func (r *Repository) Tree(ctx context.Context, commit string) (string, error) {
	if err := need(commit); err != nil {
		return "", fmt.Errorf("finding a tree: %w", err)
	}
	id, err := r.line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{tree}")
	if err != nil {
		return "", fmt.Errorf("finding the tree of %s: %w", commit, err)
	}
	id = strings.TrimSpace(strings.TrimPrefix(id, "--end-of-options"))
	return id, need(id)
}

// Descends says whether commit has base among its ancestors, or is it.
func (r *Repository) Descends(ctx context.Context, commit, base string) (bool, error) {
	if err := need(commit, base); err != nil {
		return false, fmt.Errorf("comparing commits: %w", err)
	}
	_, err := r.line(ctx, "merge-base", "--is-ancestor", base, commit)
	if failed, ok := errors.AsType[*Error](err); ok && failed.Code == 1 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("comparing commits: %w", err)
	}
	return true, nil
}

// Complete returns an error if any object that commit needs, and base does not
// have, is missing.
func (r *Repository) Complete(ctx context.Context, commit, base string) error {
	if err := need(commit, base); err != nil {
		return fmt.Errorf("looking for missing objects: %w", err)
	}
	_, err := r.line(ctx, "rev-list", "--objects", "--quiet", commit, "^"+base)
	if err != nil {
		return fmt.Errorf("looking for missing objects: %w", err)
	}
	return nil
}
