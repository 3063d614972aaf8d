package images

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// keyForm is what a key may look like: a tag of a registry.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// fetch hands over the image under a key, or tells of it.
func (s *Server) fetch(w http.ResponseWriter, r *http.Request, story anvil.Story) error {
	key, err := s.key(r.PathValue("key"))
	if err != nil {
		return err
	}
	i, err := s.Store.Image(r.Context(), story.Run().ID, key)
	if errors.Is(err, anvil.ErrNotFound) {
		return artifact(http.StatusNotFound, "the repository has no image under this key.")
	}
	if err != nil {
		return err
	}
	bytes, err := s.Blobs.Open(i.Digest)
	if errors.Is(err, blob.ErrNotFound) {
		return artifact(http.StatusNotFound, "the image under this key is gone.")
	}
	if err != nil {
		return err
	}
	defer bytes.Close()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.Transfer))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(i.Size, 10))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(runapi.HeaderDigest, i.Digest)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, bytes); err != nil { // the runner notices by size and digest
		s.Log.Warn("an image was not handed over whole", "run", story.Run().ID, "key", key, "error", err)
	}
	return nil
}

// store takes an image for a key, and the one in the query.
func (s *Server) store(w http.ResponseWriter, r *http.Request, story anvil.Story) error {
	key, err := s.key(r.PathValue("key"))
	if err != nil {
		return err
	}
	also, err := s.key(cmp.Or(r.URL.Query().Get("also"), key))
	if err != nil {
		return err
	}
	digest := r.Header.Get(runapi.HeaderDigest)
	if blob.Check(digest) != nil {
		return artifact(http.StatusBadRequest, "the header "+runapi.HeaderDigest+" does not name a digest.")
	}
	tooBig := artifact(http.StatusRequestEntityTooLarge, fmt.Sprintf("the image is larger than %d bytes packed.", s.MaxBytes))
	if r.ContentLength > s.MaxBytes {
		return tooBig
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.Transfer))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.Transfer))
	size, err := s.Blobs.PutExpect(r.Context(), r.Body, digest, s.MaxBytes)
	switch {
	case errors.Is(err, blob.ErrTooBig):
		return tooBig
	case errors.Is(err, blob.ErrMismatch):
		return artifact(http.StatusUnprocessableEntity, "the bytes that came do not have the digest they were announced with.")
	case err != nil:
		return err
	case size == 0:
		return artifact(http.StatusUnprocessableEntity, "the image is empty.")
	}
	i := anvil.Image{Key: key, Run: story.Run().ID, Digest: digest, Size: size}
	for _, i.Key = range []string{also, key} {
		if err := s.Store.SaveImage(r.Context(), i, holds(r)); err != nil {
			return err // the bytes are cleared away later
		}
	}
	s.Log.Info("image stored", "run", i.Run, "key", key, "digest", digest, "size", size)
	return answer(w, runapi.ArtifactAnswer{Digest: digest, Size: size})
}

// key reads a key, of an archive that there is.
func (s *Server) key(key string) (string, error) {
	switch {
	case s.MaxBytes <= 0:
		return "", artifact(http.StatusNotFound, "this server archives no images.")
	case !keyForm.MatchString(key):
		return "", artifact(http.StatusBadRequest, "the key is not of a key's form.")
	}
	return key, nil
}

func artifact(status int, what string) error {
	return &runapi.Error{Code: runapi.CodeArtifact, What: what, Next: "Use an anvil-runner of this server's version.", Status: status}
}
