package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/seed-bc0cc349/anvil/app/git"
)

// prefix marks the directories that belong to quarantines.
const prefix = "quarantine-"

// sweep removes the quarantines that an earlier process left in dir. A git that it had
// started may have outlived it, and write there for a moment yet: what cannot be taken away
// because of that is left to the next start. Nobody uses it meanwhile. remove is
// [os.RemoveAll].
func sweep(dir string, remove func(string) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweeping quarantines: %w", err)
	}
	var failed []error
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		if err := remove(filepath.Join(dir, entry.Name())); !errors.Is(err, syscall.ENOTEMPTY) {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("sweeping quarantines: %w", err)
	}
	return nil
}

// quarantine is a repository in a directory that nobody else uses.
type quarantine struct {
	*git.Repository
	dir string
}

func newQuarantine(ctx context.Context, program *git.Program, dir string) (*quarantine, error) {
	own, err := os.MkdirTemp(dir, prefix)
	if err != nil {
		return nil, fmt.Errorf("making a quarantine: %w", err)
	}
	repository, err := program.InitBare(ctx, filepath.Join(own, "repository.git"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a quarantine: %w", err), os.RemoveAll(own))
	}
	return &quarantine{repository, own}, nil
}

func (q *quarantine) remove() error {
	if err := os.RemoveAll(q.dir); err != nil {
		return fmt.Errorf("removing a quarantine: %w", err)
	}
	return nil
}
