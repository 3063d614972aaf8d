package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

const (
	// outputLimit caps what a command may print where the whole is kept.
	outputLimit = 4 << 20
	// tailLimit is how much of standard error is kept.
	tailLimit = 4 << 10
	// afterlife is how long a killed process may keep its pipes open.
	afterlife = 5 * time.Second
)

// command is one process to be.
type command struct {
	dir    string // the repository, if any
	args   []string
	stdin  io.Reader
	env    []string
	remote *remote
	// stream, if set, reads standard output as it comes, instead of having
	// it kept whole.
	stream func(io.Reader) error
}

// run starts c, waits for its end, and returns what it printed.
func (p *Program) run(ctx context.Context, c command) ([]byte, error) {
	var settings []setting
	if c.remote != nil {
		settings = c.remote.settings()
	}
	cmd := exec.CommandContext(ctx, p.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = append(p.environment(c.dir, settings), c.env...)
	cmd.Stdin = c.stdin
	cmd.WaitDelay = afterlife
	ownGroup(cmd)
	errs := &tail{}
	cmd.Stderr = errs

	var out capped
	var err error
	if c.stream == nil {
		cmd.Stdout = &out
		err = cmd.Run()
	} else {
		err = stream(cmd, c.stream)
	}
	if err == nil {
		return out.Bytes(), nil
	}
	failed := &Error{Op: c.args[0], Code: -1, Stderr: errs.String(), Cause: err}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		failed.Code = exit.ExitCode()
	}
	if c.remote != nil {
		failed.Stderr = c.remote.blot(failed.Stderr)
	}
	if ctx.Err() != nil {
		failed.Cause = context.Cause(ctx)
	}
	return out.Bytes(), failed
}

// stream hands cmd's output to read, and lets cmd go when read has had enough.
func stream(cmd *exec.Cmd, read func(io.Reader) error) error {
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = read(pipe)
	if err != nil {
		pipe.Close()
		if cmd.Cancel != nil {
			_ = cmd.Cancel()
		}
		_ = cmd.Wait() // its complaint is about the closed pipe
		return err
	}
	return cmd.Wait()
}

// Error is a git command that failed. It is for the operator: what git says may
// contain paths of this machine and words of whoever made the input.
type Error struct {
	Op     string // the git command, such as "fetch"
	Code   int    // exit status; -1 if it did not exit by itself
	Stderr string // the last of what it said
	Cause  error
}

func (e *Error) Error() string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		return fmt.Sprintf("git %s: %v", e.Op, e.Cause)
	}
	return fmt.Sprintf("git %s: %v: %s", e.Op, e.Cause, said)
}

func (e *Error) Unwrap() error { return e.Cause }

// ErrTooBig is wrapped by errors about more output or input than was allowed.
var ErrTooBig = errors.New("more than allowed")

// capped is a buffer that refuses to grow beyond outputLimit.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > outputLimit {
		return 0, fmt.Errorf("output: %w", ErrTooBig)
	}
	return c.Buffer.Write(p)
}

// tail keeps the last bytes written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - tailLimit; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "\uFFFD") }
