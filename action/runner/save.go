package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/conversation"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// saver hands over what a later run can go on from: the tree as it stands, and the
// engine's conversation. Its uploads run beside everything else.
type saver struct {
	job      *job
	w        *workspace.Workspace
	home     string   // of the agent
	patterns []string // of the conversation's files

	uploads sync.WaitGroup

	mu        sync.Mutex
	reference string          // of the conversation, as far as the engine has told
	version   string          // of the engine
	tree      string          // that the server has; empty: none but the base commit's
	state     string          // of the conversation that the server has
	told      map[string]bool // what was warned of
}

func newSaver(j *job, w *workspace.Workspace, home string, engine agent.Engine, got resumed) *saver {
	s := &saver{job: j, w: w, home: home, patterns: engine.Conversation(), reference: got.reference, told: map[string]bool{}}
	if got.tree {
		s.tree = "what was restored"
	}
	return s
}

// saveWhile saves from time to time until the function it returns is called.
func (j *job) saveWhile(work context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(work)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		j.saver.during(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// warn tells people of something once.
func (s *saver) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	before := s.told[text]
	s.told[text] = true
	s.mu.Unlock()
	if !before {
		s.job.warn("%s", text)
	}
}

// refer notes with which reference the engine could go on, and reports whether its version
// is news.
func (s *saver) refer(reference, version string) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reference != "" {
		s.reference = reference
	}
	if version != "" {
		news = version != s.version
		s.version = version
	}
	return news
}

// during saves again and again while the engine works, until ctx ends; then it
// gives up what it is about, since the end saves all.
func (s *saver) during(ctx context.Context) {
	every := time.Duration(s.job.assignment.Limits.CheckpointSeconds) * s.job.Second
	if every <= 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.unfinished(ctx)
		s.conversation(ctx)
		s.uploads.Wait()
	}
}

// save saves the work as it stands in r, nil if nothing is changed, and the
// conversation. It returns when both are packed; they are uploaded in the
// background, until ctx ends. Nothing of the agent's may run.
func (s *saver) save(ctx context.Context, r *workspace.Result) {
	switch {
	case r != nil:
		s.checkpoint(ctx, r)
	case s.saved() != "": // nothing is changed any more, and that is news
		s.unfinished(ctx)
	}
	s.conversation(ctx)
}

// unfinished saves the tree as it is at this moment.
func (s *saver) unfinished(ctx context.Context) {
	r, err := s.w.Checkpoint(ctx, "Unfinished work of run "+s.job.assignment.Run, maxUnpacked)
	if err != nil {
		if ctx.Err() == nil {
			s.warn("The unfinished work is not saved: %v", err)
		}
		return
	}
	defer func() { _ = r.Discard() }()
	if r.Unchanged() && s.saved() == "" {
		return
	}
	s.checkpoint(ctx, r)
}

// saved is the tree that the server has.
func (s *saver) saved() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tree
}

func (s *saver) checkpoint(ctx context.Context, r *workspace.Result) {
	if r.Tree == s.saved() {
		return
	}
	if limit := s.job.limits().bundle; r.Size > limit {
		s.warn("The unfinished work is not saved: it is %d bytes packed, and the limit is %d.", r.Size, limit)
		return
	}
	f, err := os.Open(r.Bundle)
	if err != nil {
		s.warn("The unfinished work is not saved: %v", err)
		return
	}
	s.upload(ctx, runapi.ArtifactCheckpoint, runapi.About{Head: r.Commit}, f, r.Size, func() { s.tree = r.Tree })
}

func (s *saver) conversation(ctx context.Context) {
	if len(s.patterns) == 0 {
		return
	}
	f, err := s.w.TempFile("conversation-*")
	if err != nil {
		s.warn("The engine's conversation is not saved: %v", err)
		return
	}
	s.mu.Lock()
	since, about := s.state, runapi.About{Reference: s.reference, Version: s.version}
	s.mu.Unlock()
	limit := s.job.limits().conversation
	packed, err := conversation.Pack(ctx, f, s.home, s.patterns, limit, s.job.secrets, since)
	var size int64
	if err == nil {
		size, err = f.Seek(0, 1)
	}
	for _, name := range packed.LeftOut {
		s.warn("Not saved with the conversation: %s.", name)
	}
	switch {
	case errors.Is(err, conversation.ErrNothing), errors.Is(err, conversation.ErrSame):
		_ = f.Close()
		return
	case err == nil && size > limit:
		err = conversation.ErrTooBig
	}
	if err != nil {
		_ = f.Close()
		if ctx.Err() == nil {
			s.warn("The engine's conversation is not saved: %v", err)
		}
		return
	}
	s.upload(ctx, runapi.ArtifactConversation, about, f, size, func() { s.state = packed.State })
}

// upload sends a file in the background and closes it; done is told with mu held.
func (s *saver) upload(ctx context.Context, name string, about runapi.About, f *os.File, size int64, done func()) {
	s.uploads.Go(func() {
		defer f.Close()
		start := time.Now()
		_, err := s.job.holder.Save(ctx, name, about, f, size)
		if err != nil {
			if lostBy(err) == nil && ctx.Err() == nil {
				s.job.log.Warn("The %s could not be saved: %v", name, err)
			}
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		done()
		s.job.log.Say("Saved the %s, %d bytes, in %d ms.", name, size, time.Since(start).Milliseconds())
	})
}

// wait waits until everything is uploaded, or ctx ends.
func (s *saver) wait(ctx context.Context) {
	if s == nil {
		return
	}
	all := make(chan struct{})
	go func() {
		s.uploads.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-ctx.Done():
		s.job.log.Warn("There was no time to save everything: %v", fmt.Errorf("%w", context.Cause(ctx)))
	}
}
