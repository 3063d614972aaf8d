package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

const (
	// tailBytes is how much of an agent's standard error a failure quotes.
	tailBytes = 2 << 10
	// longestLine is how much of a line an engine reads: one line of a stream
	// holds the whole output of a command.
	longestLine = 16 << 20
)

// reader understands what one kind of agent prints, and how it ended. Its methods
// are called one after the other.
type reader interface {
	// line takes one line of standard output and returns the events in it.
	line(line string) []Event
	// end returns the answer. said is the end of what was on standard error.
	end(exit confine.Exit, said string) (Answer, error)
}

// turn is a program at work on a prompt, with its reader.
type turn struct {
	process confine.Process
	reader  reader
	events  chan Event
	tail    *joblog.Clipped

	ended chan struct{}
	exit  confine.Exit // read once ended is closed
	err   error
}

// begin starts the program of an engine. Of spec it fills in what is the same for
// all. first are events that come before anything the program does.
func begin(ctx context.Context, w Work, spec confine.Spec, r reader, first ...Event) (Turn, error) {
	t := &turn{reader: r, events: make(chan Event, 64+len(first)), tail: joblog.NewClipped(tailBytes), ended: make(chan struct{})}
	for _, e := range first {
		t.events <- e
	}
	lines := joblog.NewLines(t.line)
	lines.Longest = longestLine
	raw := &locked{w: w.Raw}
	spec.Dir, spec.Grace = w.Confine.Path(w.Tree), w.Grace
	spec.Stdout, spec.Stderr = io.MultiWriter(raw, lines), io.MultiWriter(raw, &locked{w: t.tail})
	p, err := w.Confine.Start(ctx, spec)
	if err != nil {
		return nil, notStarted(w.Engine, spec.Argv, err)
	}
	t.process = p
	go t.wait(lines)
	return t, nil
}

// notStarted is the problem that a program of the engine could not be started.
func notStarted(e runapi.Engine, argv []string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return missing(e, argv[0])
	}
	return &runapi.Error{Code: CodeFailed, What: fmt.Sprintf("The engine did not start: %v.", err)}
}

func (t *turn) Events() <-chan Event { return t.events }

func (t *turn) Stop() { t.process.Stop() }

func (t *turn) line(line string) {
	for _, e := range t.reader.line(line) {
		t.events <- e
	}
}

func (t *turn) wait(lines *joblog.Lines) {
	t.exit, t.err = t.process.Wait()
	_ = lines.Close() // the output has ended: nothing else calls line now
	close(t.events)
	close(t.ended)
}

func (t *turn) Wait() (Answer, error) {
	<-t.ended
	answer, err := t.reader.end(t.exit, strings.TrimSpace(joblog.Clean(string(t.tail.Bytes()))))
	if t.err != nil {
		err = &runapi.Error{Code: CodeFailed, What: fmt.Sprintf("The engine could not be run: %v.", t.err)}
	}
	return answer, err
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
