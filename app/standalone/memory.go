package standalone

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// memory is a store of one story. What was done before this process is not in it, so
// every effect counts as begun: whoever makes one looks for it first.
type memory struct {
	mu    sync.Mutex
	story anvil.Story
}

func (m *memory) StoryOfRun(context.Context, anvil.RunID) (anvil.Story, error) { return m.now(), nil }

func (m *memory) Story(context.Context, anvil.TaskID) (anvil.Story, error) { return m.now(), nil }

func (m *memory) now() anvil.Story {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.story
	s.Runs = append([]anvil.Run(nil), s.Runs...)
	s.Effects = map[string]anvil.Effect{}
	for key, e := range m.story.Effects {
		s.Effects[key] = e
	}
	return s
}

// Move brings the run to a state. There is nobody who could release a held change later,
// so it ends there, with what to do.
func (m *memory) Move(_ context.Context, _ anvil.RunID, to anvil.State, change func(*anvil.Run) error, _ ...anvil.Job) (anvil.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run := &m.story.Runs[0]
	if change != nil {
		if err := change(run); err != nil {
			return *run, err
		}
	}
	if to == anvil.Held {
		to, run.Problem = anvil.Failed, held(run.Verdict)
	}
	run.State, run.ChangedAt = to, time.Now()
	m.story.Task.Version++
	m.story.Told = false
	if to.Ended() {
		outcome := &anvil.Outcome{State: to, Problem: run.Problem}
		if run.Report != nil {
			outcome.Answer = run.Report.Answer
		}
		m.story.Task.Outcome, m.story.Task.ClosedAt = outcome, run.ChangedAt
	}
	return *run, nil
}

func (m *memory) Intend(_ context.Context, key string, task anvil.TaskID) (anvil.Effect, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known := m.story.Effects[key]
	if !known {
		e = anvil.Effect{Key: key, Task: task, State: anvil.Intended, ChangedAt: m.story.Task.CreatedAt}
		m.story.Effects[key] = e
	}
	return e, false, nil
}

func (m *memory) Effected(_ context.Context, e anvil.Effect) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.ChangedAt = time.Now()
	m.story.Effects[e.Key] = e
	return nil
}

func (m *memory) SetPullRequest(_ context.Context, _ anvil.SessionID, number int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.story.Session.PullRequest = number
	return nil
}

func (m *memory) Succeeded(context.Context, anvil.SessionID) ([]anvil.Story, error) { return nil, nil }

func (m *memory) Delivery(context.Context, anvil.DeliveryID) (anvil.Delivery, error) {
	return anvil.Delivery{}, anvil.ErrNotFound
}

func (m *memory) Told(context.Context, anvil.TaskID, int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.story.Told = true
	return nil
}

// bundle is the one artifact that is read, whatever its digest is said to be.
type bundle struct{ root *os.Root }

func (b bundle) Open(string) (io.ReadSeekCloser, error) { return openRegular(b.root, "bundle") }
