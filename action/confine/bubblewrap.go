//go:build unix

package confine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// bubblewrap makes containers with bwrap: the machine's own system read-only, and
// namespaces of its own for everything.
type bubblewrap struct{}

func (bubblewrap) ready(ctx context.Context, c *Choice) error {
	path, err := LookPath("bwrap", c.Environ)
	if err != nil {
		return errors.New("bwrap is not on PATH (apt-get install bubblewrap)")
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	c.Evidence.Version = strings.TrimPrefix(strings.TrimSpace(string(out)), "bubblewrap ")
	c.useMachine()
	if os.Geteuid() == 0 {
		c.Evidence.User = "a user that nothing else on the machine is"
	} else {
		c.Evidence.User = fmt.Sprintf("user %d of a user namespace", namespaceUser)
	}
	g := newCgroup(c.Containment)
	c.limited(g.lacks)
	g.remove()
	return nil
}

func (bubblewrap) launch(b *box, mounts []Mount, o *order) launch {
	path, _ := LookPath("bwrap", b.choice.Environ) // it was there a moment ago
	args := []string{
		"--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
		"--hostname", "anvil", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL",
	}
	if b.user == os.Geteuid() {
		args = append(args, "--unshare-user", "--disable-userns", "--uid", strconv.Itoa(namespaceUser), "--gid", strconv.Itoa(namespaceUser))
	} else {
		// It stays root until Inside has become the programs' user: only root can
		// mount what that user may not reach by its path.
		args = append(args, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
		o.User = b.user
	}
	args = append(args, "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", strconv.FormatInt(sharedMemory, 10), "--tmpfs", "/dev/shm")
	made := []string{"/proc", "/dev"}
	for _, m := range mounts {
		// Directories that it makes on the way would be closed to others.
		for _, dir := range above(m.Inside) {
			if !slices.ContainsFunc(made, func(there string) bool { return within(dir, there) }) {
				args = append(args, "--perms", "0755", "--dir", dir)
			}
		}
		made = append(made, m.Inside)
		if target, err := os.Readlink(m.Outside); err == nil && m.Outside == m.Inside {
			args = append(args, "--symlink", target, m.Inside) // such as /bin
			continue
		}
		how := "--ro-bind"
		if m.Writable {
			how = "--bind"
		}
		args = append(args, how, m.Outside, m.Inside)
	}
	args = append(args, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", "/", "--", insideRunner, "inside", insideControl)
	cmd := &exec.Cmd{Path: path, Args: append([]string{path}, args...), Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/"}
	o.Filter = true
	return launch{cmd: cmd, group: newCgroup(b.choice.Containment), kill: func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }}
}

// sharedMemory is the size of /dev/shm, in bytes.
const sharedMemory = 64 << 20

// above lists the directories that a path lies in, without the root, outermost
// first.
func above(path string) []string {
	var list []string
	for dir := filepath.Dir(path); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		list = append([]string{dir}, list...)
	}
	return list
}
