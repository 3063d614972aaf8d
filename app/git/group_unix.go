//go:build unix

package git

import (
	"os/exec"
	"syscall"
)

// ownGroup starts cmd in a process group of its own and lets the end of its
// context kill the whole group: git's transport programs are its children.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
