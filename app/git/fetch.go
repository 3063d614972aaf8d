package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// baseRef keeps a fetched commit reachable.
const baseRef = "refs/anvil/base"

// FetchCommit brings the one commit id with its tree, and without its history,
// from the repository at address. An error wraps [ErrMissing] or
// [ErrUnauthorized] where the remote said so.
func (r *Repository) FetchCommit(ctx context.Context, address, token, id string) error {
	if err := need(id); err != nil {
		return fmt.Errorf("fetching a commit: %w", err)
	}
	from, err := newRemote(address, token)
	if err != nil {
		return fmt.Errorf("fetching a commit: %w", err)
	}
	_, err = r.program.run(ctx, command{
		dir:    r.dir,
		remote: from,
		args: []string{
			"fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head",
			"--no-recurse-submodules", "--no-auto-maintenance", "--end-of-options",
			from.address, "+" + id + ":" + baseRef,
		},
	})
	if err != nil {
		return fmt.Errorf("fetching commit %s: %w", id, classify(err))
	}
	if kind, err := r.line(ctx, "cat-file", "-t", id); err != nil || kind != "commit" {
		return fmt.Errorf("fetching commit %s: %w: it is a %s", id, errors.Join(ErrMissing, err), kind)
	}
	return nil
}

// LsRemote returns the object that ref, a full name such as refs/heads/main,
// has in the repository at address, or "" if there is no such ref.
func (p *Program) LsRemote(ctx context.Context, address, token, ref string) (string, error) {
	if err := fullRef(ref); err != nil {
		return "", fmt.Errorf("looking a ref up: %w", err)
	}
	at, err := newRemote(address, token)
	if err != nil {
		return "", fmt.Errorf("looking a ref up: %w", err)
	}
	out, err := p.run(ctx, command{
		remote: at,
		args:   []string{"ls-remote", "--quiet", "--refs", "--end-of-options", at.address, ref},
	})
	if err != nil {
		return "", fmt.Errorf("looking a ref up: %w", classify(err))
	}
	// The name is a pattern that matches from its end, so that others may come too.
	for line := range bytes.Lines(out) {
		id, name, ok := strings.Cut(strings.TrimSpace(string(line)), "\t")
		if ok && name == ref {
			return id, need(id)
		}
	}
	return "", nil
}
