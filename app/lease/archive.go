package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Sealed stores bytes so that only this server can read them, by the digest of
// what is stored.
type Sealed interface {
	Put(ctx context.Context, r io.Reader, digest string, max int64) (sealed string, size int64, err error)
	Open(sealed string) (io.ReadCloser, error)
	Delete(sealed string) error
}

var objectName = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// archive takes a checkpoint or a conversation from the holder of the lease. It
// takes the place of what the session had.
func (s *Server) archive(r *http.Request, id anvil.RunID, name, digest string, most int64) (any, error) {
	var about runapi.About
	if err := json.Unmarshal([]byte(r.Header.Get(runapi.HeaderAbout)), &about); err != nil {
		return nil, artifactError(http.StatusBadRequest, "the header "+runapi.HeaderAbout+" does not say what the archive is about.")
	}
	a := anvil.Archive{Name: name, Run: id, Digest: digest, Engine: anvil.EngineInfo{Version: cut(about.Version, 100)}}
	switch {
	case name == runapi.ArtifactConversation:
		a.Reference = cut(about.Reference, 200)
	case !objectName.MatchString(about.Head):
		return nil, artifactError(http.StatusBadRequest, "the checkpoint's head is not a full object name.")
	default:
		a.Head = about.Head
	}
	var err error
	a.Sealed, a.Size, err = s.Sealed.Put(r.Context(), r.Body, digest, most)
	if err != nil {
		return nil, notStored(err, name, most)
	}
	if a.Size == 0 {
		return nil, errors.Join(artifactError(http.StatusUnprocessableEntity, "the archive is empty."), s.Sealed.Delete(a.Sealed))
	}
	replaced, err := s.Store.SaveArchive(r.Context(), a, holds(r))
	if err != nil {
		return nil, errors.Join(err, s.Sealed.Delete(a.Sealed))
	}
	if replaced != "" {
		if err := s.Sealed.Delete(replaced); err != nil { // it is cleared away later
			s.Log.Warn("an archive that was replaced was not deleted", "run", id, "name", name, "error", err)
		}
	}
	s.Log.Info("archive saved", "run", id, "name", name, "size", a.Size)
	return runapi.ArtifactAnswer{Digest: digest, Size: a.Size}, nil
}

// notStored is an error of storing an artifact as the runner is told of it.
func notStored(err error, name string, most int64) error {
	switch {
	case errors.Is(err, blob.ErrTooBig):
		return tooBig(name, most)
	case errors.Is(err, blob.ErrMismatch):
		return artifactError(http.StatusUnprocessableEntity, "the bytes that came do not have the digest they were announced with.")
	}
	return err
}

func tooBig(name string, most int64) error {
	return artifactError(http.StatusRequestEntityTooLarge, fmt.Sprintf("the artifact %s is larger than %d bytes.", name, most))
}

// resume is what a run has to go on from: the conversation if the engine is of the
// same kind, and the tree if it stands on the run's own base commit. On another
// base the session's branch already holds what was published.
func (s *Server) resume(ctx context.Context, run anvil.Run) (*runapi.Resume, error) {
	archives, err := s.Store.Archives(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	var r runapi.Resume
	if c, ok := archives[runapi.ArtifactConversation]; ok && c.Engine.Kind == run.Engine.Kind {
		r.Reference, r.Conversation = c.Reference, c.Digest
	}
	if c, ok := archives[runapi.ArtifactCheckpoint]; ok && c.Base == run.BaseCommit {
		r.Checkpoint, r.CheckpointHead = c.Digest, c.Head
	}
	if r == (runapi.Resume{}) {
		return nil, nil
	}
	return &r, nil
}

// restore gives the holder of a lease the bytes of what its session has. The
// session is the run's: there is no way to name another one.
func (s *Server) restore(w http.ResponseWriter, r *http.Request) {
	id, name := anvil.RunID(r.PathValue("run")), r.PathValue("name")
	a, plain, err := s.openArchive(r, id, name)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer plain.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(a.Size, 10))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(runapi.HeaderDigest, a.Digest)
	if _, err := io.Copy(w, plain); err != nil { // the runner notices by size and digest
		s.Log.Warn("an archive was not handed over whole", "run", id, "name", name, "error", err)
		return
	}
	s.Log.Info("archive restored", "run", id, "name", name, "from", a.Run, "size", a.Size)
}

func (s *Server) openArchive(r *http.Request, id anvil.RunID, name string) (a anvil.Archive, plain io.ReadCloser, err error) {
	run, err := s.Store.Run(r.Context(), id)
	if err != nil {
		return a, nil, err
	}
	if err := holds(r)(run); err != nil {
		return a, nil, err
	}
	archives, err := s.Store.Archives(r.Context(), id)
	if err != nil {
		return a, nil, err
	}
	a, ok := archives[name]
	if !ok {
		return a, nil, artifactError(http.StatusNotFound, "the session has no "+strings.ToValidUTF8(cut(name, 40), "")+".")
	}
	plain, err = s.Sealed.Open(a.Sealed)
	if err != nil {
		// Trying again does not help: the key is another, or the bytes are gone.
		s.Log.Error("an archive cannot be opened", "run", id, "name", name, "from", a.Run, "error", err)
		return a, nil, artifactError(http.StatusGone, "the session's "+a.Name+" cannot be opened any more.")
	}
	return a, plain, nil
}
