package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidden are calls of the kernel that programs inside have no use for, and that
// have let programs out of containers before: mounts, other namespaces, keys that
// belong to no namespace, and young interfaces. This is for bubblewrap and Podman;
// what Docker forbids is as much.
var forbidden = []uintptr{
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_SETNS, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT,
	unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_BPF, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_KEXEC_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
}

// machines are the kernel's names for the machines that the filter is known to fit.
var machines = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// filterCalls forbids those calls to this process, all its threads, and all that it
// starts, for good. A new user namespace is forbidden too: in one, a program would
// be root over much of the kernel.
func filterCalls() error {
	machine, known := machines[runtime.GOARCH]
	if !known {
		return nil
	}
	const (
		number, arch, first = 0, 4, 16 // offsets in struct seccomp_data; first: the first argument's lower half
		load                = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal               = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		atLeast             = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		anyBit              = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		answer              = unix.BPF_RET | unix.BPF_K
		allow               = unix.SECCOMP_RET_ALLOW
		noCall              = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		forbid              = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	)
	program := []unix.SockFilter{
		{Code: load, K: arch},
		{Code: equal, K: machine, Jt: 1}, // the numbers below are this machine's
		{Code: answer, K: noCall},
		{Code: load, K: number},
		{Code: atLeast, K: 0x40000000, Jf: 1}, // a second set of numbers on amd64
		{Code: answer, K: noCall},
		{Code: equal, K: unix.SYS_CLONE3, Jf: 1}, // its flags are out of sight; all fall back on clone
		{Code: answer, K: noCall},
	}
	for _, call := range forbidden {
		program = append(program, unix.SockFilter{Code: equal, K: uint32(call), Jf: 1}, unix.SockFilter{Code: answer, K: forbid})
	}
	program = append(program, []unix.SockFilter{
		{Code: equal, K: unix.SYS_CLONE, Jt: 2},
		{Code: equal, K: unix.SYS_UNSHARE, Jt: 1},
		{Code: answer, K: allow},
		{Code: load, K: first},
		{Code: anyBit, K: unix.CLONE_NEWUSER, Jf: 1},
		{Code: answer, K: forbid},
		{Code: answer, K: allow},
	}...)
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&f)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	return nil
}
