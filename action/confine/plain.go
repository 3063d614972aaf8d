//go:build unix

package confine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// drain is how long output may go on after a program is gone: long enough for
// what is in the pipe.
const drain = time.Second

// Plain runs programs as child processes.
type Plain struct {
	// Supervisor is the command that runs [Supervise] with the arguments that
	// follow. Empty means none: then only the process group is ended, and a
	// program that left its group goes on.
	Supervisor []string

	mu        sync.Mutex
	listeners []net.Listener // of Reach
}

// Start starts the program in a process group of its own.
func (p *Plain) Start(ctx context.Context, s Spec) (Process, error) {
	if len(s.Argv) == 0 {
		return nil, errors.New("no program to run")
	}
	path, err := lookPath(s.Argv[0], s.Dir, s.Env)
	if err != nil {
		return nil, err
	}
	argv := append([]string{path}, s.Argv[1:]...)
	supervised := len(p.Supervisor) > 0 && canSupervise
	if supervised {
		argv = append(append([]string{}, p.Supervisor...), argv...)
	}
	cmd := &exec.Cmd{
		Path: argv[0], Args: argv, Dir: s.Dir, Env: s.Env,
		Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		WaitDelay:   drain,
	}
	c := &child{cmd: cmd, grace: s.Grace, stop: make(chan struct{}), gone: make(chan struct{})}
	if supervised {
		// The supervisor holds the reading end. When this process ends, however it
		// ends, the supervisor reads the end of the file and ends the program.
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
		}
		defer r.Close()
		cmd.ExtraFiles = []*os.File{r}
		c.alive = w
	}
	if err := cmd.Start(); err != nil {
		c.closeAlive()
		return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	go c.stopper(ctx)
	return c, nil
}

type child struct {
	cmd   *exec.Cmd
	grace time.Duration
	alive *os.File

	stopOnce sync.Once
	stop     chan struct{} // closed by Stop
	gone     chan struct{} // closed when the program has ended

	mu      sync.Mutex
	stopped bool
}

func (c *child) Stop() { c.stopOnce.Do(func() { close(c.stop) }) }

// stopper turns a request to stop into signals: SIGTERM, then, after the grace,
// SIGKILL.
func (c *child) stopper(ctx context.Context) {
	select {
	case <-c.gone:
		return
	case <-c.stop:
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.signal(syscall.SIGTERM)
	t := time.NewTimer(c.grace)
	defer t.Stop()
	select {
	case <-c.gone:
		return
	case <-t.C:
	}
	if c.alive != nil {
		c.closeAlive() // the supervisor ends everything and then itself
		return
	}
	c.signal(syscall.SIGKILL)
}

// signal reaches the whole group. Under a supervisor that is the supervisor
// alone, which passes it on.
func (c *child) signal(sig syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, sig) }

func (c *child) closeAlive() {
	if c.alive != nil {
		_ = c.alive.Close()
	}
}

func (c *child) Wait() (Exit, error) {
	err := c.cmd.Wait()
	c.signal(syscall.SIGKILL) // what is left of the group
	close(c.gone)
	c.closeAlive()
	c.mu.Lock()
	exit := Exit{Code: c.cmd.ProcessState.ExitCode(), Stopped: c.stopped}
	c.mu.Unlock()
	if ws, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		exit.Code = 128 + int(ws.Signal())
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) && !errors.Is(err, exec.ErrWaitDelay) {
		return exit, fmt.Errorf("run %s: %w", c.cmd.Path, err)
	}
	return exit, nil
}
