//go:build unix

package confine

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// openFiles is how many files a process may have open.
const openFiles = 65536

// rlimitProcesses is RLIMIT_NPROC, which package syscall does not name.
const rlimitProcesses = 6

// processLimits hold wherever programs run, without a cgroup.
func (c *Choice) processLimits() processLimits {
	l := processLimits{OpenFiles: openFiles}
	// The system counts a user's processes wherever they run, and where the runner is not
	// root its own are among them: only what no cgroup counts is left to that.
	if n := c.Containment.PIDs; n > 0 && !c.counted {
		l.Processes = uint64(n)
	}
	if n := c.Containment.DiskBytes; n > 0 {
		l.FileBytes = uint64(n)
	}
	return l
}

// limited finds out which limits will hold, for the evidence. why says of a cgroup's
// controller what it lacks, or nothing.
func (c *Choice) limited(why func(controller string) string) {
	e := &c.Evidence
	say := func(asked bool, text, controller, otherwise string) {
		missing := why(controller)
		switch {
		case !asked:
		case missing == "":
			e.Holds = append(e.Holds, text)
		case otherwise != "":
			e.Holds = append(e.Holds, otherwise)
		default:
			e.Lacks = append(e.Lacks, text+" ("+missing+")")
		}
	}
	w := c.Containment
	c.counted = why("pids") == ""
	say(w.MemoryBytes > 0, fmt.Sprintf("%d MiB of memory", w.MemoryBytes>>20), "memory", "")
	say(w.CPUs > 0, fmt.Sprintf("%g processors", w.CPUs), "cpu", "")
	say(w.PIDs > 0, fmt.Sprintf("%d processes", w.PIDs), "pids", fmt.Sprintf("%d processes of its user", w.PIDs))
	e.Holds = append(e.Holds, fmt.Sprintf("%d open files in a process", openFiles))
	if w.DiskBytes > 0 {
		e.Holds = append(e.Holds, fmt.Sprintf("%d MiB on disk (watched)", w.DiskBytes>>20))
	}
}

// watchDisk ends the container when its programs have written more than they may.
// It looks once a second, or as often as takes a twentieth of the time.
func (p *boxed) watchDisk(b *box) {
	limit := b.choice.Containment.DiskBytes
	if limit <= 0 {
		return
	}
	wait := time.NewTimer(time.Second)
	defer wait.Stop()
	for {
		select {
		case <-p.gone:
			return
		case <-wait.C:
		}
		start := time.Now()
		if b.written() > limit {
			p.hit("disk")
			p.end()
			return
		}
		wait.Reset(max(time.Second, 20*time.Since(start)))
	}
}

// written is how many bytes the programs of the confinement have on disk, what was
// there before they began left out.
func (b *box) written() int64 {
	var sum int64
	for _, dir := range []string{b.room.Tree, b.room.Home, b.room.Temp} {
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // it went away meanwhile
			}
			if info, err := d.Info(); err == nil {
				if stat, ok := info.Sys().(*syscall.Stat_t); ok {
					sum += stat.Blocks * 512
				}
			}
			return nil
		})
	}
	return sum - b.before
}
