//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// others lists the processes that can be seen, but for this one.
func others() []int {
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// scanned looks for secrets in a file of each process, and of this one.
func scanned(name string) (bool, string) {
	read, seen := 0, others()
	for _, pid := range append(seen, os.Getpid()) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			continue
		}
		read++
		if s := secretIn(b); s != "" {
			return true, fmt.Sprintf("process %d has %s", pid, s)
		}
	}
	return false, fmt.Sprintf("%d processes seen beside itself, %d could be read, no secret", len(seen), read)
}

func readEnvironments() (bool, string) { return scanned("environ") }
func readCommandLines() (bool, string) { return scanned("cmdline") }

// readMemory reads what other processes have in their memory, by both ways there are.
func readMemory() (bool, string) {
	open := 0
	for _, pid := range others() {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			continue
		}
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		got := false
		for line := range bytes.Lines(maps) {
			var from, end uint64
			if _, scanErr := fmt.Sscanf(string(line), "%x-%x", &from, &end); scanErr != nil || end-from > 256<<20 {
				continue
			}
			buf := make([]byte, min(end-from, 16<<20))
			n := 0
			if err == nil {
				n, _ = mem.ReadAt(buf, int64(from))
			}
			if n <= 0 {
				local := []unix.Iovec{{Base: &buf[0], Len: uint64(len(buf))}}
				n, _ = unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(from), Len: len(buf)}}, 0)
			}
			if n > 0 {
				got = true
				if s := secretIn(buf[:n]); s != "" {
					return true, fmt.Sprintf("the memory of process %d has %s", pid, s)
				}
			}
		}
		if got {
			open++
		}
	}
	return false, fmt.Sprintf("the memory of %d of %d processes could be read, no secret", open, len(others()))
}

// attach tries to take processes over.
func attach() (bool, string) {
	var why []string
	for _, pid := range others() {
		err := syscall.PtraceAttach(pid)
		if err == nil {
			_ = syscall.PtraceDetach(pid)
			return true, fmt.Sprintf("attached to process %d", pid)
		}
		why = append(why, fmt.Sprintf("%d: %v", pid, err))
	}
	return false, strings.Join(why, ", ")
}

// searchDisk reads every small file that can be read, the system's own left out.
func searchDisk() (bool, string) {
	began, files := time.Now(), 0
	var found string
	skip := map[string]bool{"/proc": true, "/sys": true, "/dev": true, "/usr": true, "/lib": true, "/lib64": true, "/bin": true, "/sbin": true, "/opt": true, "/nix": true,
		"/anvil/caches": true, // of the machine's Go: programs that have the shapes of secrets in them
	}
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err != nil || skip[path] {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		// Package caches and its own program hold no secrets and take long.
		if time.Since(began) > 10*time.Second || strings.Contains(path, "/go/pkg/") {
			return fs.SkipAll
		}
		info, err := d.Info()
		self, _ := os.Executable()
		if err != nil || !d.Type().IsRegular() || info.Size() > 1<<20 || path == self {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		if s := secretIn(b); s != "" {
			found = path + " has " + s
			return fs.SkipAll
		}
		return nil
	})
	if found != "" {
		return true, found
	}
	return false, fmt.Sprintf("%d files read, no secret", files)
}

// readFile reads what it knows the path of, by that and around corners.
func readFile() (bool, string) {
	var why []string
	for _, path := range []string{to.File, "/proc/1/root" + to.File, "/proc/1/cwd", fmt.Sprintf("/proc/%d/root%s", os.Getppid(), to.File), "/anvil/../" + to.File, "/proc/self/root/.." + to.File} {
		b, err := os.ReadFile(path)
		if err == nil && secretIn(b) != "" {
			return true, "read " + path
		}
		if err != nil {
			why = append(why, err.Error())
		}
	}
	return false, strings.Join(why, "; ")
}

// findIdentity looks for what mints identity tokens.
func findIdentity() (bool, string) {
	for _, kv := range os.Environ() {
		// By these it is told of its own endpoint, whose token opens nothing else.
		if strings.HasPrefix(kv, "ANVIL_TOOLS_") || strings.HasPrefix(kv, "ANVIL_MODEL_") {
			continue
		}
		if strings.HasPrefix(kv, "ACTIONS_") || strings.HasPrefix(kv, "GITHUB_") || strings.HasPrefix(kv, "RUNNER_") || strings.HasPrefix(kv, "ANVIL_") || strings.HasPrefix(kv, "INPUT_") {
			name, _, _ := strings.Cut(kv, "=")
			return true, "its environment has " + name
		}
	}
	return false, fmt.Sprintf("none among %d variables", len(os.Environ()))
}

// becomeRoot tries what makes a process more than it was.
func becomeRoot() (bool, string) {
	if os.Geteuid() == 0 {
		return true, "it is root"
	}
	status, _ := os.Open("/proc/self/status")
	defer status.Close()
	noNew := false
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 2 && f[0] == "CapEff:" && strings.Trim(f[1], "0") != "" {
			return true, "it has capabilities " + f[1]
		}
		noNew = noNew || len(f) == 2 && f[0] == "NoNewPrivs:" && f[1] == "1"
	}
	if err := syscall.Setuid(0); err == nil {
		return true, "setuid(0) worked"
	}
	for _, path := range []string{"/usr/bin/sudo", "/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount"} {
		var st syscall.Stat_t
		if syscall.Stat(path, &st) == nil && st.Mode&syscall.S_ISUID != 0 && !noNew {
			return true, path + " would make it root"
		}
	}
	return false, fmt.Sprintf("user %d, no capability, new privileges off: %v", os.Geteuid(), noNew)
}

// enterNamespaces tries to get out by namespaces, mounts and devices.
func enterNamespaces() (bool, string) {
	var why []string
	for _, ns := range []string{"net", "mnt", "pid", "user"} {
		f, err := os.Open("/proc/1/ns/" + ns)
		if err != nil {
			why = append(why, err.Error())
			continue
		}
		mine, _ := os.Readlink("/proc/self/ns/" + ns)
		its, _ := os.Readlink("/proc/1/ns/" + ns)
		if err := unix.Setns(int(f.Fd()), 0); err == nil && mine != its {
			return true, "entered the " + ns + " namespace of process 1"
		}
		f.Close()
	}
	for _, path := range []string{"/dev/mem", "/dev/kmem", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/fuse", "/dev/kvm", "/proc/kcore", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/sys/fs/cgroup/release_agent"} {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			f.Close()
			return true, "opened " + path
		}
	}
	if err := unix.Mount("none", os.TempDir(), "tmpfs", 0, ""); err == nil {
		return true, "mounted a file system"
	}
	return false, "no namespace, device or mount; " + strings.Join(why, "; ")
}
