package confine_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// small limits that a test reaches quickly.
func small(mode string) runapi.Containment {
	return runapi.Containment{Mode: mode, MemoryBytes: 64 << 20, CPUs: 1, PIDs: 40, DiskBytes: 16 << 20}
}

func eachLimited(t *testing.T, test func(t *testing.T, c *confine.Choice)) {
	eachBoxLimited(t, small, test)
}

func holds(c *confine.Choice, limit string) bool {
	return slices.ContainsFunc(c.Evidence.Holds, func(h string) bool { return strings.Contains(h, limit) })
}

// A program that takes all memory is ended, and the record says by what.
func TestMemoryHog(t *testing.T) {
	t.Parallel()
	eachLimited(t, func(t *testing.T, c *confine.Choice) {
		if !holds(c, "memory") {
			t.Skip("this machine limits no memory:", c.Evidence)
		}
		_, exit := sh(t, c, newBox(t, c, room(t)), `exec head -c 300m /dev/zero | tail -c 300m > /dev/null; exit $?`)
		if exit.Code == 0 || exit.Limit != "memory" {
			t.Errorf("it ended with %+v", exit)
		}
	})
}

// A fork bomb fills its own room and is gone when its time is up.
func TestForkBomb(t *testing.T) {
	t.Parallel()
	eachLimited(t, func(t *testing.T, c *confine.Choice) {
		if !holds(c, "processes") {
			t.Skip("this machine limits no processes:", c.Evidence)
		}
		out, exit := sh(t, c, newBox(t, c, room(t)), `i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done; echo all of them`)
		if strings.Contains(out, "all of them") || exit.Code == 0 {
			t.Errorf("100 processes where 40 are allowed: %+v %s", exit, out)
		}
	})
}

// One that fills the disk is ended, by the size of a file or by all it wrote.
func TestDiskFiller(t *testing.T) {
	t.Parallel()
	eachLimited(t, func(t *testing.T, c *confine.Choice) {
		if _, exit := sh(t, c, newBox(t, c, room(t)), `exec head -c 40m /dev/zero > file`); exit.Code == 0 {
			t.Errorf("one big file: %+v", exit)
		}
		_, exit := sh(t, c, newBox(t, c, room(t)), `i=0; while :; do head -c 4m /dev/zero > ~/$((i % 10)) || exit 3; i=$((i+1)); done`)
		if exit.Code == 0 || exit.Limit != "disk" {
			t.Errorf("many files: %+v", exit)
		}
	})
}

// Nothing is left behind: no process, no cgroup, no file of the confinement.
func TestBoxLeavesNothing(t *testing.T) {
	t.Parallel()
	eachLimited(t, func(t *testing.T, c *confine.Choice) {
		r := room(t)
		b := newBox(t, c, r)
		mark := "mark" + filepath.Base(filepath.Dir(r.Tree)) + c.Evidence.Kind
		_, exit := sh(t, c, b, `setsid sh -c 'exec -a "$0" sleep 1000' `+mark+` & (setsid sh -c "trap '' TERM; while :; do sleep 1000; done" `+mark+` >/dev/null 2>&1 &) ; exit 5`)
		if exit.Code != 5 {
			t.Errorf("%+v", exit)
		}
		if p := running(mark); p != "" {
			t.Errorf("still running: %s", p)
		}
	})
}

// A program may end in its own way when it is asked to, and is ended when it does
// not listen.
func TestBoxStops(t *testing.T) {
	t.Parallel()
	eachBox(t, func(t *testing.T, c *confine.Choice) {
		for script, want := range map[string]int{
			`trap 'echo saved; exit 3' TERM; echo ready; while :; do sleep 0.01; done`: 3,
			`trap '' TERM; echo ready; while :; do sleep 100; done`:                    137,
		} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			grace := 200 * time.Millisecond
			if want == 3 {
				grace = time.Minute
			}
			p, err := newBox(t, c, room(t)).Start(ctx, confine.Spec{
				Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: first(cancel), Grace: grace,
			})
			if err != nil {
				t.Fatal(err)
			}
			if exit, err := p.Wait(); err != nil || exit.Code != want || !exit.Stopped {
				t.Errorf("want %d, got %+v %v", want, exit, err)
			}
		}
	})
}

// boxedRunner is a runner that starts a program which stays, and waits for ever.
func boxedRunner(dir string) {
	self, _ := os.Executable()
	mode := os.Getenv("MODE")
	c, err := confine.Choose(context.Background(), confine.Options{Containment: small(mode), Environ: os.Environ(), Self: self})
	if err != nil {
		panic(err)
	}
	b, err := c.New(confine.Room{Tree: dir + "/tree", Home: dir + "/home", Temp: dir + "/temp"})
	if err != nil {
		panic(err)
	}
	p, err := b.Start(context.Background(), confine.Spec{
		Argv: []string{"sh", "-c", `setsid sh -c "trap '' TERM HUP; while :; do sleep 1000; done" ` + os.Getenv("MARK") + ` & echo ready; wait`},
		Env:  []string{"PATH=/usr/bin:/bin"}, Stdout: os.Stdout,
	})
	if err != nil {
		panic(err)
	}
	_, _ = p.Wait()
}

// When the runner is killed, what it contained is gone too.
func TestBoxedRunnerKilled(t *testing.T) {
	t.Parallel()
	eachBox(t, func(t *testing.T, c *confine.Choice) {
		r := room(t)
		dir := filepath.Dir(r.Tree)
		mark := "killed" + filepath.Base(dir) + c.Evidence.Kind
		cmd := exec.Command(c.Self, "runner-with-box", dir)
		cmd.Env = append(os.Environ(), "MODE="+c.Evidence.Kind, "MARK="+mark)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 16)
		if _, err := out.Read(buf); err != nil {
			t.Fatal(err)
		}
		if running(mark) == "" {
			t.Error("the program is not to be seen before")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		// The pipe ends when the last process that holds it is gone.
		for err == nil {
			_, err = out.Read(buf)
		}
		_ = cmd.Wait()
		if p := running(mark); p != "" {
			t.Errorf("still running: %s", p)
		}
	})
}

// running finds a process of the machine by a word of its command line.
func running(mark string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if line := strings.ReplaceAll(string(text), "\x00", " "); strings.Contains(line, mark) && !strings.Contains(line, "runner-with-box") {
			return file + ": " + line
		}
	}
	return ""
}
