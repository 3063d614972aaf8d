package hook_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/hook"
)

// Three deliveries of 20 MB are on their way in; for a fourth there is no room, but for
// a small one there is. Once they are answered, the fourth comes in.
func TestRoomIsBounded(t *testing.T) {
	t.Parallel()
	var inside, all sync.WaitGroup
	leave := make(chan struct{})
	var once sync.Once
	store := &shelf{wait: func() { inside.Done(); <-leave }}
	h, _ := door(t, store)
	large := `{"x":"` + strings.Repeat("x", 20<<20) + `"}`
	ids := []string{"b5e11ab0-0000-4000-8000-000000000001", "b5e11ab0-0000-4000-8000-000000000002", "b5e11ab0-0000-4000-8000-000000000003", guid}
	defer once.Do(func() { close(leave) })
	for _, id := range ids[:3] {
		inside.Add(1)
		all.Go(func() {
			if status, a := ask(t, h, delivery(id, "issues", large)); status != 202 {
				t.Errorf("%d %+v", status, a)
			}
		})
		inside.Wait()
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, delivery(guid, "issues", large))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "WH_BUSY") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if status, a := ask(t, h, delivery(guid, "push", `{}`)); status != 202 {
		t.Errorf("a small one: %d %+v", status, a)
	}
	once.Do(func() { close(leave) })
	all.Wait()
	inside.Add(1)
	if status, a := ask(t, h, delivery(guid, "issues", large)); status != 202 {
		t.Errorf("after they were answered: %d %+v", status, a)
	}
}

// Who promises much and sends little takes little: a hundred of them leave room. Who
// breaks off is told so, and gives its place back.
func TestRoomIsTakenAsBytesCome(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	h, _ := door(t, store)
	var waiting, all sync.WaitGroup
	leave := make(chan struct{})
	for range 100 {
		waiting.Add(1)
		all.Go(func() {
			r := delivery(guid, "issues", `{}`)
			r.ContentLength = hook.MaxBody
			r.Body = io.NopCloser(&slow{begun: waiting.Done, leave: leave})
			if status, a := ask(t, h, r); status != 400 || a.Code != anvil.Code("WH_BODY") {
				t.Errorf("%d %+v", status, a)
			}
		})
	}
	waiting.Wait()
	if status, a := ask(t, h, delivery(guid, "issues", `{"x":"`+strings.Repeat("x", 10<<20)+`"}`)); status != 202 {
		t.Errorf("%d %+v", status, a)
	}
	close(leave)
	all.Wait()
}

// slow is a body that gives a byte, and breaks off when it is told to.
type slow struct {
	begun func()
	leave chan struct{}
	reads int
}

func (s *slow) Read(p []byte) (int, error) {
	s.reads++
	if s.reads == 1 {
		return copy(p, "{"), nil
	}
	s.begun()
	<-s.leave
	return 0, io.ErrUnexpectedEOF
}
