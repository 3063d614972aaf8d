package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/git"
)

// prefix marks the directories that belong to quarantines.
const prefix = "quarantine-"

// sweep removes the quarantines that an earlier process left in dir.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweeping quarantines: %w", err)
	}
	var failed []error
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			failed = append(failed, os.RemoveAll(filepath.Join(dir, entry.Name())))
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
