package publish

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// Effects writes effects down.
type Effects interface {
	Intend(ctx context.Context, key string, task anvil.TaskID) (e anvil.Effect, fresh bool, err error)
	Effected(ctx context.Context, e anvil.Effect) error
}

// Keys of effects. A task has each of them at most once.
func keyComment(t anvil.TaskID) string  { return "comment/" + string(t) }
func keyEyes(t anvil.TaskID) string     { return "eyes/" + string(t) }
func keyReaction(t anvil.TaskID) string { return "reaction/" + string(t) }
func keyPush(t anvil.TaskID) string     { return "push/" + string(t) }
func keyPull(t anvil.TaskID) string     { return "pull/" + string(t) }
func keyCheck(t anvil.TaskID) string    { return "check/" + string(t) }

// keyScreenshots' address is where the pictures are shown, each below its file's name.
func keyScreenshots(t anvil.TaskID) string { return "screenshots/" + string(t) }
func keyPanel(t anvil.TaskID) string       { return "panel/" + string(t) }

// KeyQuestion is the key of the comment with which a run asks, once, or shows its plan.
func KeyQuestion(r anvil.RunID) string { return "question/" + string(r) }

// made is what GitHub has after an effect.
type made struct {
	id     int64
	url    string
	digest string // of its content, where that is known and may change later
}

// once makes an effect unless it was made: find looks for one whose making was
// begun at a time and not recorded, do makes it. No find means that making it
// twice is the same as once.
func once(ctx context.Context, effects Effects, key string, task anvil.TaskID,
	find func(begun time.Time) (made, bool, error), do func() (made, error)) (anvil.Effect, error) {
	e, fresh, err := effects.Intend(ctx, key, task)
	if err != nil || e.State == anvil.Done {
		return e, err
	}
	var m made
	found := false
	if !fresh && find != nil {
		if m, found, err = find(e.ChangedAt); err != nil {
			return e, fmt.Errorf("look for %s: %w", key, err)
		}
	}
	if !found {
		if m, err = do(); err != nil {
			return e, fmt.Errorf("make %s: %w", key, err)
		}
	}
	e.State, e.ExternalID, e.URL, e.Digest = anvil.Done, strconv.FormatInt(m.id, 10), m.url, m.digest
	return e, effects.Effected(ctx, e)
}

// external is GitHub's id of an effect that was made.
func external(e anvil.Effect) int64 {
	id, _ := strconv.ParseInt(e.ExternalID, 10, 64) // we wrote it
	return id
}

// digest tells one content from another.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Markers writes and recognises the hidden line that says which task a text of
// ours is about. Nobody without the key can write one, so a marker that
// somebody copies to another task's text is not believed.
type Markers struct{ Key []byte }

// Of returns the marker of a task's text.
func (m Markers) Of(task anvil.TaskID) string {
	mac := hmac.New(sha256.New, m.Key)
	mac.Write([]byte("task " + task))
	return fmt.Sprintf("<!-- anvil:%s:%s -->", task, hex.EncodeToString(mac.Sum(nil)[:12]))
}

// marked is a text with its marker behind it. What is too long is cut in the text,
// for without its marker it would not be found again.
func marked(text, marker string) string {
	tail := "\n\n" + marker
	return github.Fit(strings.TrimSpace(text), github.MaxBody-len(tail), "") + tail
}

// serial lets one hop at a time act for a key. Two that show the same task at
// once would each look for a comment, find none, and write one. One server has
// one database and so one of these; replicas would need it in the database.
type serial struct {
	mu   sync.Mutex
	busy map[string]*turn // guarded by mu; an entry lives while somebody holds or waits
}

type turn struct {
	mu    sync.Mutex
	users int
}

func (s *serial) lock(key string) (unlock func()) {
	s.mu.Lock()
	if s.busy == nil {
		s.busy = map[string]*turn{}
	}
	t := s.busy[key]
	if t == nil {
		t = &turn{}
		s.busy[key] = t
	}
	t.users++
	s.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		s.mu.Lock()
		if t.users--; t.users == 0 {
			delete(s.busy, key)
		}
		s.mu.Unlock()
	}
}

// hopeless reports whether waiting does not cure err: GitHub said no, and means
// it.
func hopeless(err error, now time.Time) bool {
	return github.AsError(err) != nil && github.RetryAt(err, now).IsZero()
}

// later turns an error that waiting may cure into the time to come again.
func later(err error, now time.Time) error {
	if at := github.RetryAt(err, now); !at.IsZero() {
		return &queue.Later{At: at, Reason: err.Error()}
	}
	return err
}
