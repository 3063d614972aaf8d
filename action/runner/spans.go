package runner

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// spans times the parts of the run, which may run beside each other.
type spans struct {
	started time.Time // of the runner

	mu     sync.Mutex
	list   []runapi.Span
	engine time.Time // when the engine was started
	called bool      // a model has been
}

// begin begins a part. The function that it returns ends it; only its first call counts.
func (s *spans) begin(name string) (end func()) {
	began := time.Now()
	var once sync.Once
	return func() { once.Do(func() { s.add(name, began, time.Since(began)) }) }
}

func (s *spans) add(name string, began time.Time, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		if s.list[i].Name == name {
			s.list[i].Milliseconds += took.Milliseconds()
			return
		}
	}
	s.list = append(s.list, runapi.Span{Name: name, Began: began.Sub(s.started).Milliseconds(), Milliseconds: took.Milliseconds()})
}

// engineStarts notes when the engine is started for the first time, and modelCalled
// when it first calls a model.
func (s *spans) engineStarts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.IsZero() {
		s.engine = time.Now()
	}
}

func (s *spans) modelCalled() {
	s.mu.Lock()
	began, called := s.engine, s.called
	s.called = true
	s.mu.Unlock()
	if !called && !began.IsZero() {
		s.add(runapi.SpanModel, began, time.Since(began))
	}
}

// all lists the parts that have ended, in the order of [runapi.Spans].
func (s *spans) all() []runapi.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.list)
	slices.SortFunc(list, func(a, b runapi.Span) int {
		return slices.Index(runapi.Spans, a.Name) - slices.Index(runapi.Spans, b.Name)
	})
	return list
}

// firstCall is the server with an eye on the first call of a model.
type firstCall struct {
	*runapi.Holder
	seen func()
}

func (f firstCall) RelayModel(ctx context.Context, r runapi.Relayed) (*http.Response, error) {
	if r.Method == http.MethodPost { // engines look whether somebody is there, and for the list of models
		f.seen()
	}
	return f.Holder.RelayModel(ctx, r)
}
