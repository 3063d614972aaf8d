package git

import (
	"context"
	"fmt"
	"io"
)

// Patch returns how some paths differ between two commits, as people read it, cut to
// at most max bytes. It is for looking at and can't be applied.
func (r *Repository) Patch(ctx context.Context, from, to string, paths []string, max int64) (string, error) {
	if err := need(from, to); err != nil {
		return "", fmt.Errorf("showing a change: %w", err)
	}
	var text []byte
	args := []string{
		"--literal-pathspecs", "diff-tree", "-p", "--no-color", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all",
		"--end-of-options", from, to, "--",
	}
	_, err := r.program.run(ctx, command{
		dir: r.dir, args: append(args, paths...),
		stream: func(out io.Reader) (err error) {
			if text, err = io.ReadAll(io.LimitReader(out, max)); err == nil {
				_, err = io.Copy(io.Discard, out)
			}
			return err
		},
	})
	if err != nil {
		return "", fmt.Errorf("showing a change: %w", err)
	}
	return string(text), nil
}
