package workspace

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
)

// Origin says where the base commit's objects came from.
type Origin string

const (
	// Cold is a fetch of the one commit, without history, from nothing.
	Cold Origin = "fetched"
	// Delta is a fetch into the machine's mirror of what its earlier commits lack.
	Delta Origin = "fetched into the mirror"
	// Warm is no fetch at all: the mirror had the commit.
	Warm Origin = "from the mirror"
)

// fetch has the base commit in base.git: with the mirror's objects where there is a
// mirror, else with its own. What goes wrong with a mirror costs time, never the run.
func (w *Workspace) fetch(ctx context.Context) error {
	if w.source.Mirrors != "" {
		err := w.fromMirror(ctx)
		if err == nil {
			return nil
		}
		w.Trouble = err
		if err := errors.Join(w.mirror.close(), os.RemoveAll(w.path("base.git"))); err != nil {
			return err
		}
		w.mirror = nil
	}
	w.Origin = Cold
	return w.fetchInto(ctx, w.path("base.git"))
}

// fetchInto makes a repository with the one commit.
//
// Depth 1 is the measured choice for a machine that has nothing (`make bench`,
// TestBench/workspace; docs/workspace.md has the table): of a repository of 23,400
// objects it takes 2 requests and 2.5 MB. Blobs on demand (--filter=blob:none) take 5 and
// 3.8 MB, trees on demand (tree:0) 7 and 3.0 MB, since all that the tree needs is asked
// for a second time, after a history that no run reads; all of it takes 3 and 8.2 MB.
func (w *Workspace) fetchInto(ctx context.Context, gitDir string) error {
	if err := bare(gitDir, w.base, ""); err != nil {
		return err
	}
	if _, err := w.git.run(ctx, fetching(gitDir, w.source, w.base)); err != nil {
		return fmt.Errorf("fetch %s of %s: %w", w.base, w.source.URL, err)
	}
	return nil
}

// fetching is the call of git that gets one commit. The token is for this address
// only, and in the environment of this process only.
func fetching(gitDir string, s Source, what string) command {
	c := command{
		gitDir: gitDir,
		args:   []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--end-of-options", s.URL, what},
	}
	if s.Token != "" {
		basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + s.Token))
		c.config = [][2]string{{"http." + s.URL + ".extraHeader", "Authorization: Basic " + basic}}
	}
	return c
}

// fromMirror makes base.git with the mirror's objects in the place of its own.
func (w *Workspace) fromMirror(ctx context.Context) (err error) {
	if w.mirror, err = openMirror(ctx, w.source.Mirrors, w.source.URL); err != nil {
		return fmt.Errorf("open mirror: %w", err)
	}
	if w.Origin = Warm; !w.mirror.has(w.base) {
		w.Origin = Delta
		if err := w.mirror.fetch(ctx, w.git, w.source); err != nil {
			return fmt.Errorf("fetch into mirror: %w", err)
		}
	}
	if err := bare(w.path("base.git"), w.base, ""); err != nil {
		return err
	}
	objects := w.path("base.git", "objects")
	return errors.Join(
		os.RemoveAll(objects),
		os.Symlink(w.mirror.objects(), objects),
		os.WriteFile(w.path("base.git", "shallow"), []byte(w.base+"\n"), 0o644), // its parents are nowhere
	)
}

// leaveMirror gives base.git objects of its own, fetched anew, because the mirror's
// can't be read. It reports whether there is now reason to try again.
func (w *Workspace) leaveMirror(ctx context.Context, why error) (again bool, err error) {
	w.leaving.Lock()
	defer w.leaving.Unlock()
	if w.mirror == nil || ctx.Err() != nil {
		return w.left, nil
	}
	own := w.path("base-2.git")
	if err := w.fetchInto(ctx, own); err != nil {
		return false, err
	}
	objects := w.path("base.git", "objects")
	err = errors.Join(os.Remove(objects), os.Rename(own+"/objects", objects), w.mirror.condemn(), w.mirror.close())
	w.mirror, w.left, w.Origin, w.Trouble = nil, true, Cold, why
	return err == nil, err
}
