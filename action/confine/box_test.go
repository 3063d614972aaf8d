package confine_test

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// boxes are the kinds of containers that tests are about, and what each needs.
var boxes = map[string]string{confine.ModeBubblewrap: "bwrap", confine.ModeDocker: "docker", confine.ModePodman: "podman"}

// eachBox runs a test in every kind of container that this machine has, or that
// ANVIL_BOXES names with spaces between: those must work (make test-containers).
func eachBox(t *testing.T, test func(t *testing.T, c *confine.Choice)) {
	eachBoxLimited(t, func(mode string) runapi.Containment { return runapi.Containment{Mode: mode} }, test)
}

func eachBoxLimited(t *testing.T, limits func(mode string) runapi.Containment, test func(t *testing.T, c *confine.Choice)) {
	named := strings.Fields(os.Getenv("ANVIL_BOXES"))
	for mode, program := range boxes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(program); err != nil && !slices.Contains(named, mode) {
				t.Skipf("%s is not on this machine", program)
			}
			if len(named) > 0 && !slices.Contains(named, mode) {
				t.Skipf("ANVIL_BOXES does not name %s", mode)
			}
			test(t, choose(t, limits(mode), os.Environ()...))
		})
	}
}

// choose chooses what was named, or skips the test with what the machine lacks.
func choose(t *testing.T, c runapi.Containment, job ...string) *confine.Choice {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	choice, err := confine.Choose(t.Context(), confine.Options{Containment: c, Environ: job, Self: self})
	if err != nil && os.Getenv("ANVIL_BOXES") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("this machine can't: %v", err)
	}
	return choice
}

// room makes an empty room.
func room(t *testing.T) confine.Room {
	dir := t.TempDir()
	r := confine.Room{Tree: filepath.Join(dir, "tree"), Home: filepath.Join(dir, "home"), Temp: filepath.Join(dir, "temp")}
	for _, d := range []string{r.Tree, r.Home, r.Temp} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// newBox makes a confinement that is closed at the test's end.
func newBox(t *testing.T, c *confine.Choice, r confine.Room) confine.Confinement {
	t.Helper()
	b, err := c.New(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// sh runs a script inside and returns what it printed.
func sh(t *testing.T, c *confine.Choice, b confine.Confinement, script string) (string, confine.Exit) {
	t.Helper()
	env, _ := confine.Environment(c.Job(), confine.InsideHome, confine.InsideTemp, nil)
	var out bytes.Buffer
	p, err := b.Start(t.Context(), confine.Spec{Argv: []string{"sh", "-c", script}, Dir: confine.InsideTree, Env: env, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), exit
}

// What a program inside sees of itself and of the machine.
func TestInside(t *testing.T) {
	t.Parallel()
	eachBox(t, func(t *testing.T, c *confine.Choice) {
		r := room(t)
		b := newBox(t, c, r)
		for what, script := range map[string]string{
			"it is not root, and has no capability": `[ "$(id -u)" != 0 ] && grep -q 'CapEff:.0*$' /proc/self/status && grep -q 'CapPrm:.0*$' /proc/self/status &&
				grep -q 'CapAmb:.0*$' /proc/self/status && grep -q 'NoNewPrivs:.1' /proc/self/status`,
			"it has one group":                              `[ "$(id -G)" = "$(id -u)" ]`,
			"it sees no process but its own":                `[ "$(ls -d /proc/[0-9]* | wc -l)" -le 5 ] && [ "$(tr '\0' ' ' < /proc/1/cmdline | grep -c inside)" = 1 ]`,
			"it can't read PID 1's memory or environment":   `! cat /proc/1/environ 2>/dev/null && ! cat /proc/1/mem 2>/dev/null`,
			"it has the loopback and no other way":          `[ "$(ls /sys/class/net 2>/dev/null || tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')" = lo ] && ! grep -q '[^[:space:]]' /etc/resolv.conf && [ "$(wc -l < /proc/net/route)" = 1 ]`,
			"no shadow, no root's home, no /run, no docker": `! [ -e /etc/shadow ] && ! ls /root 2>/dev/null | grep . && ! ls /run 2>/dev/null | grep . && ! [ -S /var/run/docker.sock ] && ! ls /home 2>/dev/null | grep .`,
			"it can write its own and nothing else":         `echo x > /anvil/tree/f && echo x > ~/f && echo x > /tmp/f && for d in / /anvil /usr /etc /dev /anvil/bin /anvil/sockets; do ! touch $d/f 2>/dev/null || exit 1; done`,
			"it can't become another user":                  `! sudo -n true 2>/dev/null && ! su -c true 2>/dev/null && ! unshare -Ur true 2>/dev/null && ! unshare -m true 2>/dev/null`,
			"home and temporary directory":                  `[ "$HOME" = /anvil/home ] && [ "$TMPDIR" = /tmp ] && [ "$PWD" = /anvil/tree ]`,
		} {
			if out, exit := sh(t, c, b, script); exit.Code != 0 {
				t.Errorf("not so: %s: %s", what, out)
			}
		}
		if text, err := os.ReadFile(filepath.Join(r.Home, "f")); err != nil || string(text) != "x\n" {
			t.Errorf("what it wrote: %q %v", text, err)
		}
	})
}

// What the runner makes in the tree while programs are at work is theirs once it is given.
func TestGive(t *testing.T) {
	t.Parallel()
	eachBox(t, func(t *testing.T, c *confine.Choice) {
		r := room(t)
		b := newBox(t, c, r)
		if out, exit := sh(t, c, b, "true"); exit.Code != 0 {
			t.Fatal(out)
		}
		dir := filepath.Join(r.Tree, "new")
		file := filepath.Join(dir, "file")
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(file, []byte("by the runner\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, file} {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := b.Give(f); err != nil {
				t.Fatal(err)
			}
		}
		if out, exit := sh(t, c, b, "echo by a program >> new/file && echo beside > new/other && chmod 700 new && rm -r new"); exit.Code != 0 {
			t.Errorf("not theirs: %s", out)
		}
	})
}

// A socket of the runner is reached by a port of the loopback inside.
func TestReach(t *testing.T) {
	t.Parallel()
	eachBox(t, func(t *testing.T, c *confine.Choice) {
		b := newBox(t, c, room(t))
		dir, err := os.MkdirTemp("", "reach")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		l, err := net.Listen("unix", filepath.Join(dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			said, _ := bufio.NewReader(conn).ReadString('\n')
			_, _ = conn.Write([]byte("you said " + said))
		}()
		addr, err := b.Reach(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath("bash"); err != nil {
			t.Skip("no bash, which can speak TCP")
		}
		out, exit := sh(t, c, b, `exec bash -c 'exec 3<>/dev/tcp/`+strings.Replace(addr, ":", "/", 1)+` && echo hello >&3 && cat <&3'`)
		if exit.Code != 0 || out != "you said hello\n" {
			t.Errorf("exit code %d: %s", exit.Code, out)
		}
	})
}
