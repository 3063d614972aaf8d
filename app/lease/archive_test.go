package lease_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/seal"
)

var (
	head    = strings.Repeat("b", 40)
	someRun = runapi.About{Reference: "thread-1", Version: "1.2.3"}
)

func sum(s string) string {
	b := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(b[:])
}

func save(t *testing.T, h *runapi.Holder, name string, about runapi.About, content string) {
	t.Helper()
	if _, err := h.Save(t.Context(), name, about, strings.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

// restored is what a holder gets under a name.
func restored(t *testing.T, h *runapi.Holder, name, digest string) (string, error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := h.Restore(t.Context(), name, digest, f, 1<<20); err != nil {
		return "", err
	}
	b, err := os.ReadFile(f.Name())
	return string(b), err
}

// lose ends a run as lost, and returns its next attempt, dispatched.
func (w *world) lose(run anvil.RunID) anvil.RunID {
	w.t.Helper()
	w.store.Attempts = 5
	w.move(run, anvil.Lost, func(r *anvil.Run) { r.Problem = anvil.Problemf("ATTEMPT_LOST", "", "lost") })
	task, _, _ := strings.Cut(string(run), ".")
	next := anvil.RunIDFor(anvil.TaskID(task), w.run(run).Attempt+1)
	w.start(next)
	return next
}

// A later attempt gets what the earlier one left, the latest of each; the earlier
// one can neither get nor leave anything any more.
func TestALaterAttemptGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	save(t, h, runapi.ArtifactConversation, someRun, "first words")
	save(t, h, runapi.ArtifactConversation, someRun, "last words")
	save(t, h, runapi.ArtifactCheckpoint, runapi.About{Head: head}, "a bundle")

	next := w.lose(run)
	a, err := w.claim(next)
	if err != nil {
		t.Fatal(err)
	}
	want := runapi.Resume{Reference: "thread-1", Conversation: sum("last words"), Checkpoint: sum("a bundle"), CheckpointHead: head}
	if a.Resume == nil || *a.Resume != want {
		t.Fatalf("resume %+v, want %+v", a.Resume, want)
	}
	second := w.client.Holder(a)
	for name, content := range map[string]string{runapi.ArtifactConversation: "last words", runapi.ArtifactCheckpoint: "a bundle"} {
		if got, err := restored(t, second, name, sum(content)); got != content || err != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	_, err = restored(t, h, runapi.ArtifactConversation, sum("last words"))
	refused(t, "the lost run restores", err, "ATTEMPT_LOST", 409)
	_, err = h.Save(t.Context(), runapi.ArtifactConversation, someRun, strings.NewReader("x"), 1)
	refused(t, "the lost run saves", err, "ATTEMPT_LOST", 409)
	_, err = restored(t, second, runapi.ArtifactLog, sum("x"))
	refused(t, "another name", err, "CB_ARTIFACT", 404)

	// What was replaced is gone: two sealed blobs are all there is.
	n := 0
	if err := w.blobs.All(func(string, blob.Info) error { n++; return nil }); err != nil || n != 2 {
		t.Errorf("%d blobs: %v", n, err)
	}
}

// The run of another session gets nothing of this one, whatever it asks for.
func TestAnotherSessionGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, h := w.working("d")
	save(t, h, runapi.ArtifactConversation, someRun, "words")
	d := anvil.Delivery{ID: "e", Event: "issue_comment", Body: []byte("{}"), ReceivedAt: w.clock.Now()}
	if _, err := w.store.Receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	task, err := w.store.OpenTask(t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery: "e", Verb: anvil.VerbDo, Thread: anvil.Thread{Repository: home, Issue: 13, Title: "Another"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	other := anvil.RunIDFor(task.ID, 1)
	w.start(other)
	a, err := w.claim(other)
	if err != nil || a.Resume != nil {
		t.Fatalf("%+v %v", a.Resume, err)
	}
	_, err = restored(t, w.client.Holder(a), runapi.ArtifactConversation, sum("words"))
	refused(t, "its own path", err, "CB_ARTIFACT", 404)
	a.Run = strings.Replace(a.Run, string(task.ID), "nosuchtask", 1)
	_, err = restored(t, w.client.Holder(a), runapi.ArtifactConversation, sum("words"))
	refused(t, "no run's path", err, "CLAIM_NONCE", 403)
}

// The tree is for a run on the same base, and the conversation for an engine of
// the same kind.
func TestWhatDoesNotFitIsNotGoneOnFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	save(t, h, runapi.ArtifactConversation, someRun, "words")
	save(t, h, runapi.ArtifactCheckpoint, runapi.About{Head: head}, "a bundle")
	next := w.lose(run)
	w.amend(next, func(r *anvil.Run) { r.BaseCommit = strings.Repeat("c", 40) })
	a, err := w.claim(next)
	if err != nil || a.Resume == nil || a.Resume.Checkpoint != "" || a.Resume.Reference != "thread-1" {
		t.Errorf("another base: %+v %v", a.Resume, err)
	}
	next = w.lose(next)
	w.amend(next, func(r *anvil.Run) { r.Engine.Kind = "codex" })
	a, err = w.claim(next)
	if err != nil || a.Resume == nil || a.Resume.Checkpoint == "" || a.Resume.Conversation != "" || a.Resume.Reference != "" {
		t.Errorf("another engine: %+v %v", a.Resume, err)
	}
}

func TestArchivesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, h := w.working("d")
	big := strings.Repeat("x", conversationCap+1)
	for what, c := range map[string]struct {
		name    string
		about   runapi.About
		content string
		status  int
	}{
		"too large":         {runapi.ArtifactConversation, someRun, big, 413},
		"no head":           {runapi.ArtifactCheckpoint, runapi.About{}, "x", 400},
		"a head of a sort":  {runapi.ArtifactCheckpoint, runapi.About{Head: "HEAD"}, "x", 400},
		"an empty one":      {runapi.ArtifactConversation, someRun, "", 422},
		"large, checkpoint": {runapi.ArtifactCheckpoint, runapi.About{Head: head}, big, 413},
	} {
		_, err := h.Save(t.Context(), c.name, c.about, strings.NewReader(c.content), int64(len(c.content)))
		refused(t, what, err, "CB_ARTIFACT", c.status)
	}
	_, err := h.Upload(t.Context(), runapi.ArtifactConversation, strings.NewReader("x"), 1)
	refused(t, "about nothing", err, "CB_ARTIFACT", 400)
	if err := w.blobs.All(func(digest string, _ blob.Info) error { return errors.New(digest) }); err != nil {
		t.Errorf("stored: %v", err)
	}
}

// With another key, or without the bytes, a run begins afresh.
func TestArchiveThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, h := w.working("d")
	save(t, h, runapi.ArtifactConversation, someRun, "words")
	key, _, err := seal.OwnKey(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	w.leases.Sealed.(*seal.Store).Key = key
	_, err = restored(t, h, runapi.ArtifactConversation, sum("words"))
	refused(t, "another key", err, "CB_ARTIFACT", 410)
	if !bytes.Contains([]byte(w.log.String()), []byte("cannot be opened")) {
		t.Error("the operator is not told")
	}
}
