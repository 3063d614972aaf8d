package imagecache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Base is something from outside the repository that an environment is built on: an image,
// or a feature.
type Base struct {
	Name    string // as its configuration has it
	Digest  string // that it stands for now; empty: nobody said
	Feature bool
	silent  bool // its registry did not say, which it may the next time
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
		fmt.Fprintf(&names, "%s \n", b.Name)
		fmt.Fprintf(&digests, "%s %s\n", b.Name, b.Digest)
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

// Bases asks what the names of images and features stand for, all at once and no longer
// than a lookup takes. Where that can't be known, warn is told what it means. A cache that
// keeps nothing asks nobody: nothing of it can grow old.
func (c *Cache) Bases(ctx context.Context, images, features []string, warn func(text string)) Bases {
	if !c.On() {
		return nil
	}
	var all Bases
	for _, name := range images {
		all = append(all, Base{Name: name})
	}
	for _, name := range features {
		all = append(all, Base{Name: name, Feature: true})
	}
	why := make([]error, len(all))
	var asking sync.WaitGroup
	for i, b := range all {
		ref, err := nameOf(b)
		if err != nil {
			why[i] = err
			continue
		}
		asking.Go(func() {
			all[i].Digest, why[i] = c.digest(ctx, ref)
			all[i].silent = why[i] != nil
		})
	}
	asking.Wait()
	for i, b := range all {
		if why[i] != nil {
			warn(fmt.Sprintf("What %s stands for could not be learned (%v): an image that was kept is used even if that has changed.", b.Name, why[i]))
		}
	}
	return all
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
	return ref, nil
}

// digest asks a name's own registry, unless the name has a digest in it.
func (c *Cache) digest(ctx context.Context, ref name.Reference) (string, error) {
	if d, ok := ref.(name.Digest); ok {
		return d.DigestStr(), nil
	}
	limited, cancel := context.WithTimeout(ctx, c.limits.lookup)
	defer cancel()
	var keychain authn.Keychain = authn.DefaultKeychain
	if r, ok := c.backend.(*registry); ok && r.repo.RegistryStr() == ref.Context().RegistryStr() {
		keychain = r.keys
	}
	d, err := remote.Head(ref, remote.WithContext(limited), remote.WithAuthFromKeychain(keychain), remote.WithTransport(patient{remote.DefaultTransport}),
		remote.WithUserAgent("anvil"), remote.WithRetryStatusCodes())
	if err != nil {
		return "", c.explain(limited, err, CodeLookup, c.limits.lookup)
	}
	return d.Digest.String(), nil
}

// hosted reports whether a name begins with a registry, which a feature's never leaves out:
// what does not is an archive's address, or a short name for the CLI to look up.
func hosted(name string) bool {
	host, _, ok := strings.Cut(name, "/")
	return ok && !strings.Contains(name, "://") && (host == "localhost" || strings.ContainsAny(host, ".:"))
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
