//go:build !unix

package githubtest

import (
	"os"
	"os/exec"
)

// Elsewhere there are no signals and groups to speak of: a cancelled job is killed.
var terminate = os.Kill

func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
