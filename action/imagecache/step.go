package imagecache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Lookup asks for the image of a key. It is not found if there is none, and if
// nobody could say in time.
func (c *Cache) Lookup(ctx context.Context, key string) (Found, bool) {
	if !c.On() {
		return Found{}, false
	}
	step := c.begin(key)
	limited, cancel := context.WithTimeout(ctx, c.limits.lookup)
	defer cancel()
	c.tell(runapi.KindCacheLookup, "Looking for "+step.Reference+".", step)
	found, err := c.backend.lookup(limited, key)
	step.end()
	if err != nil {
		step.fail(c.explain(limited, err, CodeLookup, c.limits.lookup))
		text := "No image of the environment is kept yet."
		if !errors.Is(err, errMissing) {
			text = "The image cache could not be asked: " + step.Why
		}
		c.tell(runapi.KindCacheMiss, text, step)
		return Found{}, false
	}
	step.Digest, step.Bytes = found.Digest, found.Bytes
	c.tell(runapi.KindCacheHit, "The environment's image is kept: "+found.Digest+".", step)
	return found, true
}

// Pull brings what was found into the engine. An error is a [*Problem], and says that
// the image is not to be used: build it.
func (c *Cache) Pull(ctx context.Context, f Found) (Image, error) {
	step := c.begin(f.Key)
	step.Digest, step.Bytes = f.Digest, f.Bytes
	limited, cancel := context.WithTimeout(ctx, c.limits.pull)
	defer cancel()
	image, present, err := c.backend.pull(limited, f)
	step.end()
	step.Image, step.Present = image.ID, present
	if err != nil {
		p := c.explain(limited, err, CodePull, c.limits.pull)
		step.fail(p)
		c.tell(runapi.KindCachePull, "The environment's image is not used: "+p.What+".", step)
		return Image{}, p
	}
	text := fmt.Sprintf("Pulled the environment's image in %d ms.", step.Milliseconds)
	if present {
		text = "The environment's image is on this machine already."
	}
	c.tell(runapi.KindCachePull, text, step)
	return image, nil
}

// Push keeps an image of the engine under its key and the loose one (see [Bases.Keys]), in
// the background. Call it for what was built from the base commit only, before the agent
// begins.
func (c *Cache) Push(image, key, loose string) {
	if !c.On() {
		return
	}
	c.pushes.Go(func() {
		step := c.begin(key)
		step.Image = image
		limited, cancel := context.WithTimeout(c.life, c.limits.push)
		defer cancel()
		kept, err := c.backend.push(limited, image, key, loose)
		step.end()
		if err != nil {
			p := c.explain(limited, err, CodePush, c.limits.push)
			step.fail(p)
			c.tell(runapi.KindCachePush, "The environment's image is not kept for later runs: "+p.What+".", step)
			return
		}
		step.Digest, step.Bytes = kept.Digest, kept.Bytes
		c.tell(runapi.KindCachePush, fmt.Sprintf("Kept the environment's image for later runs, in %d ms.", step.Milliseconds), step)
	})
}

// step is one step on its way.
type step struct {
	runapi.CacheStep
	since time.Time
}

func (c *Cache) begin(key string) *step {
	return &step{
		CacheStep: runapi.CacheStep{Backend: c.backend.name(), Key: key, Reference: c.backend.reference(key)}, since: time.Now(),
	}
}

func (s *step) end() { s.Milliseconds = time.Since(s.since).Milliseconds() }

func (s *step) fail(p *Problem) {
	if p != nil {
		s.Code, s.Why = p.Code, p.What
	}
}
