package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// forgetProgram lets go of the pages of the program's file that the start has read. Most are
// never needed again, and those that are come back from the system's cache. Where that
// can't be done, nothing is lost.
func forgetProgram() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		f := strings.Fields(lines.Text()) // addresses, permissions, offset, device, inode, path
		if len(f) < 6 || f[5] != program || strings.Contains(f[1], "w") || !strings.HasSuffix(f[1], "p") {
			continue // what was written to can't be read again from the file
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err := strconv.ParseUint(from, 16, 64)
		if err != nil {
			return
		}
		end, err := strconv.ParseUint(to, 16, 64)
		if err != nil || end <= start {
			return
		}
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(start), uintptr(end-start), syscall.MADV_DONTNEED)
	}
}
