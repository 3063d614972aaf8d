//go:build unix

package confine

import "os/exec"

// bounds are the limits of one container that the machine sets.
type bounds struct{}

func (c *Choice) bound() (*bounds, error) { return nil, nil }

func (b *bounds) apply(*exec.Cmd, string) {}

func (b *bounds) end() string { return "" }

func (c *Choice) processLimits() processLimits {
	l := processLimits{OpenFiles: openFiles}
	if n := c.Containment.PIDs; n > 0 {
		l.Processes = uint64(n)
	}
	if n := c.Containment.DiskBytes; n > 0 {
		l.FileBytes = uint64(n)
	}
	return l
}

// openFiles is how many files a process may have open.
const openFiles = 65536
