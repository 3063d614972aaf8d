package runapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Backends of the cache of environment images.
const (
	ImagesRegistry = "registry" // an OCI registry
	ImagesArchive  = "archive"  // the server's own blob store
	ImagesNone     = "none"
)

// Who may log in at the registry. A server always says it. Where nothing is said, it is
// the job at the registry of its own GitHub, and nobody elsewhere.
const (
	LoginJob       = "job"       // the job's own token, from its environment; for GitHub's registry
	LoginServer    = "server"    // a credential that the server gives for this run, see PathRegistry
	LoginAnonymous = "anonymous" // nobody in particular
)

// ImageCache says where the images of environments are kept. Zero limits are the
// runner's defaults.
type ImageCache struct {
	Backend  string `json:"backend,omitempty"`  // empty: none
	Registry string `json:"registry,omitempty"` // HOST or HOST:PORT; empty: ghcr.io
	// Prefix is the path in front of Repository; empty: the OWNER/NAME of the run's
	// repository.
	Prefix     string `json:"prefix,omitempty"`
	Repository string `json:"repository,omitempty"` // the path's last part; empty: anvil-env
	Login      string `json:"login,omitempty"`
	// DefaultBranch is the one whose layers a build takes where its own branch has none.
	DefaultBranch string `json:"default_branch,omitempty"`
	// Time limits of the steps: to ask for an image, to pull and to push one, and to
	// wait for a push at the end of the run.
	LookupSeconds int   `json:"lookup_seconds,omitempty"`
	PullSeconds   int   `json:"pull_seconds,omitempty"`
	PushSeconds   int   `json:"push_seconds,omitempty"`
	WaitSeconds   int   `json:"wait_seconds,omitempty"`
	MaxBytes      int64 `json:"max_bytes,omitempty"` // of an archived image, packed
}

// Kinds of the events that tell what the image cache did. Data is a [CacheStep].
const (
	KindCacheLookup = "cache.lookup"
	KindCacheHit    = "cache.hit"
	KindCacheMiss   = "cache.miss"
	KindCachePull   = "cache.pull"
	KindCachePush   = "cache.push"
)

// CacheStep is one thing that the image cache did. Code and Why stand there if it
// failed, which costs time and never the run.
type CacheStep struct {
	Backend   string `json:"backend"`
	Key       string `json:"key"`
	Reference string `json:"reference,omitempty"`
	Digest    string `json:"digest,omitempty"` // of the image's manifest, or of the archive
	Image     string `json:"image,omitempty"`  // id of the image in the engine
	// Bytes are those that the image has in the cache, compressed; with a pull or push
	// they were moved, unless Present says that they were there.
	Bytes        int64  `json:"bytes,omitempty"`
	Present      bool   `json:"present,omitempty"`
	Milliseconds int64  `json:"ms"`
	Code         string `json:"code,omitempty"`
	Why          string `json:"why,omitempty"`
}

// RegistryCredential is what PathRegistry answers with: a login for one run.
type RegistryCredential struct {
	Host      string    `json:"host"`
	User      string    `json:"user"`
	Password  string    `json:"password"`
	ExpiresAt time.Time `json:"expires_at"` // ask again then; zero: not known
}

// StoredImage is an image in the archive of the run's repository.
type StoredImage struct {
	Digest string // sha256:HEX of the packed bytes
	Size   int64
}

// RegistryCredential asks for a login at the configured registry.
func (h *Holder) RegistryCredential(ctx context.Context) (RegistryCredential, error) {
	var a RegistryCredential
	err := h.client.postJSON(ctx, h.path(PathRegistry), h.lease, struct{}{}, &a)
	return a, err
}

// FindImage looks for an image in the archive. There is none if ok is false.
func (h *Holder) FindImage(ctx context.Context, key string) (found StoredImage, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, h.client.server+h.imagePath(key), nil)
	if err != nil {
		return found, false, err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	res, err := h.client.http.Do(req)
	if err != nil {
		return found, false, &unanswered{err}
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return StoredImage{Digest: res.Header.Get(HeaderDigest), Size: res.ContentLength}, true, nil
	case http.StatusNotFound:
		return found, false, nil
	}
	return found, false, refusal(res.StatusCode, nil)
}

// FetchImage fetches an image of the archive into f, which it overwrites. Bytes of
// another digest, or more than max of them, are an error, and f holds nothing then.
func (h *Holder) FetchImage(ctx context.Context, key, digest string, f *os.File, max int64) (size int64, err error) {
	return h.fetchAgain(ctx, "image "+key, h.imagePath(key), digest, f, max)
}

// StoreImage puts the size bytes of r into the archive, under two keys, which may be the
// same; they take the place of what was there.
func (h *Holder) StoreImage(ctx context.Context, key, also string, r io.ReaderAt, size int64) (StoredImage, error) {
	a, err := h.put(ctx, h.imagePath(key)+"?also="+url.QueryEscape(also), "image "+key, "", r, size)
	if err != nil {
		return StoredImage{}, fmt.Errorf("store image %s: %w", key, err)
	}
	return StoredImage(a), nil
}

func (h *Holder) imagePath(key string) string {
	return strings.Replace(h.path(PathImage), "{key}", url.PathEscape(key), 1)
}
