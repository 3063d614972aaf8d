package confine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// cgroupRoot is where cgroups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// cgroup is what holds a container's processes together: one directory in version 2,
// one for each controller in version 1. Which limits hold depends on what this
// process may make.
type cgroup struct {
	dirs map[string]string // by controller
	v2   bool
}

// newCgroup makes a cgroup with the limits, as far as this process may. It never
// fails: lacks says why a controller is missing.
func newCgroup(limits runapi.Containment) *cgroup {
	g := &cgroup{dirs: map[string]string{}}
	name := fmt.Sprintf("anvil-%d-%s", os.Getpid(), strconv.FormatUint(rand.Uint64(), 36))
	own := ownCgroups()
	if _, err := os.Stat(cgroupRoot + "/cgroup.controllers"); err == nil {
		g.v2 = true
		// A cgroup with processes in it can't pass limits on; so beside our own if not
		// below it, and as root at the top.
		for _, parent := range []string{own[""], filepath.Dir(own[""]), "/"} {
			dir := filepath.Join(cgroupRoot, parent, name)
			sweep(filepath.Dir(dir))
			if g.make2(dir) {
				break
			}
		}
	} else {
		for _, controller := range []string{"memory", "pids", "cpu"} {
			dir := filepath.Join(cgroupRoot, controller, own[controller], name)
			sweep(filepath.Dir(dir))
			if os.Mkdir(dir, 0o755) == nil {
				g.dirs[controller] = dir
			}
		}
	}
	for controller, files := range g.settings(limits) {
		for _, f := range files {
			err := os.WriteFile(filepath.Join(g.dirs[controller], f.name), []byte(f.value), 0o644)
			if err != nil && !f.optional {
				delete(g.dirs, controller)
			}
		}
	}
	return g
}

// Cgroups tells which version of cgroups the machine has, 0 for none, and which
// controllers this process may limit containers with.
func Cgroups() (version int, controllers []string) {
	switch _, err := os.Stat(cgroupRoot + "/cgroup.controllers"); {
	case err == nil:
		version = 2
	default:
		if _, err := os.Stat(cgroupRoot + "/memory"); err != nil {
			return 0, nil
		}
		version = 1
	}
	g := newCgroup(runapi.Containment{})
	defer g.remove()
	return version, slices.Sorted(maps.Keys(g.dirs))
}

// make2 makes a cgroup of version 2 with whatever controllers it gets, and reports
// whether memory and processes are among them.
func (g *cgroup) make2(dir string) bool {
	for _, controller := range []string{"memory", "pids", "cpu"} {
		_ = os.WriteFile(filepath.Join(filepath.Dir(dir), "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
	if os.Mkdir(dir, 0o755) != nil {
		return false
	}
	found := map[string]string{}
	for _, controller := range []string{"memory", "pids", "cpu"} {
		if _, err := os.Stat(filepath.Join(dir, controller+".max")); err == nil {
			found[controller] = dir
		}
	}
	if found["memory"] == "" || found["pids"] == "" {
		_ = os.Remove(dir)
		return false
	}
	g.dirs = found
	return true
}

// sweep takes away the empty cgroups of runners that were killed.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, "anvil-*-*"))
	for _, dir := range left {
		pid, err := strconv.Atoi(strings.SplitN(filepath.Base(dir), "-", 3)[1])
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.Remove(dir) // fails while something is in it
		}
	}
}

// setting is a file of a cgroup.
type setting struct {
	name, value string
	optional    bool
}

func (g *cgroup) settings(l runapi.Containment) map[string][]setting {
	all := map[string][]setting{}
	add := func(controller string, s ...setting) {
		if g.dirs[controller] != "" {
			all[controller] = append(all[controller], s...)
		}
	}
	const period = 100_000 // microseconds
	quota := strconv.Itoa(int(l.CPUs * period))
	bytes := strconv.FormatInt(l.MemoryBytes, 10)
	if g.v2 {
		if l.MemoryBytes > 0 {
			add("memory", setting{"memory.max", bytes, false}, setting{"memory.swap.max", "0", true})
		}
		if l.CPUs > 0 {
			add("cpu", setting{"cpu.max", fmt.Sprint(quota, " ", period), false})
		}
	} else {
		if l.MemoryBytes > 0 {
			add("memory", setting{"memory.limit_in_bytes", bytes, false}, setting{"memory.memsw.limit_in_bytes", bytes, true})
		}
		if l.CPUs > 0 {
			add("cpu", setting{"cpu.cfs_period_us", strconv.Itoa(period), false}, setting{"cpu.cfs_quota_us", quota, false})
		}
	}
	if l.PIDs > 0 {
		add("pids", setting{"pids.max", strconv.FormatInt(l.PIDs, 10), false})
	}
	return all
}

// lacks says why a controller limits nothing; empty if it does.
func (g *cgroup) lacks(controller string) string {
	if g.dirs[controller] != "" {
		return ""
	}
	return "the runner may make no cgroup with " + controller
}

// take moves the process at the other end of a connection into the cgroup.
// Whatever it starts from then on is there too.
func (g *cgroup) take(conn net.Conn) error {
	if g == nil || len(g.dirs) == 0 {
		return nil
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return errors.New("not a Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var peer *syscall.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if peerErr != nil {
		return peerErr
	}
	for controller, dir := range g.dirs {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(int(peer.Pid))), 0o644); err != nil {
			return fmt.Errorf("put the container under its limit of %s: %w", controller, err)
		}
	}
	return nil
}

// remove ends what is left in the cgroup and takes it away. It returns the limit
// that ended something, or empty.
func (g *cgroup) remove() (hit string) {
	if g == nil {
		return ""
	}
	hit = outOfMemory(g.dirs["memory"])
	for _, dir := range g.dirs {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0o644)
		for patience := 0; patience < 100; patience++ {
			if err := os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
				break
			}
			time.Sleep(2 * time.Millisecond) // its last process is on its way out
		}
	}
	return hit
}

// outOfMemory is "memory" if something in the cgroup was ended for lack of it.
func outOfMemory(dirs ...string) string {
	for _, dir := range dirs {
		for _, name := range []string{"memory.events", "memory.oom_control"} {
			text, _ := os.ReadFile(filepath.Join(dir, name))
			for line := range strings.Lines(string(text)) {
				if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && n != "0" {
					return "memory"
				}
			}
		}
	}
	return ""
}

// ownCgroups returns this process's own cgroup by controller; that of version 2 has
// an empty name.
func ownCgroups() map[string]string {
	own := map[string]string{}
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 {
			for controller := range strings.SplitSeq(parts[1], ",") {
				own[controller] = parts[2]
			}
		}
	}
	return own
}
