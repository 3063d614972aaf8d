package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// addDebug notes which runs left a debug package.
func (v *Shown) addDebug(ctx context.Context, s *store.Store) error {
	for i := range v.Runs {
		digest, err := s.Artifact(ctx, anvil.RunID(v.Runs[i].Run), runapi.ArtifactDebug)
		if err != nil && !errors.Is(err, anvil.ErrNotFound) {
			return err
		}
		v.Runs[i].Debug = digest
	}
	return nil
}

// SaveDebug writes the debug package of the task's latest run that has one to the file
// to, which must not exist.
func SaveDebug(ctx context.Context, cfg *config.Config, id anvil.TaskID, to string) error {
	shown, err := Show(ctx, cfg, id)
	if err != nil {
		return err
	}
	for _, run := range slices.Backward(shown.Runs) {
		if run.Debug != "" {
			return saveBlob(cfg, run.Debug, to)
		}
	}
	return anvil.Problemf("NO_DEBUG_PACKAGE", "Runs leave one when they fail, or when their job has ANVIL_DEBUG=true; then look at the workflow run's log.",
		"no run of task %s has left a debug package", shown.Task)
}

func saveBlob(cfg *config.Config, digest, to string) error {
	blobs, err := blob.Look(filepath.Join(cfg.DataDir, "blob"))
	if err != nil {
		return err
	}
	defer blobs.Close()
	from, err := blobs.Open(digest)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}
