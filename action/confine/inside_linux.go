package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Inside is the first process of a confinement, its PID 1. It takes its order from
// the runner over the control socket, opens the ports that lead to the runner's
// sockets, becomes the user that programs run as, and runs the program. When the
// program ends, so does it, and with it everything in its PID namespace; the same
// when the runner says so or is gone.
func Inside(control string) int {
	conn, err := net.Dial("unix", control)
	if err != nil {
		fmt.Fprintln(os.Stderr, "inside: reach the runner:", err)
		return 125
	}
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	var o order
	if err := in.Decode(&o); err != nil {
		fmt.Fprintln(os.Stderr, "inside: no order:", err)
		return 125
	}
	// What is sent to PID 1 from inside changes nothing. (Not ignored: that would be
	// handed down to the program.)
	signal.Notify(make(chan os.Signal, 1))
	program, err := o.begin()
	if err != nil {
		_ = out.Encode(report{Failed: err.Error(), Missing: errors.Is(err, exec.ErrNotFound)})
		return 126
	}
	_ = out.Encode(report{Started: true})
	_ = os.Stdin.Close()
	go func() {
		for {
			var w wish
			if err := in.Decode(&w); err != nil {
				os.Exit(128 + int(syscall.SIGKILL))
			}
			if w.Stop {
				_ = syscall.Kill(-program.Pid, syscall.SIGTERM)
			}
		}
	}()
	code := reapUntil(program.Pid)
	// A container engine shows a container its own cgroup here.
	_ = out.Encode(report{Ended: true, Code: code, Limit: outOfMemory(cgroupRoot, cgroupRoot+"/memory")})
	return code
}

// begin does what the order says up to the program's start.
func (o order) begin() (*os.Process, error) {
	for _, f := range o.Forwards {
		l, err := net.Listen("tcp", f.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen for the program: %w", err)
		}
		go forward(l, f.Socket)
	}
	// If the machine runs out of memory, this is what goes first.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	if err := o.Limits.set(); err != nil {
		return nil, err
	}
	if o.User != 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(o.User), syscall.Setuid(o.User)); err != nil {
			return nil, fmt.Errorf("become user %d: %w", o.User, err)
		}
	}
	if o.Filter {
		if err := filterCalls(); err != nil {
			return nil, err
		}
	}
	// The program is the same user: it must not be able to take PID 1 over.
	HideMemory()
	if err := os.Chdir(o.Dir); err != nil {
		return nil, err
	}
	path, err := lookPath(o.Argv[0], o.Dir, o.Env)
	if err != nil {
		return nil, err
	}
	p, err := os.StartProcess(path, o.Argv, &os.ProcAttr{
		Dir: o.Dir, Env: o.Env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, unable(path, err)
	}
	return p, nil
}

func (l processLimits) set() error {
	for resource, limit := range map[int]uint64{
		syscall.RLIMIT_NOFILE: l.OpenFiles, syscall.RLIMIT_FSIZE: l.FileBytes, rlimitProcesses: l.Processes,
	} {
		if limit == 0 {
			continue
		}
		var now syscall.Rlimit
		if syscall.Getrlimit(resource, &now) == nil && now.Max < limit {
			limit = now.Max
		}
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("set limit %d: %w", resource, err)
		}
	}
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// reapUntil collects whatever ends, until pid has, and returns its exit code.
func reapUntil(pid int) int {
	for {
		var ws syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // no children: its end was missed, which cannot be
			return 125
		case ended == pid && ws.Signaled():
			return 128 + int(ws.Signal())
		case ended == pid:
			return ws.ExitStatus()
		}
	}
}
