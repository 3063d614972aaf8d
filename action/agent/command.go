package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Command is the engine for programs that follow the protocol in the package
// comment.
type Command struct{}

// Conversation is all that a program keeps in the directory "conversation" of its
// home.
func (Command) Conversation() []string { return []string{"conversation/**"} }

// Start starts the program that the assignment names.
func (Command) Start(ctx context.Context, w Work) (Turn, error) {
	if len(w.Engine.Command) == 0 {
		return nil, &runapi.Error{
			Code: CodeMissing, What: fmt.Sprintf("The engine %q has no command.", w.Engine.Name),
			Next: "Set the engine's command in the server's configuration.",
		}
	}
	t := &commandTurn{program: w.Engine.Command[0], events: make(chan Event, 64), tail: joblog.NewClipped(tailBytes)}
	lines := joblog.NewLines(t.line)
	raw := &locked{w: w.Raw}
	env := w.Env
	if w.Resume != "" {
		env = append(slices.Clone(env), "ANVIL_RESUME="+w.Resume)
	}
	p, err := w.Confine.Start(ctx, confine.Spec{
		Argv:   w.Engine.Command,
		Dir:    w.Tree,
		Env:    env,
		Stdin:  strings.NewReader(w.Prompt),
		Stdout: io.MultiWriter(raw, lines),
		Stderr: io.MultiWriter(raw, &locked{w: t.tail}),
		Grace:  w.Grace,
	})
	if errors.Is(err, exec.ErrNotFound) {
		return nil, &runapi.Error{
			Code: CodeMissing, What: fmt.Sprintf("The engine's program %q is not on this runner.", t.program),
			Next: "Install it on the runner, or name another engine.",
		}
	}
	if err != nil {
		return nil, &runapi.Error{Code: CodeFailed, What: fmt.Sprintf("The engine did not start: %v.", err)}
	}
	t.process = p
	t.ended = make(chan struct{})
	go t.wait(lines)
	return t, nil
}

// tailBytes is how much of an agent's standard error a failure quotes.
const tailBytes = 2 << 10

type commandTurn struct {
	program string
	process confine.Process
	events  chan Event
	tail    *joblog.Clipped

	// Written by line, then by wait; read by others once ended is closed.
	answer  Answer
	message string
	exit    confine.Exit
	err     error
	ended   chan struct{}
}

func (t *commandTurn) Events() <-chan Event { return t.events }

func (t *commandTurn) Stop() { t.process.Stop() }

func (t *commandTurn) wait(lines *joblog.Lines) {
	t.exit, t.err = t.process.Wait()
	_ = lines.Close() // the output has ended: nothing else calls line now
	close(t.events)
	close(t.ended)
}

func (t *commandTurn) Wait() (Answer, error) {
	<-t.ended
	answer := t.answer
	if answer.Text == "" {
		answer.Text = t.message
	}
	switch {
	case t.err != nil:
		return answer, &runapi.Error{Code: CodeFailed, What: fmt.Sprintf("The engine could not be run: %v.", t.err)}
	case t.exit.Code != 0:
		e := &runapi.Error{
			Code: CodeFailed, What: fmt.Sprintf("The engine's program %s ended with exit code %d.", t.program, t.exit.Code),
			Next: "Look at the run's log, then say /anvil retry.",
		}
		if tail := strings.TrimSpace(joblog.Clean(string(t.tail.Bytes()))); tail != "" {
			e.What += " It last said: " + tail
		}
		return answer, e
	}
	return answer, nil
}

// line takes one line of standard output.
func (t *commandTurn) line(line string) {
	e, ok := parseLine(line)
	if !ok {
		return
	}
	switch e.Kind {
	case kindAnswer:
		t.answer.Text = e.Text
		return
	case kindResume:
		t.answer.Resume = e.Text
		e = Event{Kind: KindReference, Text: e.Text}
	case runapi.KindMessage:
		t.message = e.Text
	}
	t.events <- e
}

// locked makes one writer of several goroutines' writes.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.w == nil {
		return len(p), nil
	}
	return l.w.Write(p)
}
