package imagecache

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Where images are kept unless something else is configured.
const (
	DefaultRegistry   = "ghcr.io"
	DefaultRepository = "anvil-env"
)

var (
	notInPath = regexp.MustCompile(`[^a-z0-9._-]+|[._-]*[._][._-]+|-+[._]+`)
	notInTag  = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)
)

// repository is where the images of a run's repository are kept:
// REGISTRY/PREFIX/REPOSITORY, with OWNER/NAME as the prefix unless one is configured.
func repository(o Options) (name.Repository, error) {
	c := o.Images
	host, prefix, last := c.Registry, c.Prefix, c.Repository
	if host == "" {
		host = DefaultRegistry
	}
	if prefix == "" {
		prefix = o.Repository
	}
	if last == "" {
		last = DefaultRepository
	}
	var parts []string
	for part := range strings.SplitSeq(prefix+"/"+last, "/") {
		if part = pathPart(part); part != "" {
			parts = append(parts, part)
		}
	}
	r, err := name.NewRepository(host+"/"+strings.Join(parts, "/"), name.StrictValidation)
	if err != nil {
		return r, &Problem{Code: CodeSetup, What: "this is no place for images: " + err.Error()}
	}
	return r, nil
}

// pathPart makes one part of a repository's path from a name: GitHub's have capitals,
// and dots and dashes where a registry wants none. One that has to be changed by more
// than that carries a hash, so that two repositories never share a place.
func pathPart(text string) string {
	lower := strings.ToLower(text)
	part := strings.Trim(notInPath.ReplaceAllString(lower, "-"), "._-")
	if part == lower {
		return part
	}
	return strings.TrimLeft(part+"-"+short(lower), "-")
}

// tagOf makes a tag of a key. One that has to be changed for it is told apart from
// others by a hash.
func tagOf(key string) string {
	tag := strings.TrimLeft(notInTag.ReplaceAllString(key, "-"), ".-")
	if tag == key && len(tag) <= 128 && tag != "" {
		return tag
	}
	return strings.TrimLeft(tag[:min(len(tag), 100)]+"-"+short(key), "-")
}

// short is a hash that tells names apart.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// newest is the tag that moves with each push: what a build on a branch and platform takes
// from what was built there before.
func newest(o Options, branch string) string { return tagOf("newest-" + o.Platform + "-" + branch) }

// stagesOf is the tag of what every stage of a key's image made, from builders that leave
// that in the registry.
func stagesOf(key string) string { return tagOf("stages-" + key) }

// login is how to log in at the registry, as configured or by default: at github.com's
// with the token of a job of github.com, and never with one anywhere else. A job of
// GitHub Enterprise Server has a token that is nothing to github.com.
func login(o Options) string {
	switch c, github := o.Images, getenv(o.Environ, "GITHUB_SERVER_URL"); {
	case c.Login != "":
		return c.Login
	case (c.Registry == "" || c.Registry == DefaultRegistry) && (github == "" || github == "https://github.com"):
		return runapi.LoginJob
	}
	return runapi.LoginAnonymous
}
