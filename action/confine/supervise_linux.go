package confine

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const canSupervise = true

// aliveFD is where the supervisor finds the pipe whose end means that the runner
// is gone, or wants an end of it.
const aliveFD = 3

// Supervise runs argv, passes SIGINT and SIGTERM on to it, and returns its exit
// code once argv and everything it started are gone. It makes this process the
// parent of whatever argv detaches, so it must be all that this process does.
func Supervise(argv []string) int {
	syscall.CloseOnExec(aliveFD)
	const prSetChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		fmt.Fprintln(os.Stderr, "supervise: become the parent of orphans:", errno)
		return 125
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 126
	}
	// The runner reads until the last holder of these is gone; let that be argv.
	_ = os.Stdin.Close()

	go func() {
		var one [1]byte
		for {
			if _, err := syscall.Read(aliveFD, one[:]); err != syscall.EINTR {
				break
			}
		}
		endDescendants()
	}()
	go func() {
		for s := range signals {
			_ = syscall.Kill(-p.Pid, s.(syscall.Signal))
		}
	}()

	code := 0
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // no children: argv's end was missed, which cannot be
			return 125
		}
		if pid == p.Pid {
			code = ws.ExitStatus()
			if ws.Signaled() {
				code = 128 + int(ws.Signal())
			}
			break
		}
	}
	reapAll()
	return code
}

// reapAll ends what is left and waits until it is gone, or for so long that
// something must be stuck in the kernel.
func reapAll() {
	for patience := time.Now().Add(5 * time.Second); time.Now().Before(patience); {
		endDescendants()
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.ECHILD {
			return
		}
		if pid == 0 {
			time.Sleep(time.Millisecond) // killed, not yet gone
		}
	}
}

// endDescendants kills every process below this one. What they start in the
// meantime is found in the next round, since killing leaves no parent to hide
// behind: orphans come here.
func endDescendants() {
	for _, pid := range descendants(os.Getpid()) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// descendants lists the processes below root.
func descendants(root int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, ok := parentOf(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	var out []int
	for next := children[root]; len(next) > 0; {
		var below []int
		for _, pid := range next {
			out = append(out, pid)
			below = append(below, children[pid]...)
		}
		next = below
	}
	return out
}

// parentOf reads the parent from /proc/PID/stat. The program's name is in the
// middle, in brackets, and may hold anything: the fields that count follow the
// last bracket.
func parentOf(pid int) (int, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	return parent, err == nil
}
