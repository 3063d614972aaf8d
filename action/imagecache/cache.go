package imagecache

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Options are what a cache is opened with.
type Options struct {
	// Images says where images are kept, and the limits.
	Images runapi.ImageCache
	// Repository is OWNER/NAME of the run's repository, Branch its base branch, and
	// Platform such as linux/amd64: images for other platforms have other tags.
	Repository, Branch, Platform string
	// Environ is the job's environment: PATH, where the engine is, and GITHUB_ACTOR and
	// GITHUB_TOKEN, with which the job logs in at GitHub's registry.
	Environ []string
	// Docker is the engine's client program, as a path or as a name on PATH; empty: docker.
	Docker string
	// Temp is a directory of the job's, not visible to the agent.
	Temp string
	// Server gives credentials and keeps archives; nil where there is no server.
	Server Server
	// Tell records an event: one of runapi's cache kinds, a sentence, and its Data.
	Tell func(kind, text string, step runapi.CacheStep)
	// Secret makes a credential known to whatever masks the log, before it is used.
	Secret func(secrets ...string)
}

// Server is what a cache asks of the Anvil server; a [runapi.Holder] is one.
type Server interface {
	RegistryCredential(ctx context.Context) (runapi.RegistryCredential, error)
	FindImage(ctx context.Context, key string) (runapi.StoredImage, bool, error)
	FetchImage(ctx context.Context, key, digest string, f *os.File, max int64) (int64, error)
	StoreImage(ctx context.Context, key, also string, r io.ReaderAt, size int64) (runapi.StoredImage, error)
}

// Found is an image that the cache has.
type Found struct {
	Key       string
	Reference string // with its tag, as people know it
	Digest    string // of what the tag pointed to
	Bytes     int64  // compressed, without what layers share; 0: not known
}

// Image is an image in the engine, checked.
type Image struct {
	ID        string // in the engine: run it by this
	Reference string // NAME@DIGEST in a registry; empty for an archive's
	Digest    string // that was found
}

// Cache keeps images. Its methods may be called at the same time.
type Cache struct {
	opts    Options
	engine  *engine
	backend backend
	limits  limits

	life   context.Context // of pushes; ends with Close
	cancel context.CancelFunc
	pushes sync.WaitGroup

	mu   sync.Mutex
	done map[string]runapi.CacheStep // the latest step of each kind
}

// backend is a place where images are kept.
type backend interface {
	name() string
	reference(key string) string
	// lookup returns errMissing if there is no such image.
	lookup(ctx context.Context, key string) (Found, error)
	// pull brings an image into the engine, checks it, and tells whether it was there.
	pull(ctx context.Context, f Found) (image Image, present bool, err error)
	push(ctx context.Context, image, key, loose string) (Found, error)
	// from and to are the build's cache arguments.
	from(ctx context.Context) []string
	to(ctx context.Context, key string, stages bool) []string
}

// limits bound the steps of a cache.
type limits struct{ lookup, pull, push, wait time.Duration }

// DefaultMaxBytes bounds a packed image in the archive.
const DefaultMaxBytes = 4 << 30

func limitsOf(c runapi.ImageCache) limits {
	or := func(seconds int, otherwise time.Duration) time.Duration {
		if seconds > 0 {
			return time.Duration(seconds) * time.Second
		}
		return otherwise
	}
	return limits{
		lookup: or(c.LookupSeconds, 15*time.Second), pull: or(c.PullSeconds, 10*time.Minute),
		push: or(c.PushSeconds, 20*time.Minute), wait: or(c.WaitSeconds, time.Minute),
	}
}

// Open returns a cache. It asks nobody anything but the engine's client. An error
// says that what was configured can't be a cache; [None] stands in for it.
func Open(ctx context.Context, o Options) (*Cache, error) {
	c := None(o)
	if o.Images.Backend == "" || o.Images.Backend == runapi.ImagesNone {
		return c, nil
	}
	o = c.opts // with what was left out
	var err error
	if c.engine, err = findEngine(ctx, o); err != nil {
		return nil, err
	}
	switch o.Images.Backend {
	case runapi.ImagesRegistry:
		c.backend, err = openRegistry(o, c.engine)
	case runapi.ImagesArchive:
		c.backend, err = openArchive(o, c.engine)
	default:
		err = &Problem{Code: CodeSetup, What: "there is no image cache of the kind " + quote(o.Images.Backend)}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// None returns a cache that has nothing and keeps nothing.
func None(o Options) *Cache {
	if o.Tell == nil {
		o.Tell = func(string, string, runapi.CacheStep) {}
	}
	if o.Secret == nil {
		o.Secret = func(...string) {}
	}
	c := &Cache{opts: o, backend: none{}, limits: limitsOf(o.Images), done: map[string]runapi.CacheStep{}}
	c.life, c.cancel = context.WithCancel(context.Background())
	return c
}

// On reports whether there is a cache at all.
func (c *Cache) On() bool { return c.backend.name() != runapi.ImagesNone }

// Reference is how people know the image of a key; empty without a cache.
func (c *Cache) Reference(key string) string { return c.backend.reference(key) }

// From lists what a build may take layers from (--cache-from): the newest image of this
// branch and platform, or else of the default branch, by digest.
func (c *Cache) From(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, c.limits.lookup)
	defer cancel()
	return c.backend.from(ctx)
}

// To lists what a build of a key's image should leave for later ones (--cache-to): a cache
// in the image itself. With stages it is what every stage made, in the registry, where the
// builder can do that: the build then waits until all of it is pushed.
func (c *Cache) To(ctx context.Context, key string, stages bool) []string {
	ctx, cancel := context.WithTimeout(ctx, c.limits.lookup)
	defer cancel()
	return c.backend.to(ctx, key, stages)
}

// Login returns what a build needs in its environment to pull from and push to the
// registry: DOCKER_CONFIG with the name of a private directory, and BUILDX_CONFIG with that
// of the machine's builders. done removes the former; it is never nil. It is for programs
// of the trusted part only.
func (c *Cache) Login(ctx context.Context) (env []string, done func(), err error) {
	r, ok := c.backend.(*registry)
	if !ok {
		return nil, func() {}, nil
	}
	return r.session(ctx)
}

// Close waits for pushes, at most the configured time and not longer than ctx lives,
// and ends those that are not done by then.
func (c *Cache) Close(ctx context.Context) {
	defer c.cancel()
	done := make(chan struct{})
	go func() {
		c.pushes.Wait()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(ctx, c.limits.wait)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
		c.cancel()
		<-done // each tells that it was cut off
	}
}

func getenv(environ []string, name string) string {
	for i := len(environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}
