package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

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

// warn tells people of something once.
func (s *saver) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	before := s.told[text]
	if s.told == nil {
		s.told = map[string]bool{}
	}
	s.told[text] = true
	s.mu.Unlock()
	if !before {
		s.job.warn("%s", text)
	}
}

// refer notes with which reference the engine could go on.
func (s *saver) refer(reference, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reference != "" {
		s.reference = reference
	}
	if version != "" {
		s.version = version
	}
}

// save saves the work as it stands in r, and the conversation. It returns when both
// are packed; they are uploaded in the background, until ctx ends. Nothing may
// change what is saved meanwhile.
func (s *saver) save(ctx context.Context, r *workspace.Result) {
	s.checkpoint(ctx, r)
	s.conversation(ctx)
}

func (s *saver) checkpoint(ctx context.Context, r *workspace.Result) {
	if r == nil {
		return
	}
	s.mu.Lock()
	same := r.Tree == s.tree
	s.mu.Unlock()
	if same {
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
			if lostBy(err) == nil {
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
