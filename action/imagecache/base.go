package imagecache

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seed-bc0cc349/anvil/action/devcontainer"
)

// Base is something from outside the repository that an environment is built on: an image,
// or a feature.
type Base struct {
	Name    string // as its configuration has it
	Digest  string // that it stands for now; empty: nobody said
	Feature bool
	// Metadata is what it says of itself: an image's label devcontainer.metadata, a feature's
	// devcontainer-feature.json. Triggers are an image's ONBUILD instructions. Both are known
	// of features and of images that a stage starts from, and only if they were asked for.
	Metadata []byte
	Triggers []string

	locked string // the digest that the lock file has for a feature
	within bool   // another of these named it
	says   bool   // what it says of itself counts
	copied string // stands for what its triggers copy of the build context
	silent bool   // its registry did not say, which it may the next time
}

// Bases are all that an environment is built on.
type Bases []Base

// Keys makes the keys of an image on these bases, by what makes a key with a text that
// stands for them. In key each name counts with what it stands for now; loose is the key of
// the latest image whatever they stood for, and key is the same where a registry is silent:
// what was kept is then found all the same.
func (all Bases) Keys(keyWith func(bases string) string) (key, loose string) {
	var names, digests strings.Builder
	silent := false
	for _, b := range all {
		if !b.within { // what others name is not known while their registries are silent
			fmt.Fprintf(&names, "%s \n", b.Name)
		}
		fmt.Fprintf(&digests, "%s %s%s\n", b.Name, b.Digest, b.copied)
		silent = silent || b.silent
	}
	loose = keyWith(names.String())
	if silent {
		return loose, loose
	}
	return keyWith(digests.String()), loose
}

// Told names the bases with their digests, for the record.
func (all Bases) Told() (names []string) {
	for _, b := range all {
		if name, _, _ := strings.Cut(b.Name, "@"); b.Digest != "" {
			names = append(names, name+"@"+b.Digest)
		}
	}
	return names
}

// Refuse refuses what these say of themselves, before anything is built on them. What they
// did not say is looked at in the image that was built.
func (all Bases) Refuse(found *devcontainer.Configuration, allow []string) error {
	for _, b := range all {
		err := found.RefuseImage(b.Name, b.Metadata, b.Triggers, allow)
		if b.Feature {
			err = devcontainer.RefuseFeature(b.Name, b.Metadata, allow)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxBases bounds what a configuration can make a runner ask for. What features depend on
// and triggers copy from is named by others.
const maxBases = 100

// Bases asks what the names of images and features stand for, and those that they name in
// turn: features that a feature depends on, and images that the ONBUILD of an image copies
// from. It takes no longer than a lookup. Where something can't be known, warn is told what
// it means. With a cache that keeps nothing, digests are left out and nobody is warned:
// nothing of it can grow old, and there is only [Bases.Refuse] to ask for.
func (c *Cache) Bases(ctx context.Context, found *devcontainer.Configuration, warn func(text string)) Bases {
	if !c.On() {
		warn = func(string) {}
	}
	limited, cancel := context.WithTimeout(ctx, c.limits.lookup)
	defer cancel()
	var all Bases
	add := func(b Base) {
		if !slices.ContainsFunc(all, func(had Base) bool { return had.Name == b.Name && had.Feature == b.Feature }) {
			all = append(all, b)
		}
	}
	starts := found.Starts()
	for _, name := range found.Bases() {
		add(Base{Name: name, says: slices.Contains(starts, name)})
	}
	for _, name := range found.Features() {
		add(Base{Name: name, Feature: true, says: true, locked: found.Locked(name)})
	}
	for asked := 0; asked < len(all); {
		if len(all) > maxBases {
			warn(fmt.Sprintf("It is built on more than %d images and features: an image that was kept is used even if they have changed.", maxBases))
			all[0].silent = true
			break
		}
		first := asked
		asked = len(all)
		for i, err := range c.ask(limited, all[first:asked]) {
			b := all[first+i]
			if err == nil && b.says && !b.Feature {
				var images []string
				images, b.copied, err = found.Triggered(b.Triggers)
				b.silent = err != nil
				for _, name := range images {
					add(Base{Name: name, within: true})
				}
			}
			if all[first+i] = b; err != nil {
				warn(fmt.Sprintf("What %s stands for could not be learned (%v): an image that was kept is used even if that has changed.", b.Name, err))
			}
			if !b.Feature {
				continue
			}
			for _, name := range devcontainer.DependsOn(b.Metadata) {
				add(Base{Name: name, Feature: true, says: true, within: true, locked: found.Locked(name)})
			}
		}
	}
	if !c.On() {
		for i := range all {
			all[i].Digest, all[i].copied, all[i].silent = "", "", false
		}
	}
	return all
}

// ask asks for all at once, and answers with what went wrong with each.
func (c *Cache) ask(ctx context.Context, all Bases) []error {
	why := make([]error, len(all))
	var asking sync.WaitGroup
	for i := range all {
		ref, err := nameOf(all[i])
		if err != nil {
			why[i] = err
			continue
		}
		asking.Go(func() {
			if err := c.learn(ctx, ref, &all[i]); err != nil {
				why[i] = c.explain(ctx, err, CodeLookup, c.limits.lookup)
				all[i].silent = true
			}
		})
	}
	asking.Wait()
	return why
}

// nameOf reads a name that a registry can be asked about.
func nameOf(b Base) (name.Reference, error) {
	text := b.Name
	if strings.Contains(text, "$") {
		return nil, errors.New("its name depends on the build")
	}
	if b.Feature && !hosted(text) {
		return nil, errors.New("it is in no registry")
	}
	ref, err := name.ParseReference(text)
	if err != nil {
		return nil, errors.New("it is no name of an image")
	}
	if b.locked == "" {
		return ref, nil
	}
	locked, err := name.NewDigest(ref.Context().Name() + "@" + b.locked)
	if err != nil {
		return nil, errors.New("the lock file has no digest for it")
	}
	return locked, nil
}

// maxConfig bounds an image's configuration, which is read into memory.
const maxConfig = 4 << 20

// learn asks a name's own registry: for the digest, unless the reference has that in it, and
// where it counts for what that image or feature says of itself.
func (c *Cache) learn(ctx context.Context, ref name.Reference, b *Base) error {
	var keychain authn.Keychain = authn.DefaultKeychain
	if r, ok := c.backend.(*registry); ok && r.repo.RegistryStr() == ref.Context().RegistryStr() {
		keychain = r.keys
	}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(keychain), remote.WithTransport(patient{remote.DefaultTransport}),
		remote.WithUserAgent("anvil"), remote.WithRetryStatusCodes(),
	}
	if platform, err := v1.ParsePlatform(c.opts.Platform); err == nil && c.opts.Platform != "" {
		options = append(options, remote.WithPlatform(*platform))
	}
	if d, ok := ref.(name.Digest); ok {
		b.Digest = d.DigestStr()
	} else {
		d, err := remote.Head(ref, options...)
		if err != nil {
			return err
		}
		b.Digest = d.Digest.String()
	}
	if !b.says {
		return nil
	}
	d, err := remote.Get(ref.Context().Digest(b.Digest), options...)
	if err != nil {
		return err
	}
	if b.Feature {
		var m v1.Manifest
		if err := json.Unmarshal(d.Manifest, &m); err != nil {
			return fmt.Errorf("read its manifest: %w", err)
		}
		if b.Metadata = []byte(m.Annotations["dev.containers.metadata"]); len(b.Metadata) > 0 {
			return nil
		}
	}
	img, err := d.Image()
	if err != nil {
		return err
	}
	if b.Feature {
		b.Metadata, err = unpacked(img)
		return err
	}
	if m, err := img.Manifest(); err != nil || m.Config.Size > maxConfig {
		return cmp.Or(err, errors.New("its configuration is too large"))
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	b.Metadata, b.Triggers = []byte(config.Config.Labels["devcontainer.metadata"]), config.Config.OnBuild
	return nil
}

// unpacked reads what a feature says of itself in its archive, as it was published before
// its manifest said it too.
func unpacked(img v1.Image) ([]byte, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	for _, layer := range layers {
		text, err := layer.Uncompressed()
		if err != nil {
			return nil, err
		}
		defer text.Close()
		for r := tar.NewReader(io.LimitReader(text, maxConfig)); ; {
			h, err := r.Next()
			if err != nil {
				break // the end, or there is too much before it
			}
			if path.Clean(h.Name) == "devcontainer-feature.json" {
				said, err := io.ReadAll(r)
				if err != nil {
					return nil, err
				}
				return devcontainer.ReadFeature(said)
			}
		}
	}
	return nil, errors.New("it does not say what it is")
}

// hosted reports whether a name begins with a registry, which a feature's never leaves out:
// what does not is an archive's address, or a short name for the CLI to look up.
func hosted(name string) bool {
	host, _, ok := strings.Cut(name, "/")
	return ok && !strings.Contains(name, "://") && (host == "localhost" || strings.ContainsAny(host, ".:"))
}

// Unmoved asks after a build whether the names of images and features stand for what they
// stood for when the key was made. A builder of its own, and the CLI for features, ask the
// registries themselves. If something has moved, or can't be asked any more, warn is told,
// and what was built may not be kept under that key, for a name can move back.
func (c *Cache) Unmoved(ctx context.Context, all Bases, warn func(text string)) (ok bool) {
	limited, cancel := context.WithTimeout(ctx, c.limits.lookup)
	defer cancel()
	var now, before Bases
	for _, b := range all {
		if b.Digest != "" {
			before = append(before, b)
			now = append(now, Base{Name: b.Name, Feature: b.Feature, locked: b.locked})
		}
	}
	ok = true
	for i, err := range c.ask(limited, now) {
		switch name := now[i].Name; {
		case err != nil:
			warn(fmt.Sprintf("What %s stands for could not be learned again after the build (%v). What was built is not kept.", name, err))
		case now[i].Digest != before[i].Digest:
			warn(fmt.Sprintf("%s has moved during the build, from %s to %s. What was built is not kept.", name, before[i].Digest, now[i].Digest))
		default:
			continue
		}
		ok = false
	}
	return ok
}

// Provide makes a build start from these very images, which it takes from the engine where
// that has their names. warn is told of each name that had moved, and of each image that
// could not be had; ok says that there is none of the latter. What is built without it may
// not be kept under a key that is made of the bases.
func (c *Cache) Provide(ctx context.Context, all Bases, warn func(text string)) (ok bool) {
	ok = true
	for _, b := range all {
		if b.Digest == "" || b.Feature { // features the CLI gets itself
			continue
		}
		had, err := c.provide(ctx, b)
		if had != "" {
			warn(fmt.Sprintf("%s has moved: this machine had %s under that name, the registry has %s, which is used.", b.Name, had, b.Digest))
		}
		if err != nil {
			warn(fmt.Sprintf("%s at %s could not be had: %v. What is built is not kept.", b.Name, b.Digest, err))
			ok = false
		}
	}
	return ok
}

// provide lets a name stand for its digest in the engine. had is the image that it stood
// for before, if that is another one.
func (c *Cache) provide(ctx context.Context, b Base) (had string, err error) {
	limited, cancel := context.WithTimeout(ctx, c.limits.pull)
	defer cancel()
	now, err := c.engine.describe(limited, b.Name)
	if err == nil && now.has(b.Digest) {
		return "", nil
	}
	if err == nil {
		had = now.ID
	}
	ref, err := name.ParseReference(b.Name)
	if err == nil {
		pinned := ref.Context().Digest(b.Digest).Name()
		err = c.fetch(limited, ref, pinned)
		if _, tagged := ref.(name.Tag); err == nil && tagged {
			_, err = c.engine.run(limited, nil, "tag", pinned, b.Name)
		}
	}
	if err != nil {
		return had, c.explain(limited, fmt.Errorf("get the base image: %w", err), CodePull, c.limits.pull)
	}
	return had, nil
}

// fetch has the engine pull, with the cache's own login where that is for this registry.
func (c *Cache) fetch(ctx context.Context, ref name.Reference, pinned string) error {
	if r, ok := c.backend.(*registry); ok && r.repo.RegistryStr() == ref.Context().RegistryStr() {
		return r.fetch(ctx, pinned)
	}
	return again(ctx, func() error {
		_, err := c.engine.run(ctx, nil, "pull", "--quiet", pinned)
		return err
	})
}
