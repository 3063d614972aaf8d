package imagecache

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// registry keeps images in an OCI registry. Questions are asked by this process;
// layers go straight between the registry and the engine.
type registry struct {
	repo      name.Repository
	newest    string // tag of the branch
	main      string // and of the default branch
	keys      *keys
	engine    *engine
	transport http.RoundTripper
}

func openRegistry(o Options, e *engine) (*registry, error) {
	repo, err := repository(o)
	if err != nil {
		return nil, err
	}
	r := &registry{
		repo: repo, newest: newest(o, o.Branch), main: newest(o, cmp.Or(o.Images.DefaultBranch, o.Branch)), engine: e, transport: patient{remote.DefaultTransport},
		keys: &keys{
			host: repo.Registry, kind: login(o), server: o.Server, secrets: e.secrets,
			user: getenv(o.Environ, "GITHUB_ACTOR"), token: getenv(o.Environ, "GITHUB_TOKEN"),
		},
	}
	if r.keys.user == "" {
		r.keys.user = "anvil" // GitHub looks at the token alone
	}
	e.secrets.add(r.keys.token)
	return r, nil
}

func (r *registry) name() string                { return runapi.ImagesRegistry }
func (r *registry) reference(key string) string { return r.repo.Tag(tagOf(key)).Name() }

func (r *registry) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(r.keys), remote.WithTransport(r.transport), remote.WithUserAgent("anvil"),
		// [patient] waits as long as the registry says.
		remote.WithRetryStatusCodes(),
	}
}

func (r *registry) lookup(ctx context.Context, key string) (Found, error) {
	tag := r.repo.Tag(tagOf(key))
	d, err := remote.Head(tag, r.options(ctx)...)
	if isStatus(err, http.StatusNotFound) {
		return Found{}, errMissing
	}
	if err != nil {
		return Found{}, fmt.Errorf("ask for %s: %w", tag.Identifier(), err)
	}
	return Found{Key: key, Reference: tag.Name(), Digest: d.Digest.String(), Bytes: r.size(ctx, d.Digest.String())}, nil
}

// size is how many bytes an image has, compressed; 0 if that can't be told.
func (r *registry) size(ctx context.Context, digest string) int64 {
	d, err := remote.Get(r.repo.Digest(digest), r.options(ctx)...)
	var m v1.Manifest
	if err != nil || json.Unmarshal(d.Manifest, &m) != nil {
		return 0
	}
	n := m.Config.Size
	for _, l := range m.Layers {
		n += l.Size
	}
	return n
}

func (r *registry) pull(ctx context.Context, f Found) (Image, bool, error) {
	reference := r.repo.Digest(f.Digest).Name()
	image := Image{Reference: reference, Digest: f.Digest}
	d, err := r.engine.describe(ctx, reference)
	present := err == nil
	if !present {
		if err := r.fetch(ctx, reference); err != nil {
			return Image{}, false, err
		}
		if d, err = r.engine.describe(ctx, reference); err != nil {
			return Image{}, false, err
		}
	}
	if !d.has(f.Digest) {
		return Image{}, present, &Problem{Code: CodeDigest, What: "the engine holds another image under " + reference}
	}
	// What the tag points to now is asked again: if it is something else, somebody moved
	// it, and which of the two was meant can't be known.
	now, err := remote.Head(r.repo.Tag(tagOf(f.Key)), r.options(ctx)...)
	switch {
	case err != nil && !present:
		return Image{}, present, fmt.Errorf("ask for the tag again: %w", err)
	case err == nil && now.Digest.String() != f.Digest:
		return Image{}, present, &Problem{Code: CodeDigest, What: fmt.Sprintf("the tag pointed to %s, and now to %s", f.Digest, now.Digest)}
	}
	image.ID = d.ID
	return image, present, nil
}

// fetch has the engine pull.
func (r *registry) fetch(ctx context.Context, reference string) error {
	env, done, err := r.session(ctx)
	if err != nil {
		return err
	}
	defer done()
	return again(ctx, func() error {
		_, err := r.engine.run(ctx, env, "pull", "--quiet", reference)
		return err
	})
}

func (r *registry) push(ctx context.Context, image, key, loose string) (Found, error) {
	tag := r.repo.Tag(tagOf(key))
	if _, err := r.engine.run(ctx, nil, "tag", image, tag.Name()); err != nil {
		return Found{}, err
	}
	env, done, err := r.session(ctx)
	if err != nil {
		return Found{}, err
	}
	defer done()
	var said string
	if err := again(ctx, func() (err error) {
		said, err = r.engine.run(ctx, env, "push", tag.Name())
		return err
	}); err != nil {
		return Found{}, err
	}
	digest, err := r.pushed(ctx, tag, said)
	if err != nil {
		return Found{}, err
	}
	// Other tags are a convenience of later runs; the image is kept without them.
	if d, err := remote.Get(r.repo.Digest(digest), r.options(ctx)...); err == nil {
		_ = remote.Tag(r.repo.Tag(tagOf(loose)), d, r.options(ctx)...)
		_ = r.move(ctx, key, d)
	}
	return Found{Key: key, Reference: tag.Name(), Digest: digest, Bytes: r.size(ctx, digest)}, nil
}

var pushedForm = regexp.MustCompile(`digest: (sha256:[0-9a-f]{64}) size: \d+`)

// pushed is the digest of what was pushed under a tag. Docker says it; of Podman, which
// does not, the registry is asked.
func (r *registry) pushed(ctx context.Context, tag name.Tag, said string) (string, error) {
	if m := pushedForm.FindStringSubmatch(said); m != nil {
		return m[1], nil
	}
	d, err := remote.Head(tag, r.options(ctx)...)
	if err != nil {
		return "", fmt.Errorf("ask which digest was pushed: %w", err)
	}
	return d.Digest.String(), nil
}

// move lets the branch's moving tag point to what later builds should take layers from:
// what the stages of the key's image made, if a build has left that, or else the image. A
// builder that is given both takes the first that has a layer, and then misses the stages
// behind it.
func (r *registry) move(ctx context.Context, key string, image *remote.Descriptor) error {
	d, err := remote.Get(r.repo.Tag(stagesOf(key)), r.options(ctx)...)
	switch {
	case isStatus(err, http.StatusNotFound):
		d = image
	case err != nil:
		return err
	}
	return remote.Tag(r.repo.Tag(r.newest), d, r.options(ctx)...)
}

func (r *registry) from(ctx context.Context) []string {
	d, err := remote.Head(r.repo.Tag(r.newest), r.options(ctx)...)
	if isStatus(err, http.StatusNotFound) { // a branch's first image has the default branch's before it
		d, err = remote.Head(r.repo.Tag(r.main), r.options(ctx)...)
	}
	if err != nil {
		return nil
	}
	return []string{r.repo.Digest(d.Digest.String()).Name()}
}

// ownBuilder tells the drivers of builders that can write a cache into a registry; the
// engine's own, "docker", can't.
var ownBuilder = regexp.MustCompile(`(?m)^Driver:\s+(docker-container|kubernetes|remote)\s*$`)

func (r *registry) to(ctx context.Context, key string, stages bool) []string {
	said, err := r.engine.run(ctx, []string{"DOCKER_CONFIG=" + r.engine.config}, "buildx", "inspect")
	switch {
	case err != nil: // no buildx: the old builder leaves no cache
		return nil
	case stages && ownBuilder.MatchString(said):
		// A registry that does not take it must not fail the build.
		return []string{"type=registry,mode=max,ignore-error=true,ref=" + r.repo.Tag(stagesOf(key)).Name()}
	}
	return []string{"type=inline"}
}
