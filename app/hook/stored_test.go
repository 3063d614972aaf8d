package hook_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/hook"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// counter is a queue that counts what is committed to it by key.
type counter struct {
	mu    sync.Mutex
	woken map[string]int
}

func (c *counter) EnqueueTx(_ context.Context, _ *sql.Tx, jobs ...anvil.Job) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		c.woken[j.Key]++
	}
	return nil
}

// withStore is the door in front of a real database.
func withStore(t *testing.T) (*hook.Handler, *store.Store, *counter) {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir(), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	queue := &counter{woken: map[string]int{}}
	s.Queue = queue
	h, _ := door(t, s)
	return h, s, queue
}

func comment(id int) string {
	return fmt.Sprintf(`{"action":"created","comment":{"id":%d,"body":"/anvil fix it"}}`, id)
}

// A redelivery is told what the first one led to, however often it comes; another
// body under its id changes nothing; and the body alone, which is all that GitHub
// signs, is not taken twice under another id.
func TestATriggerIsTakenOnce(t *testing.T) {
	t.Parallel()
	h, s, queue := withStore(t)
	if status, _ := ask(t, h, delivery("first", "issue_comment", comment(1))); status != 202 {
		t.Fatalf("answered %d", status)
	}
	task, err := s.OpenTask(t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery: "first", Verb: anvil.VerbDo,
		Thread: anvil.Thread{Repository: anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}, Issue: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := hook.Answer{Status: "duplicate", Task: string(task.ID)}
	for i, r := range []*http.Request{
		delivery("first", "issue_comment", comment(1)),
		delivery("first", "issue_comment", comment(1)),
		delivery("replayed", "issue_comment", comment(1)),
		delivery("replayed-2", "issues", comment(1)), // neither the id nor the event is signed
		delivery("replayed-3", "installation", comment(1)),
	} {
		want.Delivery = r.Header.Get("X-GitHub-Delivery")
		if status, a := ask(t, h, r); status != 200 || a != want {
			t.Errorf("repetition %d: answered %d %+v, want 200 %+v", i+1, status, a, want)
		}
	}
	for _, r := range []*http.Request{
		delivery("first", "issue_comment", comment(2)),
		delivery("first", "issues", comment(1)),
	} {
		if status, a := ask(t, h, r); status != 409 || a.Code != "WH_GUID_CONFLICT" {
			t.Errorf("another delivery under the same id: answered %d %+v", status, a)
		}
	}
	if status, _ := ask(t, h, delivery("second", "issue_comment", comment(2))); status != 202 {
		t.Errorf("another comment: answered %d", status)
	}
	// The other two keys are the task's: its announcement, and the schedule.
	if queue.woken["first"] != 1 || queue.woken["second"] != 1 || len(queue.woken) != 4 {
		t.Errorf("woke %v", queue.woken)
	}
}

// What only states a fact may be said again in the same words: an installation
// that was suspended twice was suspended twice.
func TestAFactMayBeRepeated(t *testing.T) {
	t.Parallel()
	h, _, queue := withStore(t)
	for _, guid := range []string{"a", "b"} {
		if status, _ := ask(t, h, delivery(guid, "installation", `{"action":"suspend","installation":{"id":1}}`)); status != 202 {
			t.Errorf("answered %d", status)
		}
	}
	if queue.woken["a"] != 1 || queue.woken["b"] != 1 {
		t.Errorf("woke %v", queue.woken)
	}
}

func TestFiftyAtOnceAreOne(t *testing.T) {
	t.Parallel()
	h, _, queue := withStore(t)
	var wg sync.WaitGroup
	answers := make(chan int, 50)
	for range 50 {
		wg.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, delivery("one", "issue_comment", comment(1)))
			answers <- w.Code
		})
	}
	wg.Wait()
	close(answers)
	count := map[int]int{}
	for status := range answers {
		count[status]++
	}
	if count[202] != 1 || count[200] != 49 || queue.woken["one"] != 1 {
		t.Errorf("answered %v, woke %v", count, queue.woken)
	}
}

// GitHub's own examples of what it sends go through the door.
func TestGitHubsExamplesAreLetIn(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "octokit", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("there are %d of GitHub's example payloads in testdata/octokit; there should be 40 or more", len(files))
	}
	h, s, queue := withStore(t)
	seen := map[string]bool{}
	for _, file := range files {
		event := filepath.Base(filepath.Dir(file))
		seen[event] = true
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(body) {
			t.Fatalf("%s is not JSON", file)
		}
		guid := event + "-" + strings.TrimSuffix(filepath.Base(file), ".json")
		status, a := ask(t, h, delivery(guid, event, string(body)))
		switch ours := slices.Contains(hook.Events, event); {
		case status != 202:
			t.Errorf("%s: answered %d %+v", file, status, a)
		case ours:
			d, err := s.Delivery(t.Context(), anvil.DeliveryID(guid))
			if err != nil || string(d.Body) != string(body) || d.Decision != anvil.Pending || queue.woken[guid] != 1 {
				t.Errorf("%s: stored %d bytes as %s, woke %d, %v", file, len(d.Body), d.Decision, queue.woken[guid], err)
			}
		case a.Code != "WH_UNHANDLED" || queue.woken[guid] != 0:
			t.Errorf("%s: answered %+v", file, a)
		}
	}
	for _, event := range hook.Events {
		if !seen[event] {
			t.Errorf("there is no example of %s", event)
		}
	}
}
