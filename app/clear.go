package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/blob"
)

// clearance deletes what is kept for a time only: what rows no longer hold but the
// database's log still does, sessions and prompts whose retention is over,
// and stored bytes that no row refers to.
type clearance struct {
	store interface {
		ForgetArchives(ctx context.Context, before time.Time) (int64, error)
		ForgetPrompts(ctx context.Context, before time.Time) (int64, error)
		ForgetImages(ctx context.Context, since time.Time) (int64, error)
		StoredDigests(ctx context.Context) (map[string]bool, error)
		ForgetOffers(ctx context.Context) error
		Forget(ctx context.Context) error
	}
	blobs interface {
		All(visit func(digest string, i blob.Info) error) error
		Delete(digest string) error
	}
	retention time.Duration
	images    time.Duration // how long an image is kept that nobody asked for
	now       func() time.Time
	log       *slog.Logger
}

// unclaimed is how old bytes must be that no row refers to: those of an upload are
// stored some moments before their row is.
const unclaimed = time.Hour

// every is how often to look. Retention is kept to within a hundredth.
func (c *clearance) every() time.Duration {
	return min(max(c.retention/100, time.Second), 10*time.Minute)
}

func (c *clearance) run(ctx context.Context) error {
	now := c.now()
	forgotten, err := c.store.ForgetArchives(ctx, now.Add(-c.retention))
	if err != nil {
		return err
	}
	prompts, err := c.store.ForgetPrompts(ctx, now.Add(-c.retention))
	if err != nil {
		return err
	}
	images, err := c.store.ForgetImages(ctx, now.Add(-c.images))
	if err != nil {
		return err
	}
	if err := c.store.ForgetOffers(ctx); err != nil {
		return err
	}
	if err := c.store.Forget(ctx); err != nil {
		return err
	}
	wanted, err := c.store.StoredDigests(ctx)
	if err != nil {
		return err
	}
	deleted, freed := 0, int64(0)
	err = c.blobs.All(func(digest string, i blob.Info) error {
		if wanted[digest] || now.Sub(i.StoredAt) < min(unclaimed, c.retention) {
			return ctx.Err()
		}
		deleted, freed = deleted+1, freed+i.Size
		return c.blobs.Delete(digest)
	})
	if forgotten+prompts+images+int64(deleted) > 0 {
		c.log.Info("cleared away", "archives", forgotten, "prompts", prompts, "images", images, "blobs", deleted, "bytes", freed)
	}
	return err
}
