//go:build unix

package confine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// startTime is how long a container may take until its program runs.
const startTime = time.Minute

// firstPort is where the ports inside that lead to the runner begin. They are free:
// the network is the confinement's own.
const firstPort = 39100

// box is a confinement with a system, processes and a network of its own. Each
// program gets a container of its own; what they share is in the room.
type box struct {
	choice *Choice
	room   Room
	mounts []Mount
	dir    string // private to the runner: control sockets and the like
	user   int    // of the programs, as the machine counts

	mu       sync.Mutex
	before   int64 // bytes that were there before the first program
	owned    bool  // what the programs write to is theirs
	forwards []forwarding
	sockets  []Mount
}

// Path names a path of the runner as programs inside do.
func (b *box) Path(outside string) string { return inside(b.mounts, outside) }

// Reach makes a port inside lead to the socket.
func (b *box) Reach(socket string) (string, error) {
	// Who may enter its directory decides who may connect outside; inside, programs
	// are another user and get the socket alone.
	if err := os.Chmod(socket, 0o666); err != nil {
		return "", fmt.Errorf("reach %s: %w", socket, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.forwards)
	f := forwarding{Listen: fmt.Sprintf("127.0.0.1:%d", firstPort+n), Socket: fmt.Sprintf("%s/%d", insideSockets, n)}
	b.forwards = append(b.forwards, f)
	b.sockets = append(b.sockets, Mount{Outside: socket, Inside: f.Socket, Writable: true})
	return f.Listen, nil
}

// Close takes the confinement away.
func (b *box) Close() error { return os.RemoveAll(b.dir) }

// Start starts a container with the program, and returns when the program runs or
// is known not to.
func (b *box) Start(ctx context.Context, s Spec) (Process, error) {
	if len(s.Argv) == 0 {
		return nil, errors.New("no program to run")
	}
	control, err := os.MkdirTemp(b.dir, "c")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	l, err := net.Listen("unix", filepath.Join(control, "s"))
	if err == nil {
		err = os.Chmod(l.Addr().String(), 0o666)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	defer l.Close()
	b.mu.Lock()
	err = b.own()
	mounts := append(append([]Mount{}, b.mounts...), b.sockets...)
	o := order{Argv: s.Argv, Env: last(s.Env), Dir: s.Dir, Forwards: b.forwards, Limits: b.choice.processLimits()}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if o.Dir == "" {
		o.Dir = InsideTree
	}
	mounts = append(mounts, Mount{Outside: l.Addr().String(), Inside: insideControl, Writable: true})
	how := b.choice.kind.launch(b, mounts, &o)
	early := &early{to: s.Stderr}
	cmd := how.cmd
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, early
	if same(s.Stdout, s.Stderr) {
		cmd.Stdout = early // one writer keeps the order of the lines
	}
	cmd.WaitDelay = drain
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &boxed{cmd: cmd, kill: how.kill, group: how.group, grace: s.Grace, stop: make(chan struct{}), gone: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		how.group.remove()
		return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.gone)
		_ = l.Close() // whoever waits for it to connect waits no more
	}()
	begin, begun := context.WithTimeout(ctx, startTime)
	defer begun()
	context.AfterFunc(begin, func() { _ = l.Close() })
	if err := p.give(l, o); err != nil {
		p.end()
		how.group.remove()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, notBegun(s.Argv[0], strings.TrimSpace(early.String()), err)
	}
	early.pass()
	go p.watch(ctx)
	go p.watchDisk(b)
	return p, nil
}

// notBegun says why a program did not start.
func notBegun(program, said string, err error) error {
	var r *refusal
	switch {
	case errors.As(err, &r) && r.Missing:
		return fmt.Errorf("start %s: %s: %w", program, r.Failed, exec.ErrNotFound)
	case errors.As(err, &r):
		return &runapi.Error{
			Code: CodeEngine, What: fmt.Sprintf("%s can't run in this environment: %s.", program, r.Failed),
			Next: "Use an image of this machine's architecture with the libraries that the program needs; nothing was asked of a model.",
		}
	}
	if said == "" {
		said = err.Error()
	}
	return &runapi.Error{
		Code: CodeStart, What: fmt.Sprintf("The container for %s did not start: %s.", program, strings.TrimSuffix(said, ".")),
		Next: "Look at the runner's own log, then say /anvil retry.",
	}
}

// refusal is a report that the program was not started.
type refusal struct{ report }

func (r *refusal) Error() string { return r.Failed }

// boxed is a program in a container.
type boxed struct {
	cmd   *exec.Cmd
	kill  func() // ends the container from outside
	group *cgroup
	grace time.Duration

	conn net.Conn
	in   *json.Decoder

	stopOnce sync.Once
	stop     chan struct{} // closed by Stop
	gone     chan struct{} // closed when the container has ended
	err      error         // of its process; read once gone is closed

	mu      sync.Mutex
	stopped bool
	limit   string // that was hit
}

// hit notes that a limit was.
func (p *boxed) hit(limit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = limit
}

// give waits for the first process inside, gives it its order, and returns once
// the program runs.
func (p *boxed) give(l net.Listener, o order) error {
	conn, err := l.Accept()
	if err != nil {
		return errors.New("its first process did not come up")
	}
	_ = l.Close() // it is the only one to be answered
	p.conn, p.in = conn, json.NewDecoder(conn)
	_ = conn.SetDeadline(time.Now().Add(startTime))
	if err := p.group.take(conn); err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return err
	}
	var r report
	if err := p.in.Decode(&r); err != nil {
		return fmt.Errorf("its first process said nothing: %w", err)
	}
	if !r.Started {
		return &refusal{r}
	}
	return conn.SetDeadline(time.Time{})
}

func (p *boxed) Stop() { p.stopOnce.Do(func() { close(p.stop) }) }

// watch turns a request to stop into a SIGTERM inside and, after the grace, the end
// of everything.
func (p *boxed) watch(ctx context.Context) {
	select {
	case <-p.gone:
		return
	case <-p.stop:
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	_ = p.conn.SetWriteDeadline(time.Now().Add(p.grace))
	_ = json.NewEncoder(p.conn).Encode(wish{Stop: true})
	select {
	case <-p.gone:
	case <-time.After(p.grace):
		p.end()
	}
}

// end ends everything, and returns when it is gone.
func (p *boxed) end() {
	if p.conn != nil {
		_ = p.conn.Close()
		select {
		case <-p.gone: // its PID 1 has gone, and all with it
		case <-time.After(drain):
		}
	}
	p.kill()
	<-p.gone
}

func (p *boxed) Wait() (Exit, error) {
	var last report
	_ = p.in.Decode(&last) // or the end of the connection
	<-p.gone
	_ = p.conn.Close()
	p.kill()
	if limit := cmp.Or(p.group.remove(), last.Limit); limit != "" {
		p.hit(limit)
	}
	p.mu.Lock()
	exit := Exit{Code: last.Code, Stopped: p.stopped, Limit: p.limit}
	p.mu.Unlock()
	if !last.Ended {
		// Its PID 1 was ended too, by the kernel or by us.
		if exit.Code = p.cmd.ProcessState.ExitCode(); exit.Code <= 0 {
			exit.Code = 128 + int(syscall.SIGKILL)
		}
	}
	var ended *exec.ExitError
	if p.err != nil && !errors.As(p.err, &ended) && !errors.Is(p.err, exec.ErrWaitDelay) {
		return exit, fmt.Errorf("run %s: %w", p.cmd.Path, p.err)
	}
	return exit, nil
}

// early keeps what is said before the program runs, which is about the container,
// and passes on what comes after.
type early struct {
	mu   sync.Mutex
	to   io.Writer
	kept strings.Builder
	open bool
}

func (e *early) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open {
		if e.to == nil {
			return len(p), nil
		}
		return e.to.Write(p)
	}
	if e.kept.Len() < 4<<10 {
		e.kept.Write(p)
	}
	return len(p), nil
}

// pass lets everything through, first what was kept.
func (e *early) pass() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open = true
	if e.to != nil && e.kept.Len() > 0 {
		_, _ = e.to.Write([]byte(e.kept.String()))
	}
}

func (e *early) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kept.String()
}

// same reports whether both are one writer. Writers that can't be compared are not.
func same(a, b io.Writer) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}
